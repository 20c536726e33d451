/**
 * Splice: where in a text a change has to be made. Reads ranges of nodes; changes nothing itself.
 *
 * Ranges are those of the `yaml` package, in UTF-16 units; of a map or list that is written in lines they may reach over
 * the comments behind it, so the end of its last scalar is used instead.
 */
import { isCollection, isMap, isScalar, type ParsedNode } from "yaml";
import { inline, inlineText } from "./inline.ts";
import { pairOf, type PlainData, type YamlText } from "./read-yaml.ts";

/** From `start` to `end` of the text stands `text` instead. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The part of the package's pairs that is read here. */
interface ParsedPair {
  readonly key: ParsedNode;
  readonly value: ParsedNode | null;
}

/** Sets one value; the maps that lead to it are made where they are missing. */
export function setSplices(yaml: YamlText, path: readonly string[], value: PlainData): readonly Splice[] {
  const { map, pair, rest } = deepest(yaml, path);
  const [key, ...below] = rest;
  if (key === undefined) throw new Error("a path has at least one key");
  const nested = below.reduceRight<PlainData>((inner, name) => ({ [name]: inner }), value);
  const here = pairOf(map, key);
  return here === undefined ? insertSplices(yaml, map, pair, key, nested) : replaceSplices(yaml, here, inline(nested));
}

/** Takes out one key that is there. */
export function removeSplices(yaml: YamlText, path: readonly string[]): readonly Splice[] {
  const { map, pair, rest } = deepest(yaml, path);
  const [key, ...below] = rest;
  const here = key === undefined || below.length > 0 ? undefined : pairOf(map, key);
  if (here === undefined || !isMap(map)) throw new Error("the key to be taken out is not there");
  if (map.items.length === 1) return pair === undefined ? [] : replaceSplices(yaml, pair, "{}");
  const { text } = yaml;
  if (map.flow !== true) {
    const start = lineStart(text, here.key.range[0]);
    const end = Math.min(text.length, lineEnd(text, contentEnd(text, here)) + 1);
    return [{ start, end, text: keptComments(yaml, start, end, indentAt(text, here.key.range[0])) }];
  }
  const index = map.items.findIndex(({ key }) => key === here.key);
  const next = map.items[index + 1];
  const before = map.items[index - 1];
  const start = next === undefined && before !== undefined ? contentEnd(text, before) : here.key.range[0];
  const end = next === undefined ? contentEnd(text, here) : next.key.range[0];
  return [{ start, end, text: "" }, ...commentsAbove(yaml, start, end)];
}

/** Down the path as far as there are maps: the last map, the pair that it is the value of, and what is left of the path. */
function deepest({ document }: YamlText, path: readonly string[]) {
  let map: ParsedNode | null = document.contents;
  let pair: ParsedPair | undefined;
  let rest = path;
  while (map !== null && rest.length > 1) {
    const next = pairOf(map, rest[0] ?? "");
    if (next === undefined || !isMap(next.value)) break;
    map = next.value;
    pair = next;
    rest = rest.slice(1);
  }
  if (map === null) throw new Error("a document without contents is refused when it is read");
  return { map, pair, rest };
}

function replaceSplices(yaml: YamlText, pair: ParsedPair, written: string): readonly Splice[] {
  const { text } = yaml;
  const { value } = pair;
  const afterColon = colonEnd(text, pair);
  if (value === null || value.range[0] === value.range[1]) {
    const at = afterColon ?? pair.key.range[1];
    return [{ start: at, end: at, text: `${afterColon === undefined ? ":" : ""} ${written}` }];
  }
  const end = contentEnd(text, pair);
  const inLines = (isCollection(value) && value.flow !== true) || (isScalar(value) && isBlockScalar(value.type));
  const start = inLines && afterColon !== undefined ? afterColon : value.range[0];
  return [{ start, end, text: `${inLines ? " " : ""}${written}` }, ...commentsAbove(yaml, start, end)];
}

function insertSplices(
  yaml: YamlText,
  map: ParsedNode,
  pair: ParsedPair | undefined,
  key: string,
  value: PlainData,
): readonly Splice[] {
  if (!isMap(map)) throw new Error("only a map takes a key");
  const { text } = yaml;
  const written = `${inlineText(key)}: ${inline(value)}`;
  const last = map.items.at(-1);
  const first = map.items[0];
  if (last === undefined || first === undefined) {
    const [start, end] = map.range;
    const alone = text.slice(start, end) === "{}" && text.slice(end, lineEnd(text, end)).trim() === "";
    if (alone && pair !== undefined && text.slice(lineStart(text, start), pair.key.range[0]).trim() === "") {
      // An empty map at the end of its line opens up: a line for each key is what people write.
      const from = colonEnd(text, pair) ?? start;
      return [{ start: from, end, text: `\n${indentAt(text, pair.key.range[0])}  ${written}` }];
    }
    return [{ start: start + 1, end: start + 1, text: ` ${written} ` }];
  }
  const end = contentEnd(text, last);
  if (map.flow === true) return [{ start: end, end, text: `, ${written}` }];
  const at = lineEnd(text, end);
  return [{ start: at, end: at, text: `\n${indentAt(text, first.key.range[0])}${written}` }];
}

/** The end of the last character that belongs to a pair: no space, line end or comment behind it. */
function contentEnd(text: string, pair: ParsedPair): number {
  const { value } = pair;
  if (value === null || value.range[0] === value.range[1]) return colonEnd(text, pair) ?? pair.key.range[1];
  return nodeEnd(text, value);
}

function nodeEnd(text: string, node: ParsedNode): number {
  if (isMap(node) && node.flow !== true) {
    const last = node.items.at(-1);
    if (last !== undefined) return contentEnd(text, last);
  }
  if (isCollection(node) && node.flow !== true && !isMap(node)) {
    const last = node.items.at(-1);
    if (last !== undefined && last.range[0] !== last.range[1]) return nodeEnd(text, last);
  }
  return text.slice(0, node.range[1]).trimEnd().length;
}

function isBlockScalar(type: string | undefined): boolean {
  return type === "BLOCK_FOLDED" || type === "BLOCK_LITERAL";
}

/** Behind the colon of a pair; undefined where it has none, or stands apart from its key. */
function colonEnd(text: string, { key }: ParsedPair): number | undefined {
  const between = /^ *:/.exec(text.slice(key.range[1], key.range[1] + 1000));
  return between === null ? undefined : key.range[1] + between[0].length;
}

/** The comments of a part that goes, each on a line of its own above the line where the part began. */
function commentsAbove(yaml: YamlText, start: number, end: number): readonly Splice[] {
  const at = lineStart(yaml.text, start);
  const indent = /^ */.exec(yaml.text.slice(at))?.[0] ?? "";
  const kept = keptComments(yaml, start, end, indent);
  return kept === "" ? [] : [{ start: at, end: at, text: kept }];
}

function keptComments({ text, comments }: YamlText, start: number, end: number, indent: string): string {
  return comments
    .filter((comment) => comment.start >= start && comment.start < end)
    .map((comment) => `${indent}${text.slice(comment.start, comment.end).trimEnd()}\n`)
    .join("");
}

function lineStart(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
}

export function lineEnd(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end === -1 ? text.length : end;
}

/** As many spaces as stand, or would stand, before this place of a line. */
export function indentAt(text: string, offset: number): string {
  return " ".repeat(offset - lineStart(text, offset));
}
