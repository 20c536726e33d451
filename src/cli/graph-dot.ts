/**
 * The wiring for Graphviz: instances as boxes, what they may do as arrows to folders, networks and each other. dot(1).
 *
 * Invariant: whatever a name, path or rule holds, it stays within its quotes.
 */
import type { GraphResponseJson, WiredRightJson } from "../contract/index.ts";
import { escapeText } from "../model/index.ts";
import { targetWords } from "./rights.ts";
import type { World } from "./world.ts";

const SHAPES: Readonly<Record<string, string>> = {
  ...{ folder: "folder", network: "ellipse", volume: "cylinder", place: "cds" },
};

export function dotOf(world: World, { instances = [], rights = [], channels = [] }: GraphResponseJson): string {
  const targets = new Map<string, string>();
  const arrows = new Map<string, { readonly from: string; readonly to: string; readonly verbs: string[] }>();
  for (const right of rights) {
    const { instance = "", kind = "", target = "", verb = "" } = right;
    const id = idOf(right);
    if (kind !== "instance")
      targets.set(
        id,
        `${quoted(id)} [label=${quoted(kind === "volume" ? `volume ${target}` : targetWords(world, kind, target))}, shape=${SHAPES[kind] ?? "box"}]`,
      );
    const key = `${instance}\0${id}`;
    const arrow = arrows.get(key) ?? { from: instance, to: id, verbs: [] };
    arrow.verbs.push(kind === "instance" ? target.slice(target.lastIndexOf(":")) : verb);
    arrows.set(key, arrow);
  }
  const linked = new Set(
    rights.flatMap((right) => (right.kind === "instance" ? [`${right.instance ?? ""}\0${idOf(right)}`] : [])),
  );
  return [
    "digraph skerry {",
    "  rankdir=LR;",
    '  node [fontname="sans-serif"];',
    ...instances.map(({ name = "", recipe = "", blocked = "" }) => {
      const style = blocked === "" ? "bold" : "dashed";
      return `  ${quoted(`app ${name}`)} [label=${quoted(name === recipe ? name : `${name} (${recipe})`)}, shape=box, style=${style}];`;
    }),
    ...[...targets.values()].map((line) => `  ${line};`),
    ...[...arrows.values()].map(
      ({ from, to, verbs }) => `  ${quoted(`app ${from}`)} -> ${quoted(to)} [label=${quoted(verbs.join(", "))}];`,
    ),
    ...instances.flatMap(({ name = "", after = [] }) =>
      after
        .filter((to) => !linked.has(`${name}\0app ${to}`))
        .map((to) => `  ${quoted(`app ${name}`)} -> ${quoted(`app ${to}`)} [label="after", style=dotted];`),
    ),
    ...channels.flatMap(({ from = "", by = [] }) =>
      by[1]?.kind === "place"
        ? [`  ${quoted(`app ${from}`)} -> ${quoted(idOf(by[1]))} [label="reaches", style=dotted];`]
        : [],
    ),
    ...nested([...rights.filter(({ kind }) => kind === "folder").map(({ target = "" }) => target)]).map(
      ([outer, inner]) =>
        `  ${quoted(`folder ${outer}`)} -> ${quoted(`folder ${inner}`)} [label="holds", style=dotted];`,
    ),
    "}",
  ].join("\n");
}

/** Folders that lie in another one that is shown, each with the nearest. */
function nested(folders: readonly string[]): readonly (readonly [string, string])[] {
  const known = new Set(folders);
  return [...known].flatMap((folder) => {
    for (let cut = folder.lastIndexOf("/"); cut > 0; cut = folder.lastIndexOf("/", cut - 1))
      if (known.has(folder.slice(0, cut))) return [[folder.slice(0, cut), folder] as const];
    return known.has("/") && folder !== "/" ? [["/", folder] as const] : [];
  });
}

/** Of what an arrow leads to: one node for a folder that two instances may read. */
function idOf({ instance = "", kind = "", target = "" }: WiredRightJson): string {
  if (kind === "instance") return `app ${target.slice(0, target.lastIndexOf(":"))}`;
  if (kind === "place") return `place ${instance} ${target}`;
  return kind === "volume" ? `volume ${instance}/${target}` : `${kind} ${target}`;
}

function quoted(text: string): string {
  return `"${escapeText(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
