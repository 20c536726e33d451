/**
 * Helper care: before each start, is the helper built from the sources that lie here? Where it is not, and it can be
 * built here, it is.
 *
 * Invariants
 * - What is said holds for the files as they are now: it is remembered by what stat(2) says of each, and only once that
 *   has settled. To remember costs a few calls; to read and hash them all happens when one has changed.
 * - A build that failed is not tried again until a file has changed.
 */
import { readdirSync, statSync } from "node:fs";
import { helperPath } from "../model/index.ts";
import { buildHelper, type HelperState, helperState } from "./helper-program.ts";

/** A file that changed so recently could change again without another time of change. */
const SETTLED_AFTER_MS = 2_000;

export class HelperCare {
  readonly #program: string;
  readonly #compiler: string | undefined;
  readonly #say: (line: string) => void;
  #known: { readonly mark: string; readonly state: HelperState } | undefined;
  #failed: string | undefined;
  #checking: Promise<HelperState> | undefined;

  /**
   * @param compiler - absolute path; undefined where there is none
   * @param say - hears of a build, one line
   */
  constructor(program: string, compiler: string | undefined, say: (line: string) => void) {
    this.#program = program;
    this.#compiler = compiler;
    this.#say = say;
  }

  /** Of two callers at once both wait for one build. */
  async state(): Promise<HelperState> {
    const { mark } = this.#mark();
    if (this.#known?.mark === mark) return this.#known.state;
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return await this.#checking;
  }

  async #check(): Promise<HelperState> {
    let before = this.#mark();
    let state = await helperState(this.#program);
    if (state.kind === "stale" && state.writable && this.#compiler !== undefined && this.#failed !== before.mark) {
      this.#say("the helper is older than its sources; building it");
      const built = await buildHelper(this.#program, this.#compiler);
      if (!built.ok) this.#say(`it cannot be built: ${built.problem.detail}`);
      this.#failed = built.ok ? undefined : before.mark;
      before = this.#mark();
      state = await helperState(this.#program);
    }
    if (Date.now() - before.newestMs > SETTLED_AFTER_MS) this.#known = { mark: before.mark, state };
    return state;
  }

  /** What stat(2) says of the sources, of the built file and of its stamp. */
  #mark(): { readonly mark: string; readonly newestMs: number } {
    const folder = `${this.#program}/helper`;
    const sources = namesIn(folder).filter((name) => /\.[ch]$/.test(name));
    const built = helperPath(this.#program);
    const paths = [...sources.toSorted().map((name) => `${folder}/${name}`), built, `${built}.sources`];
    const stats = paths.map((path) => statSync(path, { bigint: true, throwIfNoEntry: false }));
    const words = stats.map((stat) =>
      stat === undefined ? "none" : `${stat.dev} ${stat.ino} ${stat.size} ${stat.ctimeNs}`,
    );
    const newest = stats.map((stat) => (stat === undefined ? 0 : Number(stat.ctimeMs)));
    return { mark: paths.map((path, index) => `${path} ${words[index]}`).join("\n"), newestMs: Math.max(...newest) };
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
