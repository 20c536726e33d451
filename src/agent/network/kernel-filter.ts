/**
 * Kernel filter: the kernel's end of one network. Which connections it lets begin is changed with the rules; what it has
 * refused by itself is brought into the tally.
 *
 * Invariants
 * - One change after another, each with what holds when its turn comes: whatever was in between, the last one stays.
 * - What was refused is told once, also what was refused while there was no agent, or in the last moment of the app.
 */
import { changedFilter } from "../../backends/index.ts";
import { changeTable, countRefused, type InsideNetwork, listRefused, openNetwork } from "../../host/index.ts";
import type { ProcessName } from "../../host/index.ts";
import type { Contribution, HostFacts } from "../../model/index.ts";
import type { Decided, Tally } from "./tally.ts";
import { Turns } from "../turns.ts";

const LOOK_EVERY_MS = 1_000;

/** In the place of a target. */
const OTHERS = "others";

export interface RefusedByKernel {
  readonly address: string;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
}

export interface FilterParts {
  readonly tally: Tally;
  /** Why something is refused, and by which name its owner knows it. */
  readonly decided: (refused: RefusedByKernel) => Decided;
  /** What `keep` was last given in the same network; what is not of it counts as nothing told. */
  readonly told: unknown;
  /** Keeps what was told, since the kernel's counts outlive an agent. */
  readonly keep: (told: unknown) => Promise<void>;
}

export class KernelFilter {
  readonly #of: ProcessName;
  readonly #network: InsideNetwork;
  readonly #nft: string;
  readonly #parts: FilterParts;
  readonly #timer: NodeJS.Timeout;
  readonly #told: Map<string, number>;
  #seen = 0;
  readonly #turns = new Turns(1);

  /**
   * @param of - a process of the compartment's network whose user namespace owns it
   * @returns undefined where the process has ended, or a program for it is missing
   */
  static open(of: ProcessName, { programs }: HostFacts, parts: FilterParts): KernelFilter | undefined {
    const [nsenter, nft] = [programs["nsenter"]?.path, programs["nft"]?.path];
    if (nsenter === undefined || nft === undefined) return undefined;
    const network = openNetwork(of, nsenter);
    return network === undefined ? undefined : new KernelFilter(of, network, nft, parts);
  }

  private constructor(of: ProcessName, network: InsideNetwork, nft: string, parts: FilterParts) {
    this.#of = of;
    this.#network = network;
    this.#nft = nft;
    this.#parts = parts;
    this.#told = readTold(parts.told);
    this.#timer = setInterval(() => void this.look().catch(() => {}), LOOK_EVERY_MS).unref();
  }

  /** @returns why it could not be changed; undefined where it was */
  async change(now: () => readonly Contribution[]): Promise<string | undefined> {
    return await this.#turns.take(async () => await changeTable(this.#network, this.#nft, changedFilter(now())));
  }

  /** Tells what was refused since the last look. */
  async look(): Promise<void> {
    await this.#turns.take(async () => {
      const count = await countRefused(this.#of);
      if (count <= this.#seen) return;
      this.#seen = count;
      await this.#tell();
    });
  }

  /** The last look, also where no process is left in the network. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#turns.take(async () => {
      await this.#tell();
      this.#network.close();
    });
  }

  async #tell(): Promise<void> {
    const { tally, decided, keep } = this.#parts;
    const { targets, others } = await listRefused(this.#network, this.#nft);
    let any = false;
    const more = (key: string, times: number) => {
      const added = Math.max(0, times - (this.#told.get(key) ?? 0));
      if (added > 0) this.#told.set(key, times);
      any ||= added > 0;
      return added;
    };
    for (const { address, port, protocol, times } of targets) {
      const added = more(`${address} ${port} ${protocol}`, times);
      if (added > 0) tally.note(decided({ address, port, protocol }), added);
    }
    const rest = more(OTHERS, others);
    if (rest > 0) tally.noteOthers(rest);
    if (any) await keep(Object.fromEntries(this.#told));
  }
}

function readTold(told: unknown): Map<string, number> {
  const entries: readonly (readonly [string, unknown])[] =
    typeof told === "object" && told !== null ? Object.entries(told) : [];
  return new Map(entries.flatMap(([key, times]) => (typeof times === "number" ? [[key, times] as const] : [])));
}
