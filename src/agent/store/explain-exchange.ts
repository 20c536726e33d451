/** Explain exchange: what is wrong with images that come from elsewhere or go there, as a text and a code for programs. */
import { Code } from "@connectrpc/connect";
import { escapeText } from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import type { AgentProblem } from "../explain.ts";

type ExchangeProblem = Extract<
  AgentProblem,
  {
    readonly kind:
      | "bad-target"
      | "layer-not-there"
      | "was-imported"
      | "bad-source"
      | "bad-layout"
      | "other-architecture"
      | "no-such-image"
      | "bad-name"
      | "name-taken";
  }
>;

export function explainExchange(problem: ExchangeProblem): { readonly code: Code; readonly text: string } {
  const refused = (...lines: readonly string[]) => ({ code: Code.FailedPrecondition, text: lines.join("\n  ") });
  switch (problem.kind) {
    case "bad-target":
      return refused(
        `${escapeText(problem.target, 500)} cannot be written: ${problem.because}`,
        "name a new folder, or a new file that ends in .tar",
      );
    case "layer-not-there":
      return refused(
        `the image of ${problem.recipe} is not whole: layer ${problem.layer} is not there, or nothing says what it was`,
        `skerry purge ${problem.recipe} and skerry build ${problem.recipe} make it anew`,
      );
    case "was-imported":
      return refused(
        `the image of ${problem.recipe} was imported: nothing says how to build it, or what is newer`,
        `skerry images import SOURCE --as ${problem.recipe} brings it in again, from the same image`,
      );
    case "bad-source":
      return refused(
        `${escapeText(problem.source, 500)} cannot be imported: ${problem.because}`,
        "name an OCI image layout: a folder with an index.json, or a tar archive of one",
      );
    case "bad-layout":
      return refused(
        `${escapeText(problem.source, 500)} cannot be imported: ${escapeText(problem.because, 500)}`,
        "nothing of it was taken; skopeo copy makes an OCI layout of images in other forms",
      );
    case "other-architecture":
      return refused(
        `${escapeText(problem.source, 500)} cannot be imported: it is for ${problem.architecture}`,
        "bring the image of this machine's architecture",
      );
    case "no-such-image":
      return refused(
        `${escapeText(problem.source, 500)} has not exactly one image for ${problem.architecture}${problem.tag === undefined ? "" : ` that is called ${escapeText(problem.tag, 100)}`}`,
        problem.offered.length === 0
          ? "it has none at all"
          : `it has ${problem.offered.map((each) => escapeText(each, 100)).join(", ")}; say which by --tag`,
      );
    case "bad-name":
      return {
        code: Code.InvalidArgument,
        text: `"${escapeText(problem.name, 80)}" cannot be an image's name: a letter, then letters, digits and -, at most 40, all in lower case`,
      };
    case "name-taken":
      return refused(`${problem.name} is the name of ${problem.by}`, problem.wayOut);
    default:
      return unreachable(problem);
  }
}
