/** Lines: from a right to the lines of the files that it comes from. Looked up for what is shown, and not before. */
import { keyLines } from "../../descriptor/index.ts";
import type { Reason } from "../../grant/index.ts";
import { unreachable } from "../../result.ts";
import type { WiredDeployment } from "./wiring.ts";

export interface FileLine {
  readonly file: string;
  /** From 1; 0 where it is not known. */
  readonly line: number;
}

type Path = readonly (string | number)[];

/** Remembers the texts that it has read. */
export class Lines {
  readonly #of = new Map<string, (path: Path) => number | undefined>();

  in({ file, text }: { readonly file: string; readonly text: string }, path: Path): FileLine | undefined {
    const lines = this.#of.get(file) ?? keyLines(text, file);
    this.#of.set(file, lines);
    const line = lines(path);
    return line === undefined ? undefined : { file, line };
  }

  /** The line that grants it first, then the line that asks for it. */
  for(reason: Reason, { deployment, recipe }: WiredDeployment): readonly FileLine[] {
    const all = (...lines: readonly (FileLine | undefined)[]) => lines.filter((line) => line !== undefined);
    switch (reason.kind) {
      case "answer":
        return all(this.#answered(reason, deployment), this.asked(reason.request, { deployment, recipe }));
      case "volume":
        return all(this.in(recipe, ["volumes", reason.volume]));
      case "secret":
        return all(this.in(deployment, ["secrets", reason.secret]));
      case "disk":
        return all(this.in(deployment, ["disks", reason.disk]) ?? this.in(deployment, ["cloud-init"]));
      case "publish":
        return all(this.in(deployment, ["publish", reason.index]));
      case "link":
        return all(this.in(deployment, ["links", reason.index]));
      default:
        return unreachable(reason);
    }
  }

  /** The entry of a list that it is, where there is one: each rule has its own line. */
  #answered(
    { request, entry }: Extract<Reason, { readonly kind: "answer" }>,
    deployment: WiredDeployment["deployment"],
  ): FileLine | undefined {
    const path = ["answers", request];
    const own = entry === undefined ? undefined : this.in(deployment, [...path, entry.list, entry.index]);
    return own ?? this.in(deployment, path);
  }

  /** What the owner asks for by a name stands in the place of what the recipe asks for by it. */
  asked(request: string, { deployment, recipe }: Pick<WiredDeployment, "deployment" | "recipe">): FileLine | undefined {
    return this.in(deployment, ["requests", request]) ?? this.in(recipe, ["requests", request]);
  }
}
