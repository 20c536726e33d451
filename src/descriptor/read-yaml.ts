/**
 * Read YAML: text in, plain data with places out. It knows nothing of recipes.
 *
 * Only a plain part of YAML is let in: one document of maps, lists and scalars. Anchors, aliases, tags, directives and
 * merge keys are refused, so nothing in a text can refer to anything else, grow, or pick its own type. The text goes
 * through the lexer piece by piece, so that depth and size are known to be small before anything recurses over it.
 *
 * Invariants
 * - Bounded: what passes has at most {@link MAX_DEPTH} levels and {@link MAX_NODES} nodes.
 * - Every string and key in the data can be printed as it is, and no key names something that every object has.
 */
import { CST, Composer, type Document, isMap, isScalar, isSeq, Lexer, type ParsedNode, Parser } from "yaml";
import { isPrintable } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { type DescriptorProblem, type Finding, complaintsAt, MAX_COMPLAINTS, quote } from "./complaint.ts";

export const MAX_TEXT_BYTES = 256 * 1024;
export const MAX_DEPTH = 16;
export const MAX_NODES = 10_000;
/** Marks, spaces, line ends and comments count too: about ten for each node. */
const MAX_LEXEMES = 100_000;

export type PlainData = null | boolean | number | string | readonly PlainData[] | PlainMap;
export interface PlainMap {
  readonly [key: string]: PlainData;
}
/** Keys and indexes from the root of a document to a node. */
export type DataPath = readonly (string | number)[];

export interface YamlText {
  readonly text: string;
  readonly document: Document.Parsed;
  readonly data: PlainData;
  readonly comments: readonly CommentRange[];
}

/** A comment from its `#` to the end of its line. */
export interface CommentRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads one YAML document.
 *
 * Problems
 * - `descriptor`: the text is too large, is not YAML, or uses a part of YAML that is not let in
 */
export function readYaml(text: string, file: string): Result<YamlText, DescriptorProblem> {
  // The size comes first and alone: nothing else may look at a text that is too large.
  const tooLarge = text.length > MAX_TEXT_BYTES || Buffer.byteLength(text) > MAX_TEXT_BYTES;
  if (tooLarge) {
    const message = `the text is larger than ${MAX_TEXT_BYTES / 1024} KiB. A descriptor holds settings, not content`;
    return refusal({ kind: "descriptor", complaints: [{ file, line: 1, column: 1, message }] });
  }
  const refused = (findings: readonly Finding[]) =>
    refusal({ kind: "descriptor", complaints: complaintsAt(file, text, findings) } as const);

  const unprintable = findUnprintable(text);
  if (unprintable.length > 0) return refused(unprintable);
  const cut = cutIntoTokens(text);
  if (cut.findings.length > 0) return refused(cut.findings);

  const options = { version: "1.2", schema: "core", merge: false, uniqueKeys: false, prettyErrors: false } as const;
  const [document, second] = [...new Composer(options).compose(cut.tokens, true, text.length)];
  if (document === undefined) throw new Error("the composer gave no document");
  if (second !== undefined) {
    return refused([{ offset: second.range[0], message: "a second document begins here. Keep one to a file" }]);
  }
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0)
    return refused(faults.map(({ pos, message }) => ({ offset: pos[0], message: notYaml(message) })));
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    return refused([{ offset: 0, message: "the text is empty" }]);
  }
  const walk: Walk = { findings: [], nodes: 0 };
  const data = toPlainData(document.contents, walk);
  if (walk.findings.length > 0) return refused(walk.findings);
  return success({ text, document, data, comments: cut.comments });
}

function findUnprintable(text: string): readonly Finding[] {
  const findings: Finding[] = [];
  let lineStart = 0;
  for (const line of text.split("\n")) {
    if (!isPrintable(line)) {
      let before = 0;
      for (const char of line) {
        if (!isPrintable(char)) break;
        before += char.length;
      }
      findings.push({ offset: lineStart + before, message: unprintableMessage(line.codePointAt(before) ?? 0) });
      if (findings.length === MAX_COMPLAINTS) break;
    }
    lineStart += line.length + 1;
  }
  return findings;
}

function unprintableMessage(code: number): string {
  if (code === 0x09) return "a tab. Write spaces";
  if (code === 0x0d) return "a carriage return. Save the file with line ends of Unix";
  if (code === 0xfeff) return "a byte order mark. Save the file as plain UTF-8";
  const name = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return `an invisible or control character (${name}). Take it out`;
}

interface Cut {
  readonly tokens: readonly CST.Token[];
  readonly comments: readonly CommentRange[];
  readonly findings: readonly Finding[];
}

/** From text to the tokens of its concrete syntax tree. Stops at the first thing that is not let in. */
function cutIntoTokens(text: string): Cut {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  const comments: CommentRange[] = [];
  let offset = 0;
  let lexemes = 0;
  let nodes = 0;
  const stop = (message: string): Cut => ({ tokens, comments, findings: [{ offset, message }] });
  for (const lexeme of new Lexer().lex(text)) {
    lexemes += 1;
    const type = CST.tokenType(lexeme);
    const marker = type === "doc-mode" || type === "flow-error-end" || type === "scalar";
    if (type !== null && NOT_LET_IN[type] !== undefined) return stop(NOT_LET_IN[type]);
    if (type === "comment") comments.push({ start: offset, end: offset + lexeme.length });
    if (type === "scalar" || type === "flow-map-start" || type === "flow-seq-start") nodes += 1;
    if (nodes > MAX_NODES) return stop(TOO_MANY_NODES);
    if (lexemes > MAX_LEXEMES) return stop("more marks, lines and comments than a descriptor can need");
    tokens.push(...parser.next(lexeme));
    if (depthOf(parser.stack) > MAX_DEPTH) return stop(`nested more than ${MAX_DEPTH} levels deep`);
    // Three lexemes are marks of the lexer's own and stand for no text.
    if (!marker) offset += lexeme.length;
  }
  tokens.push(...parser.end());
  const findings = tokens
    .filter((token) => token.type === "error")
    .map((token) => ({ offset: token.offset, message: notYaml(token.message) }));
  return { tokens, comments, findings };
}

const TOO_MANY_NODES = `more than ${MAX_NODES} values. A descriptor holds settings, not content`;

const NOT_LET_IN: Partial<Record<CST.TokenType, string>> = {
  anchor: `anchors ("&name") are not used here. Write the value itself, or put a text with "&" in quotes`,
  alias: `aliases ("*name") are not used here. Write the value itself, or put a text with "*" in quotes`,
  tag: `tags ("!name") are not used here. Put a text with "!" in quotes`,
  "directive-line": `directives ("%…") are not used here. Take the line out`,
  "explicit-key-ind": `keys marked by "?" are not used here. Write "key: value", or put a text with "?" in quotes`,
};

function depthOf(stack: readonly CST.Token[]): number {
  if (stack.length <= MAX_DEPTH) return stack.length;
  return stack.filter(({ type }) => type === "block-map" || type === "block-seq" || type === "flow-collection").length;
}

/** The parser's own sentence, on one line, with what it quotes of the text escaped and cut. */
function notYaml(message: string): string {
  return `not YAML: ${quote(message.split("\n", 1)[0] ?? "").slice(1, -1)}`;
}

interface Walk {
  readonly findings: Finding[];
  nodes: number;
}

function toPlainData(node: ParsedNode | null, walk: Walk): PlainData {
  walk.nodes += 1;
  if (walk.nodes > MAX_NODES) {
    if (walk.nodes === MAX_NODES + 1) walk.findings.push({ offset: node?.range[0] ?? 0, message: TOO_MANY_NODES });
    return null;
  }
  if (node === null) return null;
  if (isScalar(node)) return scalarData(node.value, node.range[0], walk);
  if (isSeq(node)) return node.items.map((item) => toPlainData(item, walk));
  const data: Record<string, PlainData> = {};
  if (!isMap(node)) throw new Error("aliases are refused before a document is made");
  const seen = new Set<string>();
  for (const { key, value } of node.items) {
    const name = keyName(key);
    const offset = key?.range[0] ?? 0;
    const fault = name === undefined ? NO_KEY : keyFault(name, seen);
    if (name === undefined || fault !== undefined) {
      walk.findings.push({ offset, message: fault ?? NO_KEY });
      continue;
    }
    seen.add(name);
    data[name] = toPlainData(value, walk);
  }
  return data;
}

const NO_KEY = "a key must be text. Put it in quotes";

function keyName(key: ParsedNode | null): string | undefined {
  return isScalar(key) && typeof key.value === "string" ? key.value : undefined;
}

function keyFault(name: string, seen: ReadonlySet<string>): string | undefined {
  if (seen.has(name)) return `${quote(name)} is written twice in one map`;
  if (name === "<<") return `merge keys ("<<") are not used here. Write the values themselves`;
  if (!isPrintable(name)) return `the key ${quote(name)} has an invisible or control character in it`;
  // Such a key would shadow, or be taken for, what every object of the language carries.
  if (name in Object.prototype) return `${quote(name)} is a reserved word and cannot be a key. Choose another name`;
  return undefined;
}

function scalarData(value: unknown, offset: number, walk: Walk): PlainData {
  if (typeof value === "string" && !isPrintable(value)) {
    const why = value.includes("\n") ? "a line break" : "an invisible or control character";
    walk.findings.push({ offset, message: `${quote(value)} has ${why} in it. Write printable text on one line` });
  }
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

/** The node at a path, or undefined where there is none. */
export function nodeAt(document: Document.Parsed, path: DataPath): ParsedNode | null | undefined {
  let node: ParsedNode | null | undefined = document.contents;
  for (const part of path) {
    if (isMap(node)) node = pairOf(node, String(part))?.value;
    else if (isSeq(node) && typeof part === "number") node = node.items[part];
    else return undefined;
  }
  return node;
}

/** The key and value of a map under a name. */
export function pairOf(
  map: ParsedNode,
  name: string,
): { readonly key: ParsedNode; readonly value: ParsedNode | null } | undefined {
  if (!isMap(map)) return undefined;
  return map.items.find(({ key }) => keyName(key) === name);
}

/**
 * The place that a complaint about a path points at.
 *
 * @param part - `value` falls back to the key where nothing stands behind it; both fall back to what holds the path
 */
export function offsetOf(document: Document.Parsed, path: DataPath, part: "key" | "value"): number {
  for (let length = path.length; length > 0; length -= 1) {
    const last = path[length - 1];
    const parent = nodeAt(document, path.slice(0, length - 1));
    const pair = parent !== undefined && parent !== null && typeof last === "string" ? pairOf(parent, last) : undefined;
    const value = nodeAt(document, path.slice(0, length));
    const whole = length === path.length;
    if (pair !== undefined) {
      const empty = pair.value === null || pair.value.range[0] === pair.value.range[1];
      return whole && part === "value" && !empty ? (pair.value?.range[0] ?? 0) : pair.key.range[0];
    }
    if (value !== undefined && value !== null) return value.range[0];
  }
  return document.contents?.range[0] ?? 0;
}
