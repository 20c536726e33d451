/**
 * Edit link: another instance in the place of the one that links lead to. All else stays as its owner wrote it, and the app
 * knows the other by the same name as before.
 *
 * Invariant: what comes out reads as what went in with exactly that change; where no splice does that, the list of links is
 * written anew, and its comments stay.
 */
import { isMap } from "yaml";
import type { Link } from "../model/index.ts";
import { type Result, success } from "../result.ts";
import type { DescriptorProblem } from "./complaint.ts";
import { setValue } from "./edit.ts";
import { inlineText } from "./inline.ts";
import { nodeAt, type PlainData, type PlainMap, pairOf, readYaml, type YamlText } from "./read-yaml.ts";
import { indentAt, lineEnd } from "./splice.ts";

/**
 * @param links - all of the deployment, in the order written
 * @param which - whether this one is meant
 *
 * Problems
 * - `descriptor`: the text cannot be read
 */
export function setLinkTargets(
  text: string,
  file: string,
  links: readonly Link[],
  which: (link: Link) => boolean,
  to: string,
): Result<string, DescriptorProblem> {
  const yaml = readYaml(text, file);
  if (!yaml.ok) return yaml;
  const wanted = links.map((link) => linkData(which(link) ? withTarget(link, to) : link));
  // The last first: a place in the text is as it was until something before it has changed.
  const indexes = [...links.keys()].filter((index) => links.slice(index, index + 1).some(which)).toReversed();
  const spliced = indexes.reduce((before, index) => splice(before, yaml.value, index, to, wanted[index]?.["as"]), text);
  const read = readYaml(spliced, file);
  return read.ok && saysOfLinks(read.value.data) === saysOfLinks({ links: wanted })
    ? success(spliced)
    : setValue(text, file, ["links"], wanted);
}

/** @param as - its name inside; written where none is */
function splice(text: string, { document }: YamlText, index: number, to: string, as: PlainData | undefined): string {
  const item = nodeAt(document, ["links", index]);
  const pair = item === undefined || item === null ? undefined : pairOf(item, "to");
  if (!isMap(item) || pair?.value === undefined || pair.value === null) return text;
  const [start, end] = pair.value.range;
  const named = typeof as === "string" && pairOf(item, "as") === undefined ? `as: ${inlineText(as)}` : "";
  const inLines = item.flow !== true;
  // Behind the name there may be a comment, to the end of its line.
  const at = inLines ? lineEnd(text, end) : end;
  const added = named === "" ? "" : inLines ? `\n${indentAt(text, pair.key.range[0])}${named}` : `, ${named}`;
  return `${text.slice(0, start)}${inlineText(to)}${text.slice(end, at)}${added}${text.slice(at)}`;
}

/** The app goes on to know it by its name; without a port it has none. */
function withTarget({ to: before, port, as }: Link, to: string): Link {
  return { to, port, as: port === undefined ? undefined : (as ?? (before === to ? undefined : before)) };
}

function linkData({ to, port, as }: Link): PlainMap {
  return { to, ...(port === undefined ? {} : { port }), ...(as === undefined ? {} : { as }) };
}

/** Equal for links that say the same, whatever the order of keys. */
function saysOfLinks(data: PlainData): string {
  const links: unknown = typeof data === "object" && data !== null && "links" in data ? data.links : [];
  const says = (link: unknown) =>
    typeof link === "object" && link !== null ? Object.entries(link).toSorted(([a], [b]) => (a < b ? -1 : 1)) : link;
  return JSON.stringify(Array.isArray(links) ? links.map(says) : links);
}
