/**
 * Networks: of each start that has a network by names, the agent's end of it. Made ready before the app runs, taken over
 * by the next agent, gone with the compartment.
 *
 * Which address a name has is written beside the start: an app that was told it goes on with it under the next agent.
 */
import { Socket } from "node:net";
import { GATE } from "../../backends/index.ts";
import { NameAddresses } from "../../broker/index.ts";
import { readStatus } from "../../compartment/index.ts";
import { helperPath, makeSockets, type ProcessName } from "../../host/index.ts";
import type { CompartmentSpec, Contribution, NetworkRule } from "../../model/index.ts";
import type { Asks } from "../asks/asks.ts";
import type { Start, StartRecord } from "../compartments.ts";
import { type AgentContext, QUIET } from "../context.ts";
import { Allowances } from "./allowances.ts";
import { networkInForce } from "./in-force.ts";
import { type Gate, openGate } from "./gate.ts";
import { HostNames } from "./host-names.ts";
import { watchRefused } from "./refused-watch.ts";
import { InstanceNetwork, type NetworkGranted } from "./instance-network.ts";
import { type Counted, type Decided, Tally } from "./tally.ts";

/** Many names are often asked for at once. */
const WRITTEN_AFTER_MS = 50;

/** An agent that is killed forgets at most what has passed in this time. */
const USED_KEPT_EVERY_MS = 5_000;

const NOTHING: NetworkGranted = { rules: [], links: [], requestOf: () => "", empty: false };

interface Standing {
  readonly spec: CompartmentSpec;
  readonly tally: Tally;
  readonly network: InstanceNetwork;
  readonly addresses: NameAddresses;
  gate: Gate | undefined;
  listening: Promise<boolean> | undefined;
  /** Ends the watch over what the kernel has refused. */
  unwatch: () => void;
  /** Writes down what has been used up, for the last time. */
  readonly keepAllowances: () => Promise<void>;
}

export interface NetworkState {
  readonly connections: number;
  readonly counted: readonly Readonly<Counted>[];
  /** Decisions about targets that are not counted by themselves. */
  readonly others: number;
}

export class Networks {
  readonly #context: AgentContext;
  readonly #asks: Asks;
  readonly #childOf: (name: string) => ProcessName | undefined;
  readonly #names: HostNames;
  readonly #standing = new Map<string, Standing>();
  readonly #takenOver = new Set<string>();

  /** @param childOf - the first process of a running instance's app */
  constructor(context: AgentContext, asks: Asks, childOf: (name: string) => ProcessName | undefined) {
    this.#childOf = childOf;
    this.#context = context;
    this.#asks = asks;
    this.#names = new HostNames(context.dns);
  }

  /** Before the wall of a start is started: from here on it finds somebody at its gate. */
  async expect({ spec, passing }: StartRecord): Promise<void> {
    const granted = grantedIn(spec.contributions);
    if (granted === undefined) return;
    const standing = await this.#make({ spec, passing }, granted, new NameAddresses());
    standing.gate = await openGate(`${this.#folder(spec)}/${GATE}`, async () => {
      const wall = await this.#wallOf(spec);
      return wall !== undefined && (await this.#listen(standing, wall));
    });
  }

  /** A start whose app runs: one that this agent has not begun itself is taken over. */
  stands({ record, child }: Start): void {
    const { spec } = record;
    const known = this.#standing.get(spec.id);
    known?.gate?.close();
    if (known !== undefined || grantedIn(spec.contributions) === undefined || child === undefined) return;
    void this.#takeOver(record, child).catch((error: unknown) => {
      process.stderr.write(`the network of ${spec.id} cannot be taken over: ${String(error)}\n`);
    });
  }

  async ended(id: string): Promise<void> {
    const standing = this.#standing.get(id);
    this.#standing.delete(id);
    this.#takenOver.delete(id);
    standing?.gate?.close();
    standing?.unwatch();
    standing?.network.close();
    await standing?.tally.flush();
    await standing?.keepAllowances();
  }

  /**
   * From now on the contributions hold in a running compartment that has such a network.
   *
   * @returns how many connections were ended
   */
  async change(id: string, contributions: readonly Contribution[]): Promise<number> {
    return (await this.#standing.get(id)?.network.change(grantedIn(contributions) ?? NOTHING)) ?? 0;
  }

  /** Undefined where the start has no such network. */
  stateOf(id: string): NetworkState | undefined {
    const standing = this.#standing.get(id);
    if (standing === undefined) return undefined;
    const { network, tally } = standing;
    return { connections: network.connections, counted: tally.counted, others: tally.others };
  }

  async #takeOver({ spec, passing }: StartRecord, child: ProcessName): Promise<void> {
    // Two looks may come to it at once.
    if (this.#takenOver.has(spec.id)) return;
    this.#takenOver.add(spec.id);
    const granted = grantedIn(await networkInForce(spec, this.#context)) ?? NOTHING;
    const text = await this.#context.performer.readText(`${this.#folder(spec)}/names.json`);
    const addresses = NameAddresses.from(parsed(text ?? "")) ?? new NameAddresses();
    await this.#listen(await this.#make({ spec, passing }, granted, addresses), child);
  }

  /** A connection to a port on the loopback of another instance, made in there. */
  async #dial(to: string, port: number): Promise<Socket | undefined> {
    const of = this.#childOf(to);
    if (of === undefined) return undefined;
    const helper = helperPath(this.#context.places.program);
    const made = await makeSockets(helper, of, [{ kind: "dial", address: "127.0.0.1", port }]);
    const [handle] = made.ok ? made.value : [];
    // Node takes such a handle, and does not say so (net.js, `Socket`).
    const options: object = { handle, allowHalfOpen: true };
    return handle === undefined ? undefined : new Socket(options);
  }

  /** Its user namespace is the one that the network belongs to. */
  async #wallOf(spec: CompartmentSpec): Promise<ProcessName | undefined> {
    const text = await this.#context.performer.readText(`${this.#folder(spec)}/status`);
    const { wallPid, startTicks } = readStatus(text ?? "");
    return wallPid === undefined || startTicks === undefined ? undefined : { pid: wallPid, startTicks };
  }

  #folder({ id }: CompartmentSpec): string {
    return `${this.#context.places.runtime}/compartments/${id}`;
  }

  async #make(
    { spec, passing }: Pick<StartRecord, "spec" | "passing">,
    granted: NetworkGranted,
    addresses: NameAddresses,
  ): Promise<Standing> {
    const tally = new Tally(async (decided, times) => await this.#record(spec, decided, times));
    const changed = this.#writing(spec, addresses);
    const used = `${this.#context.places.state}/network/${spec.name}.json`;
    const allowances = new Allowances(parsed((await this.#context.performer.readText(used)) ?? ""));
    const network = new InstanceNetwork(granted, {
      ...{ names: this.#names, tally, addresses, changed, allowances },
      ask: async (request, target, signal) =>
        await this.#asks.ask({ instance: spec.name, compartment: spec.id, request, target }, signal),
      dial: async (to, port) => await this.#dial(to, port),
    });
    let kept = JSON.stringify(allowances.state);
    const keepAllowances = async () => {
      const content = JSON.stringify(allowances.state);
      // Nothing of a passing instance is kept, and its name comes but once.
      if (content === kept || passing) return;
      kept = content;
      await this.#context.performer.perform({ kind: "write-file", path: used, mode: 0o600, content }, QUIET);
    };
    const timer = setInterval(() => void keepAllowances().catch(() => {}), USED_KEPT_EVERY_MS).unref();
    const standing: Standing = {
      ...{ spec, tally, network, addresses, gate: undefined, listening: undefined, unwatch: () => {} },
      keepAllowances: async () => {
        clearInterval(timer);
        await keepAllowances();
      },
    };
    this.#standing.set(spec.id, standing);
    return standing;
  }

  #writing(spec: CompartmentSpec, addresses: NameAddresses): () => void {
    let timer: NodeJS.Timeout | undefined;
    let written = "";
    const write = async () => {
      timer = undefined;
      const content = JSON.stringify(addresses.state);
      // Where the start has ended, its folder is gone, and is not made again.
      if (content === written || !this.#standing.has(spec.id)) return;
      written = content;
      const path = `${this.#folder(spec)}/names.json`;
      await this.#context.performer.perform({ kind: "write-file", path, mode: 0o600, content }, QUIET);
    };
    return () => {
      timer ??= setTimeout(() => void write(), WRITTEN_AFTER_MS).unref();
    };
  }

  async #listen(standing: Standing, of: ProcessName): Promise<boolean> {
    standing.listening ??= standing.network.listen(helperPath(this.#context.places.program), of).then(async (done) => {
      const wall = await this.#wallOf(standing.spec);
      if (done.ok && wall !== undefined)
        standing.unwatch = watchRefused(wall, this.#context.facts, standing.addresses, standing.tally);
      if (!done.ok)
        process.stderr.write(`${standing.spec.id}: its network has no listeners: ${done.problem.because}\n`);
      return done.ok;
    });
    return await standing.listening;
  }

  async #record({ name, id }: CompartmentSpec, decided: Decided | undefined, times: number): Promise<void> {
    const { allowed = false, to = "others", because = "too many at once to be named" } = decided ?? {};
    const kind = allowed ? "net-allowed" : "net-refused";
    await this.#context.audit.append({ kind, instance: name, id, to, because, times });
  }
}

/** What the contributions of a start let through; undefined where it has no such network. */
function grantedIn(contributions: readonly Contribution[]): NetworkGranted | undefined {
  const found = contributions.filter((entry) => entry.kind === "named-network");
  const links = contributions.filter((entry) => entry.kind === "link");
  if (found.length === 0 && links.length === 0) return undefined;
  const requests = new Map(found.flatMap(({ rules, request }) => rules.map((rule) => [rule, request] as const)));
  const requestOf = (rule: NetworkRule) => requests.get(rule) ?? found[0]?.request ?? "";
  return { rules: [...requests.keys()], links, requestOf, empty: found.some(({ empty }) => empty === true) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
