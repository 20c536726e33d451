/** Folder watch: what is opened below one folder, from before an app starts until after its end. */
import { type FolderSeen, NOTHING_SEEN, withEvent } from "../../grant/index.ts";
import { realOrSelf, watchOpens, type OpensWatch } from "../../host/index.ts";
import type { HostFacts } from "../../model/index.ts";
import { type Result, success } from "../../result.ts";
import { learnRefused, type LearnRefused } from "./learn-problem.ts";

export class FolderWatch {
  /** As its owner wrote it. */
  readonly folder: string;
  #seen: FolderSeen = NOTHING_SEEN;
  #unsure: string | undefined;
  #watch: OpensWatch | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param markFolder - a place of Skerry's own where nothing is yet */
  static async begin(
    folder: string,
    markFolder: string,
    { programs }: HostFacts,
    signal: AbortSignal,
  ): Promise<Result<FolderWatch, LearnRefused>> {
    const [inotifywait, setpriv] = [programs["inotifywait"]?.path, programs["setpriv"]?.path];
    if (inotifywait === undefined || setpriv === undefined) {
      const because = `${inotifywait === undefined ? "inotifywait" : "setpriv"} is not installed`;
      const fix = "run ./skerry setup (package inotify-tools), or learn a network without --folder";
      return learnRefused({ kind: "cannot-watch", folder, because, fix });
    }
    const own = new FolderWatch(folder);
    const hears: Parameters<typeof watchOpens>[1] = {
      event: (event) => {
        own.#seen = withEvent(own.#seen, event);
      },
      unsure: (because) => {
        own.#unsure ??= because;
      },
    };
    const places = { inotifywait, setpriv, folder: realOrSelf(folder), markFolder };
    const watch = await watchOpens(places, hears, signal);
    if (!watch.ok)
      return learnRefused({ kind: "cannot-watch", folder, because: watch.problem.because, fix: watch.problem.fix });
    own.#watch = watch.value;
    return success(own);
  }

  get seen(): FolderSeen {
    return this.#seen;
  }

  get unsure(): string | undefined {
    return this.#unsure;
  }

  /** Once all that has happened until now is known. */
  async finish(): Promise<void> {
    await this.#watch?.finish();
  }

  close(): void {
    this.#watch?.close();
  }
}
