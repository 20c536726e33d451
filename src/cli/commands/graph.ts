/** `graph`: what all instances may reach, and over what they can talk to each other. */
import type { GraphResponseJson, WiredRightJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { dotOf } from "../graph-dot.ts";
import { print, printJson, say, warn } from "../print.ts";
import { rightLines } from "../rights.ts";
import type { World } from "../world.ts";

export default defineCommand<{ readonly dot: boolean; readonly json: boolean }>({
  parameters: {
    flags: {
      dot: { kind: "boolean", brief: "Print it for Graphviz: skerry graph --dot | dot -Tsvg", default: false },
      json: JSON_FLAG,
    },
  },
  description: "From the files as they are written: what single starts are given by flags is not in it.",
  examples: ["graph", "graph --dot | dot -Tsvg > graph.svg"],
  async run(world, { dot, json }) {
    const answer = await ask<GraphResponseJson>(world, "WiringService/Graph", {});
    if (!answer.ok) return answer.problem.exit;
    if (json) printJson(world, answer.value);
    else if (dot) print(world, dotOf(world, answer.value));
    else show(world, answer.value);
    for (const { name = "", problem = "" } of answer.value.unreadable ?? [])
      warn(world, `${name} cannot be read: ${problem}`);
    return EXIT.done;
  },
});

function show(world: World, { instances = [], rights = [], channels = [] }: GraphResponseJson): void {
  if (instances.length === 0) say(world, "nothing is deployed; skerry recipes lists what can be");
  const byInstance = Map.groupBy(rights, ({ instance = "" }) => instance);
  const leaving = Map.groupBy(channels, ({ from = "" }) => from);
  for (const { name = "", recipe = "", tags = [], blocked = "", after = [] } of instances) {
    const words = [`recipe ${recipe}`, ...(tags.length === 0 ? [] : [`tags ${tags.join(", ")}`])];
    print(world, `${name}: ${words.join("; ")}`);
    if (blocked !== "") print(world, `  cannot be started as things are: ${blocked}`);
    for (const line of rightLines(world, byOwn(byInstance.get(name) ?? []), "unnamed")) print(world, line);
    if (after.length > 0) print(world, `  starts after ${after.join(", ")}`);
    for (const { to = "", by = [] } of leaving.get(name) ?? [])
      print(world, `  can hand something to ${to}, ${over(by)}`);
  }
}

/** Reading and writing the same is one line. */
function byOwn(rights: readonly WiredRightJson[]): readonly WiredRightJson[] {
  const same = (one: WiredRightJson, other: WiredRightJson) =>
    one.kind === other.kind && one.target === other.target && one.request === other.request;
  return rights.flatMap((right) => {
    if (right.verb === "writes" && rights.some((other) => other.verb === "reads" && same(right, other))) return [];
    const both = right.verb === "reads" && rights.some((other) => other.verb === "writes" && same(right, other));
    return [both ? { ...right, verb: "reads and writes" } : right];
  });
}

function over(by: readonly WiredRightJson[]): string {
  const [first, second] = by;
  const there = first?.kind === "place" ? first : second?.kind === "place" ? second : undefined;
  if (there !== undefined) return `over ${there.target ?? ""} of ${there.instance ?? ""}`;
  if (first?.kind === "instance") return `over the link of ${first.instance ?? ""} to ${first.target ?? ""}`;
  return `over ${first?.target ?? ""}`;
}
