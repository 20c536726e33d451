/**
 * Lex: a claim's text as words. A word ends at a space or a bracket; what has either in it stands in double quotes.
 *
 * Invariant: no more than {@link MAX_WORDS} words of a text of {@link MAX_CLAIM_LENGTH}, and all of them printable.
 */
import { escapeText, isPrintable } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { ClaimComplaint } from "./claim.ts";

export const MAX_CLAIM_LENGTH = 4000;
export const MAX_WORDS = 400;

export interface Word {
  readonly text: string;
  /** Of the text, in UTF-16 units. */
  readonly at: number;
  readonly end: number;
  /** A quoted word is a name or a path, and never a word of the language. */
  readonly quoted: boolean;
}

export function wordsOf(text: string): Result<readonly Word[], ClaimComplaint> {
  const bad = (at: number, message: string) => refusal({ kind: "bad-claim", at, message } as const);
  if (text.length > MAX_CLAIM_LENGTH) return bad(0, `a claim has at most ${MAX_CLAIM_LENGTH} characters`);
  const words: Word[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === " ") {
      at += 1;
      continue;
    }
    if (words.length === MAX_WORDS) return bad(at, `a claim has at most ${MAX_WORDS} words`);
    const end = endOf(text, at);
    if (end === undefined) return bad(at, 'the quote is not closed. Write another "');
    const quoted = char === '"';
    const word = quoted ? text.slice(at + 1, end - 1) : text.slice(at, end);
    if (!isPrintable(word)) return bad(at, `an invisible or control character, in "${escapeText(word, 80)}"`);
    if (!quoted && word.includes('"')) return bad(at + word.indexOf('"'), "a quote within a word. Quote all of it");
    words.push({ text: word, at, end, quoted });
    at = end;
  }
  return success(words);
}

function endOf(text: string, at: number): number | undefined {
  const char = text.charAt(at);
  if (char === "(" || char === ")") return at + 1;
  if (char !== '"') {
    const length = text.slice(at).search(/[ ()]/);
    return length === -1 ? text.length : at + length;
  }
  const closing = text.indexOf('"', at + 1);
  return closing === -1 ? undefined : closing + 1;
}
