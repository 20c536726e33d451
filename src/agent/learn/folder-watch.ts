/** Folder watch: what is opened below one folder, from before an app starts until after its end. */
import { type FolderSeen, NOTHING_SEEN, withEvent } from "../../grant/index.ts";
import { realOrSelf, watchOpens, type OpensWatch } from "../../host/index.ts";
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

  static async begin(folder: string): Promise<Result<FolderWatch, LearnRefused>> {
    const own = new FolderWatch(folder);
    const watch = await watchOpens(realOrSelf(folder), {
      event: (event) => {
        own.#seen = withEvent(own.#seen, event);
      },
      unsure: (because) => {
        own.#unsure ??= because;
      },
    });
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
