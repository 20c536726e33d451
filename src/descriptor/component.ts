/** Component: from text to value. What a key means stands with the type, in model/os-component.ts. */
import type * as z from "zod";
import { COMPONENT_FACTS, type OsComponent } from "../model/index.ts";
import { type Result, success } from "../result.ts";
import { readChecked } from "./check.ts";
import type { PathFinding } from "./path-finding.ts";
import { type DescriptorProblem, quote, type Source } from "./complaint.ts";
import { repeated } from "./recipe.ts";
import { componentSchema } from "./schemas.ts";

type ComponentFile = z.output<typeof componentSchema>;

/**
 * Reads `os-bases/BASE/components/NAME.yaml`. The component's name is the source's.
 *
 * Problems
 * - `descriptor`: everything that is wrong with the text, each with its place
 */
export function parseComponent(text: string, source: Source): Result<OsComponent, DescriptorProblem> {
  const file = readChecked(text, source, "component", componentSchema, (value) => checkComponent(value, source.name));
  if (!file.ok) return file;
  const { summary, needs = [], facts = [], packages = [], when = [], generates = [], place } = file.value;
  return success({
    name: source.name,
    summary,
    needs,
    facts,
    packages,
    when: when.map(({ gpus, locale, packages }) => ({ gpus, locale, packages })),
    generatesLocale: generates.includes("locale"),
    place: place ?? (facts.length > 0 ? "top" : "middle"),
  });
}

function checkComponent(file: ComponentFile, name: string): readonly PathFinding[] {
  const { needs = [], facts = [], packages = [], when = [], generates = [] } = file;
  const spokenOf = (fact: (typeof COMPONENT_FACTS)[number]) =>
    when.some((choice) => choice[fact] !== undefined) || (fact === "locale" && generates.includes("locale"));
  return [
    ...repeated(needs, ["needs"]),
    ...repeated(facts, ["facts"]),
    ...repeated(packages, ["packages"]),
    ...needs.flatMap((need, index): readonly PathFinding[] =>
      need === name
        ? [{ path: ["needs", index], part: "value", message: `${quote(need)} is this component itself` }]
        : [],
    ),
    ...facts.flatMap((fact, index): readonly PathFinding[] => {
      const message = `${quote(fact)} is declared, and nothing depends on it. Take it out`;
      return spokenOf(fact) ? [] : [{ path: ["facts", index], part: "value", message }];
    }),
    ...when.flatMap((choice, index): readonly PathFinding[] => {
      const named = COMPONENT_FACTS.filter((fact) => choice[fact] !== undefined);
      if (named.length === 0) {
        const message = `names no fact. Write one of ${COMPONENT_FACTS.join(", ")}, or put the packages under packages:`;
        return [{ path: ["when", index], part: "value", message }];
      }
      return named
        .filter((fact) => !facts.includes(fact))
        .map((fact) => ({ path: ["when", index, fact], part: "key", message: undeclared(fact) }));
    }),
    ...(generates.includes("locale") && !facts.includes("locale")
      ? [{ path: ["generates", 0], part: "value", message: undeclared("locale") } as const]
      : []),
  ];
}

function undeclared(fact: string): string {
  return `the fact ${quote(fact)} is not declared. Write it under facts:, so that it enters the layer's key`;
}
