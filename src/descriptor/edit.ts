/**
 * Edit: changes to a text that a person wrote, which leave everything else as it is.
 *
 * A change is spliced into the text at the place of its node, so that order, spaces, quotes and comments stay byte for
 * byte. A comment in a part that is taken out stays too, on a line of its own: what the owner wrote to remember is not
 * ours to throw away.
 *
 * Invariants
 * - What comes out reads as what went in with exactly the change that was asked for; else it does not come out.
 * - It is not checked against a format: the caller parses the new text before keeping it.
 */
import { parseDocument } from "yaml";
import type { Grant } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { DescriptorProblem } from "./complaint.ts";
import { grantData } from "./write.ts";
import { type PlainData, type PlainMap, readYaml, type YamlText } from "./read-yaml.ts";
import { removeSplices, setSplices, type Splice } from "./splice.ts";

/** Keys from the root to a value. */
export type KeyPath = readonly [string, ...string[]];

/**
 * Sets the answer to one request in the text of a deployment.
 *
 * @param grant - undefined options are taken out where they stand
 * @param context.home - the owner's home folder; what lies in it is written with `~/`
 *
 * Problems
 * - `descriptor`: the text cannot be read
 */
export function setAnswer(
  text: string,
  file: string,
  request: string,
  grant: Grant,
  context: { readonly home: string },
): Result<string, DescriptorProblem> {
  return setValue(text, file, ["answers", request], grantData(grant, context.home));
}

/**
 * Sets a value, and the maps that lead to it where they are missing.
 *
 * A map in the place of a map is changed key by key. Anything but a map that stands in the way is replaced.
 *
 * Problems
 * - `descriptor`: the text cannot be read, or is not a map
 */
export function setValue(
  text: string,
  file: string,
  path: KeyPath,
  value: PlainData,
): Result<string, DescriptorProblem> {
  const yaml = readMap(text, file);
  if (!yaml.ok) return yaml;
  const wanted = withValue(yaml.value.data, path, value);
  return success(change(yaml.value, file, changesTo(dataAt(yaml.value.data, path), value, path), wanted));
}

/**
 * Takes out a key with its value. The text comes back as it was where there is no such key. A map that lost its last key
 * stays as `{}`.
 *
 * Problems
 * - `descriptor`: the text cannot be read, or is not a map
 */
export function removeKey(text: string, file: string, path: KeyPath): Result<string, DescriptorProblem> {
  const yaml = readMap(text, file);
  if (!yaml.ok) return yaml;
  if (dataAt(yaml.value.data, path) === undefined) return success(text);
  return success(change(yaml.value, file, [{ kind: "remove", path }], withValue(yaml.value.data, path, undefined)));
}

interface YamlMap extends YamlText {
  readonly data: PlainMap;
}

function readMap(text: string, file: string): Result<YamlMap, DescriptorProblem> {
  const yaml = readYaml(text, file);
  if (!yaml.ok) return yaml;
  const { data } = yaml.value;
  if (isMapData(data)) return success({ ...yaml.value, data });
  return refusal({ kind: "descriptor", complaints: [{ file, line: 1, column: 1, message: "expected a map" }] });
}

type Change =
  | { readonly kind: "set"; readonly path: KeyPath; readonly value: PlainData }
  | { readonly kind: "remove"; readonly path: KeyPath };

/** The smallest changes that turn one value into another. New keys come before old ones go, so that no map runs empty. */
function changesTo(from: PlainData | undefined, to: PlainData, path: KeyPath): readonly Change[] {
  if (from !== undefined && sorted(from) === sorted(to)) return [];
  if (!isMapData(from) || !isMapData(to) || Object.keys(from).length === 0 || Object.keys(to).length === 0) {
    return [{ kind: "set", path, value: to }];
  }
  return [
    ...Object.entries(to).flatMap(([key, value]) => changesTo(ownValue(from, key), value, [...path, key])),
    ...Object.keys(from)
      .filter((key) => !Object.hasOwn(to, key))
      .map((key): Change => ({ kind: "remove", path: [...path, key] })),
  ];
}

function change(yaml: YamlMap, file: string, changes: readonly Change[], wanted: PlainMap): string {
  let text = yaml.text;
  for (const next of changes) {
    const read = readMap(text, file);
    if (!read.ok) return rewritten(yaml, file, changes, wanted);
    text = apply(
      text,
      next.kind === "set" ? setSplices(read.value, next.path, next.value) : removeSplices(read.value, next.path),
    );
  }
  const read = readMap(text, file);
  const asWanted = read.ok && sorted(read.value.data) === sorted(wanted) && commentsOf(read.value) === commentsOf(yaml);
  return asWanted ? text : rewritten(yaml, file, changes, wanted);
}

/** Later places first, so that earlier ones stay where they are. */
function apply(text: string, splices: readonly Splice[]): string {
  return splices
    .toSorted((left, right) => right.start - left.start)
    .reduce((before, { start, end, text: added }) => `${before.slice(0, start)}${added}${before.slice(end)}`, text);
}

/** For layouts that no splice fits: the text is written anew from its nodes. Comments stay, spaces may not. */
function rewritten(yaml: YamlMap, file: string, changes: readonly Change[], wanted: PlainMap): string {
  const document = parseDocument(yaml.text, { version: "1.2", schema: "core" });
  for (const next of changes) {
    if (next.kind === "set") document.setIn(next.path, document.createNode(next.value, { flow: true }));
    else document.deleteIn(next.path);
  }
  const text = document.toString({ lineWidth: 0 });
  const read = readMap(text, file);
  if (!read.ok || sorted(read.value.data) !== sorted(wanted))
    throw new Error("an edit would have changed more than it should");
  return text;
}

/** All comments, in any order: a comment may have moved to a line of its own. */
function commentsOf({ text, comments }: YamlText): string {
  return comments
    .map(({ start, end }) => text.slice(start, end).trimEnd())
    .toSorted()
    .join("\n");
}

function isMapData(data: PlainData | undefined): data is PlainMap {
  return typeof data === "object" && data !== null && !Array.isArray(data);
}

function ownValue(map: PlainMap, key: string): PlainData | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function dataAt(data: PlainMap, [key, ...rest]: readonly string[]): PlainData | undefined {
  const value = key === undefined ? data : ownValue(data, key);
  const [next] = rest;
  if (next === undefined) return value;
  return isMapData(value) ? dataAt(value, rest) : undefined;
}

/** @param value - undefined takes the key out */
function withValue(data: PlainMap, [key, ...rest]: readonly string[], value: PlainData | undefined): PlainMap {
  if (key === undefined) throw new Error("a path has at least one key");
  const { [key]: before, ...others } = data;
  if (rest.length > 0) return { ...data, [key]: withValue(isMapData(before) ? before : {}, rest, value) };
  return value === undefined ? others : { ...data, [key]: value };
}

/** Equal for equal data, whatever the order of keys. */
function sorted(data: PlainData): string {
  return JSON.stringify(data, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1)))
      : value,
  );
}
