/** Published ports in words: where each is reached, and what is wrong with it. */
import type { PublishedPortJson } from "../contract/index.ts";
import { escapeText } from "../model/index.ts";

/** `127.0.0.1:8080 → 80` */
export function publishedText({ port = 0, at = "", problem = "" }: PublishedPortJson): string {
  return `${escapeText(at)} → ${port}${problem === "" ? "" : ` (not open: ${escapeText(problem)})`}`;
}
