/**
 * Networks: of each start that has a network by names, the agent's end of it. Made ready before the app runs, taken over
 * by the next agent, gone with the compartment.
 *
 * Which address a name has is written beside the start: an app that was told it goes on with it under the next agent.
 */
import { GATE } from "../../backends/index.ts";
import { NameAddresses } from "../../broker/index.ts";
import { readStatus } from "../../compartment/index.ts";
import { helperPath, type ProcessName } from "../../host/index.ts";
import type { CompartmentSpec } from "../../model/index.ts";
import type { Asks } from "../asks/asks.ts";
import type { Start } from "../compartments.ts";
import { type AgentContext, QUIET } from "../context.ts";
import { type Gate, openGate } from "./gate.ts";
import { HostNames } from "./host-names.ts";
import { watchRefused } from "./refused-watch.ts";
import { InstanceNetwork, type NetworkGranted } from "./instance-network.ts";
import { type Counted, type Decided, Tally } from "./tally.ts";

/** Many names are often asked for at once. */
const WRITTEN_AFTER_MS = 50;

interface Standing {
  readonly spec: CompartmentSpec;
  readonly tally: Tally;
  readonly network: InstanceNetwork;
  readonly addresses: NameAddresses;
  gate: Gate | undefined;
  listening: Promise<boolean> | undefined;
  /** Ends the watch over what the kernel has refused. */
  unwatch: () => void;
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
  readonly #names: HostNames;
  readonly #standing = new Map<string, Standing>();

  constructor(context: AgentContext, asks: Asks) {
    this.#context = context;
    this.#asks = asks;
    this.#names = new HostNames(context.dns);
  }

  /** Before the wall of a start is started: from here on it finds somebody at its gate. */
  async expect(spec: CompartmentSpec): Promise<void> {
    const granted = grantedIn(spec);
    if (granted === undefined) return;
    const standing = this.#make(spec, granted, new NameAddresses());
    standing.gate = await openGate(`${this.#folder(spec)}/${GATE}`, async () => {
      const wall = await this.#wallOf(spec);
      return wall !== undefined && (await this.#listen(standing, wall));
    });
  }

  /** A start whose app runs: one that this agent has not begun itself is taken over. */
  stands({ record: { spec }, child }: Start): void {
    const known = this.#standing.get(spec.id);
    known?.gate?.close();
    const granted = grantedIn(spec);
    if (known !== undefined || granted === undefined || child === undefined) return;
    void this.#takeOver(spec, granted, child).catch((error: unknown) => {
      process.stderr.write(`the network of ${spec.id} cannot be taken over: ${String(error)}\n`);
    });
  }

  async ended(id: string): Promise<void> {
    const standing = this.#standing.get(id);
    this.#standing.delete(id);
    standing?.gate?.close();
    standing?.unwatch();
    standing?.network.close();
    await standing?.tally.flush();
  }

  /** Undefined where the start has no such network. */
  stateOf(id: string): NetworkState | undefined {
    const standing = this.#standing.get(id);
    if (standing === undefined) return undefined;
    const { network, tally } = standing;
    return { connections: network.connections, counted: tally.counted, others: tally.others };
  }

  async #takeOver(spec: CompartmentSpec, granted: NetworkGranted, child: ProcessName): Promise<void> {
    const text = await this.#context.performer.readText(`${this.#folder(spec)}/names.json`);
    const addresses = NameAddresses.from(parsed(text ?? "")) ?? new NameAddresses();
    await this.#listen(this.#make(spec, granted, addresses), child);
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

  #make(spec: CompartmentSpec, granted: NetworkGranted, addresses: NameAddresses): Standing {
    const tally = new Tally(async (decided, times) => await this.#record(spec, decided, times));
    const changed = this.#writing(spec, addresses);
    const network = new InstanceNetwork({
      ...{ granted, names: this.#names, tally, addresses, changed },
      ask: async (target, signal) =>
        await this.#asks.ask({ instance: spec.name, compartment: spec.id, request: granted.request, target }, signal),
    });
    const standing: Standing = {
      ...{ spec, tally, network, addresses },
      ...{ gate: undefined, listening: undefined, unwatch: () => {} },
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

function grantedIn({ contributions }: CompartmentSpec): NetworkGranted | undefined {
  const found = contributions.find((entry) => entry.kind === "named-network");
  return found === undefined ? undefined : { request: found.request, rules: found.rules, empty: found.empty ?? false };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
