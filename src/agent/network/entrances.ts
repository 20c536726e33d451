/**
 * Entrances: of each start with published ports, the agent's end of them. Open before the app runs, taken over by the next
 * agent, gone with the compartment.
 *
 * What was changed while it runs lies beside the start, in `publish.json`.
 */
import { type CompartmentSpec, helperPath, placeText, type Publish } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Start, StartRecord } from "../start-record.ts";
import { type AgentContext, QUIET } from "../context.ts";
import { startFolder } from "../grants/in-force.ts";
import { dial, type Dialled } from "./dial.ts";
import { Doorway } from "./doorway.ts";
import { type Change, Entrance, type PublishedState } from "./entrance.ts";
import type { NotPublished } from "./published-port.ts";
import { SocketMemory } from "./socket-memory.ts";
import { type Counted, type Decided, Tally } from "./tally.ts";

interface Standing {
  readonly spec: CompartmentSpec;
  readonly entrance: Entrance;
  readonly tally: Tally;
}

export interface EntranceState {
  readonly published: readonly PublishedState[];
  readonly counted: readonly Readonly<Counted>[];
}

export class Entrances {
  readonly #context: AgentContext;
  readonly #appOf: (id: string) => Dialled | undefined;
  readonly #sockets: SocketMemory;
  readonly #standing = new Map<string, Standing>();
  /** Starts that this agent has begun or taken over; resolves when it has. */
  readonly #known = new Map<string, Promise<void>>();
  /** Starts that have ended, until their places are free. */
  #ending: Promise<unknown> = Promise.resolve();

  /** @param appOf - undefined before a start's app stands */
  constructor(context: AgentContext, appOf: (id: string) => Dialled | undefined) {
    this.#context = context;
    this.#appOf = appOf;
    this.#sockets = new SocketMemory(context);
  }

  /** Before the wall of a start is started. */
  async open({ spec }: StartRecord): Promise<Result<void, NotPublished>> {
    this.#known.set(spec.id, Promise.resolve());
    const publishes = publishedIn(spec);
    if (publishes.length === 0) return success(undefined);
    await this.#ending;
    await this.#sockets.dropAllBut(spec.id, spec.name);
    const opened = await this.#of(spec).entrance.open(publishes);
    if (opened.ok || opened.problem.because !== "in-use") return opened;
    return refusal({ ...opened.problem, by: this.#publishedAt(opened.problem.publish) });
  }

  /** A start whose app runs: one that this agent has not begun itself is taken over. */
  stands({ record: { spec } }: Start): void {
    if (this.#known.has(spec.id)) return;
    const takeOver = async () => {
      const publishes = await this.#inForce(spec);
      const places = new Set(publishes.map(({ at }) => placeText(at)));
      // One that was killed may have written that they are closed, and not have taken them away.
      await this.#sockets.drop(spec.name, spec.id, (path) => !places.has(path));
      if (publishes.length > 0) await this.#of(spec).entrance.become(publishes);
    };
    const taken = takeOver().catch((error: unknown) => {
      process.stderr.write(`the published ports of ${spec.id} cannot be taken over: ${String(error)}\n`);
    });
    this.#known.set(spec.id, taken);
  }

  async ended({ id, name }: Pick<CompartmentSpec, "id" | "name">): Promise<void> {
    this.#standing.get(id)?.entrance.close();
    const [before, taken] = [this.#ending, this.#known.get(id)];
    const ending = async () => {
      await before;
      await taken;
      const standing = this.#standing.get(id);
      this.#standing.delete(id);
      this.#known.delete(id);
      standing?.entrance.close();
      await standing?.entrance.settled();
      // Also what an agent before this one has made for it.
      await this.#sockets.drop(name, id);
      await standing?.tally.flush();
    };
    // What follows an end has to come, whatever could not be cleared up.
    this.#ending = ending().catch((error: unknown) => {
      process.stderr.write(`the published ports of ${id} cannot be cleared up: ${String(error)}\n`);
    });
    await this.#ending;
  }

  /** What was left behind of an instance that is no more. */
  async forget(name: string): Promise<void> {
    await this.#sockets.dropAllBut(undefined, name);
  }

  /** From now on these are open in a running instance. @returns what has changed */
  async change({ spec }: StartRecord, publishes: readonly Publish[]): Promise<readonly Change[]> {
    await this.#known.get(spec.id);
    if (!this.#standing.has(spec.id) && publishes.length === 0) return [];
    if (JSON.stringify(await this.#inForce(spec)) !== JSON.stringify(publishes)) {
      // Written first: an agent that takes over from here on opens no more than is published now.
      const path = `${startFolder(spec, this.#context)}/publish.json`;
      const content = JSON.stringify(publishes);
      const done = await this.#context.performer.perform({ kind: "write-file", path, mode: 0o600, content }, QUIET);
      if (!done.ok) throw new Error(`${path} could not be written`);
    }
    const changes = await this.#of(spec).entrance.become(publishes);
    const wanted = new Set(publishes.map(({ at }) => placeText(at)));
    for (const { publish, kind, cut } of changes) {
      const place = placeText(publish.at);
      // At the same path there may be another by now.
      if (kind === "closed" && !wanted.has(place))
        await this.#sockets.drop(spec.name, spec.id, (path) => path === place);
      const { id, name: instance } = spec;
      const gets = kind === "closed" ? "nothing" : `port ${publish.port}`;
      const request = `publish ${place}`;
      await this.#context.audit.append({ kind: "live-change", instance, id, request, gets, held: cut });
    }
    return changes;
  }

  stateOf(id: string): EntranceState {
    const standing = this.#standing.get(id);
    return { published: standing?.entrance.state ?? [], counted: standing?.tally.counted ?? [] };
  }

  /** Connections to a start's published ports. */
  connectionsOf(id: string): number {
    return this.stateOf(id).published.reduce((sum, { connections }) => sum + connections, 0);
  }

  /** Which instance of ours is reached there. */
  #publishedAt({ at }: Publish): string | undefined {
    const isThere = ({ entrance }: Standing) =>
      entrance.state.some(({ publish, isOpen }) => isOpen && placeText(publish.at) === placeText(at));
    return [...this.#standing.values()].find(isThere)?.spec.name;
  }

  #of(spec: CompartmentSpec): Standing {
    const known = this.#standing.get(spec.id);
    if (known !== undefined) return known;
    const tally = new Tally(async (decided, times) => await this.#record(spec, decided, times));
    const helper = helperPath(this.#context.places.program);
    const doorway = new Doorway(async (port) => {
      const app = this.#appOf(spec.id);
      return app === undefined ? undefined : await dial(helper, app, port);
    });
    const entrance = new Entrance({
      ...{ instance: spec.name, doorway, tally },
      ownerSocket: async (path) => await this.#sockets.wantedAt(path, spec),
      tell: async ({ at }, because) => {
        process.stderr.write(`${spec.id}: ${placeText(at)} cannot be opened: ${because}\n`);
        await this.#record(spec, { allowed: false, to: placeText(at), because: `it is not open: ${because}` }, 1);
      },
    });
    const standing = { spec, entrance, tally };
    this.#standing.set(spec.id, standing);
    return standing;
  }

  async #inForce(spec: CompartmentSpec): Promise<readonly Publish[]> {
    const path = `${startFolder(spec, this.#context)}/publish.json`;
    const text = await this.#context.performer.readText(path);
    if (text === undefined) return publishedIn(spec);
    const written: readonly Publish[] = JSON.parse(text);
    return written;
  }

  async #record({ name, id }: CompartmentSpec, decided: Decided | undefined, times: number): Promise<void> {
    const { allowed = false, to = "others", because = "too many at once to be named" } = decided ?? {};
    await this.#context.audit.append({ kind: "net-published", instance: name, id, to, allowed, because, times });
  }
}

function publishedIn({ contributions }: CompartmentSpec): readonly Publish[] {
  return contributions.flatMap((one) => (one.kind === "publish" ? [{ port: one.port, at: one.at }] : []));
}
