/** Inline: plain data as YAML on one line, for what is written into texts that people keep. */
import { parse } from "yaml";
import type { PlainData } from "./read-yaml.ts";

/** A duration, or a count within one: text to YAML as well, though it begins with a digit. */
const DURATION = /^([1-9][0-9]* in )?[1-9][0-9]*(ms|s|m|h)$/;

/** What a plain scalar may look like both inside and outside of brackets; all else is put in quotes. */
const PLAIN = /^[A-Za-z/~._?][A-Za-z0-9 /~._+@%=()?-]*$/;

/**
 * @example
 * inline({ answer: "subset", files: ["a.txt", "# b"] }) // { answer: subset, files: [a.txt, "# b"] }
 */
export function inline(value: PlainData): string {
  if (value === null) return "null";
  if (typeof value === "string") return inlineText(value);
  if (typeof value !== "object") return String(value);
  if (isList(value)) return `[${value.map(inline).join(", ")}]`;
  const pairs = Object.entries(value).map(([key, item]) => `${inlineText(key)}: ${inline(item)}`);
  return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
}

function isList(value: PlainData): value is readonly PlainData[] {
  return Array.isArray(value);
}

/** A string as it would be read back: `150 %` stays as it is, `true` and `1.5` are quoted. */
export function inlineText(text: string): string {
  const plain =
    (PLAIN.test(text) || /^[1-9][0-9]* ?([KMGT]iB|%)$/.test(text) || DURATION.test(text)) &&
    !text.endsWith(" ") &&
    isText(text);
  // JSON's quoted strings are YAML's, too.
  return plain ? text : JSON.stringify(text);
}

/** False for the words that YAML reads as something else: `true`, `null`, `~`, `.inf`. */
function isText(text: string): boolean {
  return !text.startsWith("? ") && text !== "?" && parse(text, { version: "1.2", schema: "core" }) === text;
}
