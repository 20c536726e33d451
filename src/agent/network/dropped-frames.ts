/**
 * Dropped frames: of each provider that runs, what its monitor has dropped at the ports of others, brought into the audit.
 * The record is of the machine that sent it, since the refusal is that one's.
 *
 * Invariants
 * - For each machine and reason there is one record at once and then one a minute at the most, with how often.
 * - What is on record is written down beside the provider's ports, after it is. So a killed agent may say something twice and
 *   forgets nothing.
 * - Only who has a port there is named.
 */
import type { CompartmentSpec } from "../../model/index.ts";
import { type AgentContext, QUIET } from "../context.ts";
import type { Start } from "../start-record.ts";
import { Turns } from "../turns.ts";
import { type Counts, DROP_WORDS, dueAt, readCounts, readTold, toldAfter, toldText, untold } from "./dropped-counts.ts";
import { portsFolder, readStations } from "./stations.ts";

const LOOK_EVERY_MS = 1_000;

interface Watched {
  readonly provider: string;
  timer: NodeJS.Timeout | undefined;
  readonly turns: Turns;
  /** Undefined before the first look. */
  told: { counts: Counts | undefined } | undefined;
  /** When there was a record of a machine and a reason. */
  readonly recorded: Map<string, number>;
}

export class DroppedFrames {
  readonly #context: AgentContext;
  readonly #idOf: (name: string) => string | undefined;
  readonly #watched = new Map<string, Watched>();

  /** @param idOf - the newest start of an instance */
  constructor(context: AgentContext, idOf: (name: string) => string | undefined) {
    this.#context = context;
    this.#idOf = idOf;
  }

  stands({ record: { spec } }: Start): void {
    if (this.#watched.has(spec.id) || !isProvider(spec)) return;
    const watched = begun(spec);
    this.#watched.set(spec.id, watched);
    const look = () => void watched.turns.take(async () => await this.#look(watched, false)).catch(() => {});
    watched.timer = setInterval(look, LOOK_EVERY_MS).unref();
  }

  /** Also of one that ended while there was no agent. */
  async ended(spec: CompartmentSpec): Promise<void> {
    if (!isProvider(spec)) return;
    const watched = this.#watched.get(spec.id) ?? begun(spec);
    this.#watched.delete(spec.id);
    clearInterval(watched.timer);
    await watched.turns.take(async () => await this.#look(watched, true)).catch(() => {});
  }

  async #look(watched: Watched, last: boolean): Promise<void> {
    const { performer, audit } = this.#context;
    const { provider, recorded } = watched;
    const folder = portsFolder(provider, this.#context);
    const path = `${folder}/told.json`;
    watched.told ??= { counts: readTold((await performer.readText(path)) ?? "") };
    const now = readCounts((await performer.readText(`${folder}/ports/counts.json`)) ?? "");
    if (now === undefined) return;
    const at = performance.now();
    const rows = untold(now, watched.told.counts);
    const due = last ? rows : dueAt(rows, recorded, at);
    if (due.length === 0) return;
    const known = new Set((await readStations(provider, this.#context)).map(({ name }) => name));
    for (const { key, station, reason, times } of due) {
      recorded.set(key, at);
      if (!known.has(station)) continue;
      const because = DROP_WORDS[reason] ?? reason;
      const id = this.#idOf(station);
      await audit.append({ kind: "frames-dropped", instance: station, id, through: provider, because, times });
    }
    const counts = toldAfter(now, watched.told.counts, due);
    watched.told = { counts };
    await performer.perform({ kind: "write-file", path, mode: 0o600, content: toldText(counts) }, QUIET);
  }
}

function isProvider({ contributions }: CompartmentSpec): boolean {
  return contributions.some(({ kind }) => kind === "ports");
}

function begun({ name }: CompartmentSpec): Watched {
  return { provider: name, timer: undefined, turns: new Turns(1), told: undefined, recorded: new Map() };
}
