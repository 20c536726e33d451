/**
 * Datagrams: what an app may send by UDP. For each address and port that a rule names there is a socket inside; for each
 * of the app's own sockets that sends to it there is one outside, connected, so that only who was asked is heard.
 *
 * Invariants
 * - Where no rule names an address and a port there is no socket, and the kernel refuses at once.
 * - Whom an address belongs to is looked up anew for each conversation; while it goes on, the name keeps its address.
 * - What there is no room or allowance for is dropped, as on any network.
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { Allowance, NameAddresses } from "../../broker/index.ts";
import { decideConnection } from "../../broker/index.ts";
import { type SocketHandle, type SocketsProblem, type SocketWanted } from "../../host/index.ts";
import type { NetworkRule } from "../../model/index.ts";
import type { Result } from "../../result.ts";
import type { HostNames } from "./host-names.ts";
import { addressesFor } from "./outgoing.ts";
import type { Asker, Programs } from "./programs.ts";
import { ownAddresses } from "./own-addresses.ts";
import { refusalWords } from "./reasons.ts";
import type { Counted, Tally } from "./tally.ts";

/** Sockets inside; each name has two for each port. */
const SOCKETS_MOST = 256;

/** Conversations of one instance at a time. */
const CONVERSATIONS_MOST = 256;

/** Datagrams that wait while a name is looked up. */
const WAITING_MOST = 16;

/** A conversation is over when nothing has been said for so long. */
const IDLE_MS = 60_000;

type MakeSockets = (wanted: readonly SocketWanted[]) => Promise<Result<readonly SocketHandle[], SocketsProblem>>;

export interface DatagramParts {
  readonly rules: readonly NetworkRule[];
  readonly names: HostNames;
  readonly tally: Tally;
  readonly addresses: NameAddresses;
  readonly allowanceOf: (rule: NetworkRule) => Allowance | undefined;
  readonly make: MakeSockets;
  readonly programs: Programs;
}

interface Conversation {
  readonly close: () => void;
  readonly send: (datagram: Buffer) => void;
}

export class DatagramRelay {
  readonly #parts: DatagramParts;
  readonly #rules: readonly NetworkRule[];
  readonly #inside = new Map<string, Promise<Socket | undefined>>();
  readonly #conversations = new Map<string, Conversation>();
  #closed = false;

  constructor(parts: DatagramParts) {
    this.#parts = parts;
    this.#rules = parts.rules.filter(({ protocol }) => protocol === "udp");
  }

  /** Makes the sockets of all addresses that rules name. */
  async openAddresses(): Promise<void> {
    for (const { target, port = 0 } of this.#rules)
      if (target.kind === "addresses") await this.#open([{ address: target.address, port }]);
  }

  /** Makes the sockets of a name, before the app is told its addresses. */
  async openName(name: string, addresses: readonly string[]): Promise<void> {
    const ports = new Set(this.#rules.map(({ port = 0 }) => port).filter((port) => this.#allowed({ name }, port)));
    await this.#open([...ports].flatMap((port) => addresses.map((address) => ({ address, port }))));
  }

  close(): void {
    this.#closed = true;
    for (const conversation of this.#conversations.values()) conversation.close();
    for (const opened of this.#inside.values()) void opened.then((socket) => socket?.close());
  }

  #allowed(target: { readonly name: string } | { readonly address: string }, port: number) {
    const verdict = decideConnection(this.#parts.rules, { target, port, protocol: "udp" }, ownAddresses());
    return verdict.kind === "allowed" ? verdict.rule : undefined;
  }

  async #open(places: readonly { readonly address: string; readonly port: number }[]): Promise<void> {
    const waiting: Promise<unknown>[] = [];
    for (const { address, port } of places) {
      const key = `${address} ${port}`;
      if (!this.#inside.has(key) && this.#inside.size < SOCKETS_MOST) this.#inside.set(key, this.#make(address, port));
      waiting.push(this.#inside.get(key) ?? Promise.resolve());
    }
    await Promise.all(waiting);
  }

  async #make(address: string, port: number): Promise<Socket | undefined> {
    const made = await this.#parts.make([{ kind: "datagrams", address, port }]);
    const handle = made.ok ? made.value[0] : undefined;
    // One that could not be made is tried again when the name is next asked for.
    if (handle === undefined) this.#inside.delete(`${address} ${port}`);
    if (handle === undefined) return undefined;
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.on("error", () => {});
    socket.on("message", (datagram, from) => this.#take(socket, { address, port }, from, datagram));
    // Of its own kind of handles Node takes one here, and does not say so (dgram.js, `bind`).
    const options: object = handle;
    await new Promise<void>((resolve) => socket.bind(options, resolve));
    if (this.#closed) socket.close();
    return socket;
  }

  #take(inside: Socket, to: { readonly address: string; readonly port: number }, from: RemoteInfo, datagram: Buffer) {
    const key = `${to.address} ${to.port} ${from.address} ${from.port}`;
    let conversation = this.#conversations.get(key);
    if (conversation === undefined) {
      const name = this.#parts.addresses.nameAt(to.address);
      const shown = `${name ?? (to.address.includes(":") ? `[${to.address}]` : to.address)}:${to.port}/udp`;
      if (this.#conversations.size >= CONVERSATIONS_MOST) {
        const because = `more than ${CONVERSATIONS_MOST} conversations at a time`;
        this.#parts.tally.note({ allowed: false, to: shown, because }, 1, this.#parts.programs.sending(from.port));
        return;
      }
      const target = name === undefined ? { address: to.address } : { name };
      const reply = (said: Buffer) => inside.send(said, from.port, from.address, () => {});
      conversation = this.#begin(target, to.port, {
        key,
        shown,
        reply,
        asker: this.#parts.programs.sending(from.port),
      });
      this.#conversations.set(key, conversation);
    }
    conversation.send(datagram);
  }

  #begin(
    target: { readonly name: string } | { readonly address: string },
    port: number,
    {
      key,
      shown,
      reply,
      asker,
    }: {
      readonly key: string;
      readonly shown: string;
      readonly reply: (said: Buffer) => void;
      readonly asker: Asker;
    },
  ): Conversation {
    const { addresses, tally, names } = this.#parts;
    const release = "name" in target ? addresses.hold(target.name) : () => {};
    let outside: Socket | undefined;
    let waiting: Buffer[] | undefined = [];
    let over = false;
    let counted: Counted | undefined;
    let allowance: Allowance | undefined;
    const close = () => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      this.#conversations.delete(key);
      outside?.close();
      release();
    };
    const timer = setTimeout(close, IDLE_MS).unref();
    const refuse = (because: string) => {
      tally.note({ allowed: false, to: shown, because }, 1, asker);
      close();
    };
    const passes = (bytes: number) => {
      timer.refresh();
      if (over || counted === undefined) return false;
      const take = allowance?.take(bytes, Date.now(), performance.now());
      return take === undefined || (take.kind === "bytes" && take.bytes === bytes);
    };
    const send = (datagram: Buffer) => {
      if (waiting !== undefined) {
        if (waiting.length < WAITING_MOST) waiting.push(datagram);
        return;
      }
      if (!passes(Math.max(1, datagram.length)) || counted === undefined) return;
      counted.sent += datagram.length;
      outside?.send(datagram, () => {});
    };
    const begin = async () => {
      const rule = this.#allowed(target, port);
      if (rule === undefined) return refuse(refusalWords("no-rule"));
      const found = await addressesFor(rule, target, names);
      if (over) return;
      const because = found.ok ? undefined : found.problem.because;
      if (!found.ok) return refuse(because === "unknown" ? "it has no address" : refusalWords(because ?? "no-address"));
      const [address = ""] = found.value;
      const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
      outside = socket;
      socket.on("error", close);
      socket.on("message", (said) => {
        if (!passes(Math.max(1, said.length)) || counted === undefined) return;
        counted.received += said.length;
        reply(said);
      });
      await new Promise<void>((resolve) => socket.connect(port, address, resolve));
      if (over) return;
      allowance = this.#parts.allowanceOf(rule);
      counted = tally.note({ allowed: true, to: shown, because: rule.text, rule }, 1, asker);
      const kept = waiting ?? [];
      waiting = undefined;
      for (const datagram of kept) send(datagram);
    };
    void begin().catch(close);
    return { send, close };
  }
}
