/** Names: which strings may name a thing, and how far a path may be believed. All checks of that kind stand here. */

/** Recipes, deployments, bases, requests, volumes, programs: what can stand in a file name and on a command line. */
export const NAME_PATTERN = /^[a-z][a-z0-9-]{0,39}$/;

/** Debian policy 5.6.1; the upper bound is ours. */
export const PACKAGE_PATTERN = /^[a-z0-9][a-z0-9+.-]{1,99}$/;

/** environ(7) by the portable rules. */
export const VARIABLE_PATTERN = /^[A-Za-z_][A-Za-z0-9_]{0,99}$/;

/** A label of a name in DNS, as hosts are named: letters, digits and dashes, none at its ends (RFC 1123). */
const LABEL_PATTERN = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Lower case, at least two labels, at most 253 characters; a last label of digits would be an address's. */
export function isHostName(text: string): boolean {
  const labels = text.split(".");
  return (
    text.length <= 253 &&
    labels.length >= 2 &&
    labels.every((label) => LABEL_PATTERN.test(label)) &&
    !/^([0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "")
  );
}

/** No control characters, no broken Unicode, nothing that reverses or hides text on a screen. */
const UNPRINTABLE =
  /[\p{Control}\p{Surrogate}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/u;

/** True where the text can be printed as it is. */
export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text);
}

/** An absolute path in its shortest form: no empty, `.` or `..` part, no slash at the end, at most 4095 bytes. */
export function isCleanAbsolutePath(path: string): boolean {
  if (path === "/") return true;
  return path.startsWith("/") && isCleanRelativePath(path.slice(1));
}

/** The same for a path below something. */
export function isCleanRelativePath(path: string): boolean {
  if (path.length === 0 || Buffer.byteLength(path) > 4095 || path.includes("\0")) return false;
  return path
    .split("/")
    .every((part) => part !== "" && part !== "." && part !== ".." && Buffer.byteLength(part) <= 255);
}

/** True where `path` is `folder` itself or lies below it; both clean and absolute. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || folder === "/" || path.startsWith(`${folder}/`);
}

/**
 * Shows untrusted text on one line: everything unprintable as an escape, the rest untouched.
 *
 * @param limit - characters kept; what is longer is cut and marked
 */
export function escapeText(text: string, limit = 2000): string {
  const shown = [...text.slice(0, limit)].map((char) => (isPrintable(char) ? char : escapeChar(char))).join("");
  return text.length > limit ? `${shown}…` : shown;
}

function escapeChar(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/**
 * The name of the closest candidate, for "did you mean".
 *
 * @returns undefined where nothing is near enough to be meant
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > 80) return undefined;
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const name of candidates) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase());
    if (distance <= Math.max(1, Math.floor(name.length / 3)) && distance < (best?.distance ?? Infinity))
      best = { name, distance };
  }
  return best?.name;
}

/** Damerau's distance of neighbours: insert, delete, replace and swap cost one each. */
function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length] ?? Infinity;
}
