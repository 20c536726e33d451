/** Explain wiring: what graph, prove and explain refuse, as a text for a person and a code for programs. */
import { Code } from "@connectrpc/connect";
import { escapeText } from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import type { NoSuchTarget } from "./explain-right.ts";
import type { TooManyClaims } from "./prove.ts";
import type { UnreadableWiring } from "./wiring.ts";

export type WiringProblem = UnreadableWiring | TooManyClaims | NoSuchTarget;

export function explainWiring(problem: WiringProblem): { readonly code: Code; readonly text: string } {
  switch (problem.kind) {
    case "unreadable-wiring": {
      const each = problem.unreadable.flatMap((one) => `${one.name}: ${one.problem}`.split("\n"));
      const text = ["nothing is said of all deployments while one of them cannot be read:", ...each].join("\n  ");
      return { code: Code.InvalidArgument, text };
    }
    case "no-such-target": {
      const meant = problem.meant === undefined ? "" : `. Did you mean "${problem.meant}"?`;
      const text = [
        `"${escapeText(problem.target, 80)}" is nothing that ${problem.name} could reach${meant}`,
        "name a folder (/… or ~/…), a request or volume of it, another instance, or a target of a network (example.org:443)",
      ].join("\n  ");
      return { code: Code.NotFound, text };
    }
    case "too-many-claims":
      return { code: Code.InvalidArgument, text: `at most ${problem.most} claims at a time` };
    default:
      return unreachable(problem);
  }
}
