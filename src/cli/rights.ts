/** Rights in words: a line for each, with the line of the file that it comes from. */
import type { FileLineJson, WiredRightJson } from "../contract/index.ts";
import { isWithin } from "../model/index.ts";
import type { World } from "./world.ts";

/** `  notes reads ~/taxes  (~/.config/skerry/deployments/notes.yaml:7, documents: real)` */
export function rightLines(
  world: World,
  rights: readonly WiredRightJson[],
  named: "named" | "unnamed" = "named",
): readonly string[] {
  const told = rights.map((right) => `${named === "named" ? `${right.instance ?? ""} ` : ""}${doing(world, right)}`);
  const width = Math.min(60, Math.max(0, ...told.map((text) => text.length)));
  return rights.map((right, index) => `  ${(told[index] ?? "").padEnd(width)}  ${sourceOf(world, right)}`.trimEnd());
}

/** `reads ~/taxes` */
function doing(world: World, { verb = "", kind = "", target = "" }: WiredRightJson): string {
  return `${verb} ${targetWords(world, kind, target)}`;
}

export function targetWords(world: World, kind: string, target: string): string {
  if (kind === "folder") return shortPath(world, target);
  return kind === "volume" ? `its volume ${target}` : target;
}

function sourceOf(world: World, { request = "", answer = "", lines = [] }: WiredRightJson): string {
  const [first] = lines;
  const because = request === "" ? "" : `${request}: ${answer}`;
  const parts = [...(first === undefined ? [] : [lineText(world, first)]), ...(because === "" ? [] : [because])];
  return parts.length === 0 ? "" : `(${parts.join(", ")})`;
}

export function lineText(world: World, { file = "", line = 0 }: FileLineJson): string {
  return `${shortPath(world, file)}${line === 0 ? "" : `:${line}`}`;
}

function shortPath({ environment }: World, path: string): string {
  const home = environment["HOME"] ?? "/";
  if (home === "/" || !isWithin(path, home)) return path;
  return path === home ? "~/" : `~${path.slice(home.length)}`;
}
