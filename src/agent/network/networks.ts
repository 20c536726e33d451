/**
 * Networks: of each start that has a network by names, the agent's end of it. Made ready before the app runs, taken over
 * by the next agent, gone with the compartment.
 *
 * Which address a name has is written beside the start: an app that was told it goes on with it under the next agent.
 */
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { GATE } from "../../backends/index.ts";
import { NameAddresses } from "../../broker/index.ts";
import { readStatus } from "../../compartment/index.ts";
import { HostsFile, type ProcessName } from "../../host/index.ts";
import { type CompartmentSpec, type Contribution, helperPath } from "../../model/index.ts";
import { boots } from "../launch/machine.ts";
import type { Asks } from "../asks/asks.ts";
import type { Start, StartRecord } from "../start-record.ts";
import { type AgentContext, QUIET } from "../context.ts";
import { Allowances } from "./allowances.ts";
import { networkInForce } from "./in-force.ts";
import { dial, type Dialled, DIALS_MOST } from "./dial.ts";
import { type Gate, openGate } from "./gate.ts";
import { grantedIn, NOTHING } from "./granted.ts";
import { HostNames } from "./host-names.ts";
import { InstanceNetwork, type InstanceNetworkKeeps } from "./instance-network.ts";
import { type FilterParts, KernelFilter } from "./kernel-filter.ts";
import { placeOf } from "./rule-place.ts";
import { type Counted, type Decided, Tally } from "./tally.ts";
import { Turns } from "../turns.ts";

/** hosts(5). */
const HOSTS = "/etc/hosts";

/** Of which names it is known that they are written down; far more than a start has at a time. */
const KEPT_MOST = 20_000;

/** A killed agent's listeners may be gone only after it. */
const LISTENS_AGAIN_AFTER_MS = 250;

const LISTENS_TRIES = 40;

/** An agent that is killed forgets at most what has passed in this time. */
const USED_KEPT_EVERY_MS = 5_000;

interface Standing {
  readonly spec: CompartmentSpec;
  /** What holds now. */
  contributions: readonly Contribution[];
  readonly tally: Tally;
  readonly network: InstanceNetwork;
  readonly addresses: NameAddresses;
  gate: Gate | undefined;
  listening: Promise<boolean> | undefined;
  filter: KernelFilter | undefined;
  /** Writes down what has been used up, for the last time. */
  readonly keepAllowances: () => Promise<void>;
}

/**
 * Before a connection to an instance is made.
 *
 * @returns the first process of its app, and what says that the connection has ended; undefined where it does not run
 */
type EnterLinked = (
  name: string,
) => Promise<{ readonly app: Dialled | undefined; readonly leave: () => void } | undefined>;

export interface NetworkChanged {
  /** Connections that were ended. */
  readonly ended: number;
  /** Why the kernel goes on to let begin what it did. */
  readonly astray: string | undefined;
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
  readonly #enter: EnterLinked;
  readonly #names: HostNames;
  readonly #standing = new Map<string, Standing>();
  readonly #takingOver = new Map<string, Promise<void>>();

  constructor(context: AgentContext, asks: Asks, enter: EnterLinked) {
    this.#enter = enter;
    this.#context = context;
    this.#asks = asks;
    this.#names = new HostNames(context.dns, new HostsFile(HOSTS));
  }

  /** Before the wall of a start is started: from here on it finds somebody at its gate. */
  async expect(record: StartRecord): Promise<void> {
    const { spec } = record;
    if (grantedIn(spec.contributions) === undefined) return;
    const standing = await this.#make(record, spec.contributions, new NameAddresses());
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
    // What it has for being watched is not given back to it when nobody has watched it.
    if (record.learning === true) return;
    if (known !== undefined || grantedIn(spec.contributions) === undefined || child === undefined) return;
    // Two looks may come to it at once.
    if (this.#takingOver.has(spec.id)) return;
    const taking = this.#takeOver(record, child).catch((error: unknown) => {
      process.stderr.write(`the network of ${spec.id} cannot be taken over: ${String(error)}\n`);
    });
    this.#takingOver.set(spec.id, taking);
  }

  async ended(id: string): Promise<void> {
    await this.#takingOver.get(id);
    const standing = this.#standing.get(id);
    this.#standing.delete(id);
    this.#takingOver.delete(id);
    standing?.gate?.close();
    await standing?.filter?.end();
    standing?.network.close();
    await standing?.tally.flush();
    await standing?.keepAllowances();
  }

  /**
   * From now on the contributions hold in a running compartment that has such a network: first for who decides, then in
   * the kernel. In between is refused what either of them refuses.
   */
  async change(id: string, contributions: readonly Contribution[]): Promise<NetworkChanged> {
    await this.#takingOver.get(id);
    const standing = this.#standing.get(id);
    if (standing === undefined) return { ended: 0, astray: undefined };
    standing.contributions = contributions;
    const ended = await standing.network.change(grantedIn(contributions) ?? NOTHING);
    return { ended, astray: await filterAnew(standing) };
  }

  /** Undefined where the start has no such network. */
  async stateOf(id: string): Promise<NetworkState | undefined> {
    const standing = this.#standing.get(id);
    if (standing === undefined) return undefined;
    await standing.filter?.look();
    const { network, tally } = standing;
    return { connections: network.connections, counted: tally.counted, others: tally.others };
  }

  async #takeOver(record: StartRecord, child: ProcessName): Promise<void> {
    const { spec } = record;
    const contributions = await networkInForce(spec, this.#context);
    const text = await this.#context.performer.readText(`${this.#folder(spec)}/names.json`);
    const addresses = NameAddresses.from(parsed(text ?? "")) ?? new NameAddresses();
    const standing = await this.#make(record, contributions, addresses);
    for (let tries = 1; !(await this.#listen(standing, child)); tries++) {
      if (tries === LISTENS_TRIES || this.#standing.get(spec.id) !== standing) return;
      standing.listening = undefined;
      await pause(LISTENS_AGAIN_AFTER_MS);
    }
    // Whoever was here before may have been killed before the kernel had been told.
    const astray = await filterAnew(standing);
    if (astray !== undefined)
      process.stderr.write(`${spec.id}: the filter of its network stays as it was: ${astray}\n`);
  }

  /** A connection to a port on the loopback of another instance, made in there. */
  async #dial(to: string, port: number): Promise<Socket | undefined> {
    const entered = await this.#enter(to);
    if (entered === undefined) return undefined;
    const { app, leave } = entered;
    const made = app && (await dial(helperPath(this.#context.places.program), app, port));
    if (made === undefined) leave();
    else made.once("close", leave);
    return made;
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
    record: StartRecord,
    contributions: readonly Contribution[],
    addresses: NameAddresses,
  ): Promise<Standing> {
    const { spec, passing } = record;
    const tally = new Tally(async (...decided) => await this.#record(spec, ...decided));
    const keep = this.#writing(spec, addresses);
    const used = `${this.#context.places.state}/network/${spec.name}.json`;
    const allowances = new Allowances(parsed((await this.#context.performer.readText(used)) ?? ""));
    const dials = new Turns(DIALS_MOST);
    const network = new InstanceNetwork(grantedIn(contributions) ?? NOTHING, {
      ...{ names: this.#names, tally, addresses, keep, allowances, inMachine: boots(record) },
      ask: async (request, target, signal) =>
        await this.#asks.ask({ instance: spec.name, compartment: spec.id, request, target }, signal),
      dial: async (to, port) => await dials.take(async () => await this.#dial(to, port)),
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
      ...{ spec, contributions, tally, network, addresses, gate: undefined, listening: undefined, filter: undefined },
      keepAllowances: async () => {
        clearInterval(timer);
        await keepAllowances();
      },
    };
    this.#standing.set(spec.id, standing);
    return standing;
  }

  /** @returns ends when it is written down that the name has this address */
  #writing(spec: CompartmentSpec, addresses: NameAddresses): InstanceNetworkKeeps {
    const path = `${this.#folder(spec)}/names.json`;
    const kept = new Set<string>();
    let asked: string[] = [];
    let next: Promise<void> | undefined;
    let last: Promise<unknown> = Promise.resolve();
    const write = async () => {
      next = undefined;
      const now = asked;
      asked = [];
      // Where the start has ended, its folder is gone, and is not made again.
      if (!this.#standing.has(spec.id)) return;
      const content = JSON.stringify(addresses.state);
      const done = await this.#context.performer.perform({ kind: "write-file", path, mode: 0o600, content }, QUIET);
      if (!done.ok) return;
      if (kept.size > KEPT_MOST) kept.clear();
      for (const one of now) kept.add(one);
    };
    return async (name, address) => {
      const key = `${name} ${address}`;
      if (kept.has(key)) return;
      asked.push(key);
      // Names are often asked for together: those that come during one write share the next.
      next ??= last.then(write, write);
      last = next;
      await next;
    };
  }

  async #listen(standing: Standing, of: ProcessName): Promise<boolean> {
    standing.listening ??= standing.network.listen(helperPath(this.#context.places.program), of).then(async (done) => {
      const wall = await this.#wallOf(standing.spec);
      if (done.ok && wall !== undefined)
        standing.filter = KernelFilter.open(wall, this.#context.facts, await this.#filterParts(standing));
      if (!done.ok)
        process.stderr.write(`${standing.spec.id}: its network has no listeners: ${done.problem.because}\n`);
      return done.ok;
    });
    return await standing.listening;
  }

  async #filterParts({ spec, network, tally }: Standing): Promise<FilterParts> {
    const { performer } = this.#context;
    const path = `${this.#folder(spec)}/refused.json`;
    const told = parsed((await performer.readText(path)) ?? "");
    const keep = async (now: unknown) => {
      // Where the start has ended, its folder is gone, and is not made again.
      if (!this.#standing.has(spec.id)) return;
      await performer.perform({ kind: "write-file", path, mode: 0o600, content: JSON.stringify(now) }, QUIET);
    };
    return { tally, told, keep, decided: (one) => network.decidedOf(one) };
  }

  async #record(
    { name, id }: CompartmentSpec,
    decided: Decided | undefined,
    times: number,
    program: string | undefined,
  ): Promise<void> {
    const { allowed = false, to = "others", because = "too many at once to be named", rule } = decided ?? {};
    const kind = allowed ? "net-allowed" : "net-refused";
    const at = rule === undefined ? undefined : await placeOf(rule, name, this.#context);
    const written = rule === undefined || allowed ? undefined : rule.text;
    await this.#context.audit.append({ kind, instance: name, id, to, because, times, rule: written, at, program });
  }
}

/** @returns why the kernel's filter stays as it was; undefined where it is that of what holds now */
async function filterAnew(standing: Standing): Promise<string | undefined> {
  const { filter } = standing;
  if (filter === undefined) return "its wall has ended, or nsenter or nft is missing";
  return await filter.change(() => standing.contributions);
}

/** For the line that says what has changed. */
export function butWords(astray: NetworkChanged["astray"]): string {
  return astray === undefined ? "" : `; what is new in it may be refused until the next start, since ${astray}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
