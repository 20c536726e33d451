/**
 * Marked: a text that Skerry writes into a folder that is not its own begins with a line that says so, with a digest of
 * what follows. So it can tell what it wrote from what somebody else wrote, or has edited since.
 *
 * Invariant: only a text whose digest fits is ever replaced or removed.
 */
import { createHash } from "node:crypto";

/** `ours`: as Skerry wrote it. `edited`: written by Skerry, changed since. `foreign`: never ours. */
export type Whose = "ours" | "edited" | "foreign";

const MARK = /^# Written by Skerry, which leaves it alone once it was edited\. sha256 ([0-9a-f]{64})\n/;

export function marked(text: string): string {
  return `# Written by Skerry, which leaves it alone once it was edited. sha256 ${digestOf(text)}\n${text}`;
}

export function whose(text: string): Whose {
  const found = MARK.exec(text);
  if (found === null) return "foreign";
  return digestOf(text.slice(found[0].length)) === found[1] ? "ours" : "edited";
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
