/**
 * Instance network: the agent's end of one compartment's network. Names are answered, connections decided and made.
 *
 * Who asks is known by the socket that the question came through, and by nothing that is said.
 *
 * Invariants
 * - A connection is made to an address that was decided on, and to no other: a name is not looked up again on the way.
 * - What is not allowed is answered at once, and counted.
 * - The limits are this instance's own: what one uses up is no other's.
 */
import { createSocket, type Socket as Datagrams } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { NAMED_NETWORK } from "../../backends/index.ts";
import { Allowance, decideConnection, NameAddresses, whyNotSameName } from "../../broker/index.ts";
import { makeSockets, type ProcessName, type SocketHandle, type SocketsProblem } from "../../host/index.ts";
import type { NetworkRule } from "../../model/index.ts";
import { type Result, success } from "../../result.ts";
import { type DatagramParts, DatagramRelay } from "./datagrams.ts";
import type { Allowances } from "./allowances.ts";
import { relayCounted } from "./counted-relay.ts";
import { firstBytes } from "./first-bytes.ts";
import { holds, type Made, type NetworkGranted } from "./granted.ts";
import type { HostNames } from "./host-names.ts";
import { addressesFor, connectToFirst } from "./outgoing.ts";
import { type Asker, Programs } from "./programs.ts";
import { Lender } from "./lender.ts";
import { ownAddresses } from "./own-addresses.ts";
import { refusalWords, sameNameWords } from "./reasons.ts";
import type { RefusedByKernel } from "./kernel-filter.ts";
import { bufferedAgain } from "./reading.ts";
import { answerTo, serveStream } from "./resolver.ts";
import type { Decided, Tally } from "./tally.ts";

/** Connections at a time. */
const CONNECTIONS_MOST = 1_000;

/** New connections in a second, over some time; as many again at once. */
const NEW_PER_SECOND = 500;

const LINK_GONE = "its link has been taken away";

/** Keeps the address of a name for the next agent. */
export type InstanceNetworkKeeps = (name: string, address: string) => Promise<void>;

export interface NetworkParts {
  readonly names: HostNames;
  readonly tally: Tally;
  readonly addresses: NameAddresses;
  /** The owner's word on a target whose rule asks, while the connection waits. */
  readonly ask: (request: string, target: string, signal: AbortSignal) => Promise<boolean>;
  readonly allowances: Allowances;
  /** A connection to a port of another instance; undefined where it does not run, or nothing listens there. */
  readonly dial: (to: string, port: number) => Promise<Socket | undefined>;
  /** Before an app is told an address: the next agent must know of whom it is. */
  readonly keep: InstanceNetworkKeeps;
  /** It is a virtual machine's: its loopback is its own, and which of its programs asks is not to be seen from here. */
  readonly inMachine: boolean;
}

export class InstanceNetwork {
  readonly #parts: NetworkParts;
  #datagramRelay: DatagramRelay | undefined;
  #closed = false;
  #granted: NetworkGranted;
  #make: DatagramParts["make"] | undefined;
  /** Connections that are made, with what each was made under, and what ends it. */
  readonly #made = new Map<Socket, Made & { readonly end: () => void }>();
  readonly #programs = new Programs();
  readonly #servers: Server[] = [];
  readonly #datagrams: Datagrams[] = [];
  readonly #apps = new Set<Socket>();
  readonly #outgoing = new Set<Socket>();
  readonly #lender = new Lender();
  /** Of connections, so that one app does not keep this process busy: bytes are only its word for it. */
  readonly #pace = new Allowance({ bytesPerDay: undefined, bytesPerSecond: NEW_PER_SECOND });

  constructor(granted: NetworkGranted, parts: NetworkParts) {
    this.#granted = granted;
    this.#parts = parts;
  }

  /**
   * From now on this holds. What was made under a rule or a link that is not there any more as it was is ended.
   *
   * @returns how many connections were ended
   */
  async change(granted: NetworkGranted): Promise<number> {
    this.#granted = granted;
    const astray = [...this.#made.values()].filter((one) => !holds(granted, one));
    for (const { end } of astray) end();
    this.#datagramRelay?.close();
    this.#datagramRelay = undefined;
    await this.#relayDatagrams();
    return astray.length;
  }

  /** @param of - a process of the compartment's network */
  async listen(helper: string, of: ProcessName): Promise<Result<void, SocketsProblem>> {
    const { connections } = NAMED_NETWORK;
    const resolver = this.#parts.inMachine ? NAMED_NETWORK.resolverOfMachine : NAMED_NETWORK.resolver;
    const made = await makeSockets(helper, of, [
      ...connections.map((one) => ({ kind: "listen" as const, ...one })),
      { kind: "listen", ...resolver },
      { kind: "datagrams", ...resolver },
    ]);
    if (!made.ok) return made;
    if (!this.#parts.inMachine) this.#programs.listen(of);
    const [four, six, names, datagrams] = made.value;
    if (four === undefined || six === undefined || names === undefined || datagrams === undefined)
      throw new Error("fewer sockets than were asked for");
    for (const handle of [four, six])
      await this.#serve(
        handle,
        (socket) => {
          this.#take(socket).catch((error: unknown) => fault(error, socket));
        },
        bufferedAgain,
      );
    await this.#serve(names, (socket) =>
      serveStream(socket, async (query) => await this.#answer(query, this.#programs.behind(socket))),
    );
    await this.#answerDatagrams(datagrams);
    this.#make = async (wanted) => await makeSockets(helper, of, wanted);
    await this.#relayDatagrams();
    return success(undefined);
  }

  async #relayDatagrams(): Promise<void> {
    const { names, tally, addresses, allowances } = this.#parts;
    const { rules, empty } = this.#granted;
    const make = this.#make;
    if (make === undefined || empty || !rules.some(({ protocol }) => protocol === "udp")) return;
    const allowanceOf = (rule: NetworkRule) => allowances.of(rule);
    this.#datagramRelay = new DatagramRelay({
      rules,
      names,
      tally,
      addresses,
      allowanceOf,
      make,
      programs: this.#programs,
    });
    await this.#datagramRelay.openAddresses();
    for (const [name] of addresses.state.names) await this.#openName(name);
  }

  async #openName(name: string): Promise<void> {
    const given = this.#parts.addresses.give(name);
    if (given.ok) await this.#datagramRelay?.openName(name, [given.value.four, given.value.six]);
  }

  /** What the kernel has refused before it came here: why, and by its name. */
  decidedOf({ address, port, protocol }: RefusedByKernel): Decided {
    const { rules, links, empty } = this.#granted;
    const name = this.#parts.addresses.nameAt(address);
    const to = `${name ?? shownAddress(address)}:${port}/${protocol}`;
    const refused = (because: string, rule?: NetworkRule) => ({ allowed: false, to, because, rule });
    if (links.some(({ as }) => as === name)) return refused("it is linked with another port");
    if (empty) return refused("the network is empty");
    const target = name === undefined ? { address } : { name };
    const verdict = decideConnection(rules, { target, port, protocol }, ownAddresses());
    // By now a rule may allow what none did then.
    return verdict.kind === "refused"
      ? refused(refusalWords(verdict.because), verdict.rule)
      : refused(refusalWords("no-rule"));
  }

  close(): void {
    this.#closed = true;
    this.#datagramRelay?.close();
    for (const server of this.#servers) server.close();
    for (const socket of this.#datagrams) socket.close();
    for (const socket of [...this.#apps, ...this.#outgoing]) socket.resetAndDestroy();
  }

  get connections(): number {
    return this.#apps.size;
  }

  async #serve(handle: SocketHandle, take: (socket: Socket) => void, adopt = asItIs): Promise<void> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (accepted) => {
      const socket = adopt(accepted);
      socket.on("error", () => {});
      const why = this.#whyNoMore();
      if (why !== undefined) {
        const to = `${targetOf(socket).shown}/tcp`;
        this.#parts.tally.note({ allowed: false, to, because: why }, 1, this.#programs.behind(socket));
        socket.resetAndDestroy();
        return;
      }
      this.#apps.add(socket);
      socket.once("close", () => this.#apps.delete(socket));
      take(socket);
    });
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(handle, resolve);
    });
  }

  #whyNoMore(): string | undefined {
    if (this.#apps.size >= CONNECTIONS_MOST) return `more than ${CONNECTIONS_MOST} connections at a time`;
    const paced = this.#pace.take(1, Date.now(), performance.now());
    return paced.kind === "bytes" ? undefined : `more than ${NEW_PER_SECOND} new connections in a second`;
  }

  async #answerDatagrams(handle: SocketHandle): Promise<void> {
    const socket = createSocket("udp4");
    this.#datagrams.push(socket);
    socket.on("error", () => {});
    socket.on("message", (query, from) => {
      const send = (answer: Uint8Array | undefined) => {
        if (answer !== undefined && !this.#closed) socket.send(answer, from.port, from.address, () => {});
      };
      this.#answer(query, this.#programs.sending(from.port)).then(send, fault);
    });
    // Of its own kind of handles Node takes one here, and does not say so (dgram.js, `bind`).
    const options: object = handle;
    await new Promise<void>((resolve) => socket.bind(options, resolve));
  }

  async #answer(query: Uint8Array, asker: Asker): Promise<Uint8Array | undefined> {
    const { addresses, tally, keep } = this.#parts;
    const { answer, given } = answerTo(query, this.#granted, addresses, (decided) => tally.note(decided, 1, asker));
    if (given === undefined) return answer;
    await keep(given.name, given.addresses.join(" "));
    await this.#datagramRelay?.openName(given.name, given.addresses);
    return answer;
  }

  async #takeLink(
    app: Socket,
    { links }: NetworkGranted,
    name: string,
    port: number,
    refuse: (because: string) => void,
  ): Promise<void> {
    const { addresses, tally, dial } = this.#parts;
    const link = links.find((one) => one.as === name && one.port === port);
    if (link === undefined) return refuse("it is linked with another port");
    const release = addresses.hold(name);
    try {
      const server = await dial(link.to, link.port);
      if (server === undefined) return refuse(`nobody answers there in ${link.to}`);
      this.#outgoing.add(server);
      server.once("close", () => this.#outgoing.delete(server));
      // Links may have changed while it was being made.
      if (!holds(this.#granted, { link })) {
        server.destroy();
        return refuse(LINK_GONE);
      }
      const revoked = this.#keep(app, server, { link });
      const to = `${name}:${port}/tcp`;
      const counted = tally.note({ allowed: true, to, because: `link to ${link.to}` }, 1, this.#programs.behind(app));
      await relayCounted(app, server, counted, { allowance: undefined, lender: this.#lender });
      if (revoked.aborted) tally.note({ allowed: false, to, because: LINK_GONE });
    } finally {
      release();
    }
  }

  /** @returns aborted once it has been ended since what it was made under is gone */
  #keep(app: Socket, server: Socket, made: Made): AbortSignal {
    const revoked = new AbortController();
    const end = () => {
      revoked.abort();
      for (const socket of [app, server]) socket.resetAndDestroy();
    };
    this.#made.set(app, { ...made, end });
    app.once("close", () => this.#made.delete(app));
    return revoked.signal;
  }

  async #take(app: Socket): Promise<void> {
    const { tally, addresses, names } = this.#parts;
    const granted = this.#granted;
    const { address, port } = targetOf(app);
    const name = addresses.nameAt(address);
    const to = `${name === undefined ? targetOf(app).shown : `${name}:${port}`}/tcp`;
    const asker = this.#programs.behind(app);
    const refuse = (because: string, rule?: NetworkRule) => {
      tally.note({ allowed: false, to, because, rule }, 1, asker);
      app.resetAndDestroy();
    };
    if (granted.links.some(({ as }) => as === name))
      return await this.#takeLink(app, granted, name ?? "", port, refuse);
    if (granted.empty) return refuse("the network is empty");
    const target = name === undefined ? { address } : { name };
    const wanted = { target, port, protocol: "tcp" } as const;
    const verdict = decideConnection(granted.rules, wanted, ownAddresses());
    if (verdict.kind === "refused") return refuse(refusalWords(verdict.because), verdict.rule);
    const { rule } = verdict;
    const release = name === undefined ? () => {} : addresses.hold(name);
    try {
      const asked = rule.answer === "ask";
      const request = granted.requestOf(rule);
      if (asked && !(await this.#parts.ask(request, `${name ?? address}:${port}`, untilClosed(app))))
        return refuse("its owner was asked, and it was not allowed", rule);
      const begun = rule.sameName ? await firstBytes(app) : undefined;
      const other = begun === undefined ? undefined : whyNotSameName(begun.hello, name ?? "");
      if (other !== undefined) return refuse(sameNameWords(other), rule);
      const found = await addressesFor(rule, target, names);
      if (!found.ok)
        return refuse(
          found.problem.because === "unknown" ? "it has no address" : refusalWords(found.problem.because),
          rule,
        );
      const server = await connectToFirst(found.value, port, app);
      if (server === undefined) return refuse("nobody answers there", rule);
      this.#outgoing.add(server);
      server.once("close", () => this.#outgoing.delete(server));
      // Rules may have changed while it was being made.
      if (granted !== this.#granted && !holds(this.#granted, { wanted, rule })) {
        server.destroy();
        return refuse("its rule has been taken away");
      }
      const revoked = this.#keep(app, server, { wanted, rule });
      const counted = tally.note({ allowed: true, to, because: rule.text, rule }, 1, asker);
      if (begun !== undefined) server.write(begun.bytes);
      const allowance = this.#parts.allowances.of(rule);
      const passed = await relayCounted(app, server, counted, { allowance, lender: this.#lender });
      if (revoked.aborted) tally.note({ allowed: false, to, because: "its rule has been taken away" });
      if (passed.usedUp) tally.note({ allowed: false, to, because: `the quota of ${rule.text} is used up`, rule });
    } finally {
      release();
    }
  }
}

const asItIs = (socket: Socket) => socket;

/** Aborted once the socket is closed. */
function untilClosed(socket: Socket): AbortSignal {
  const closed = new AbortController();
  socket.once("close", () => closed.abort());
  return closed.signal;
}

/** A fault of ours ends one connection, and not all that this process serves. */
function fault(error: unknown, socket?: Socket): void {
  process.stderr.write(`a network fails: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  socket?.destroy();
}

/** Where the app wanted to go: to this address the listener was led, whatever its own is. */
function targetOf({ localAddress: address = "", localPort: port = 0 }: Socket) {
  return { address, port, shown: `${shownAddress(address)}:${port}` };
}

function shownAddress(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
