/**
 * Inside: which places in a compartment a recipe may have, for volumes and for granted folders.
 *
 * Invariants
 * - What the image brings and what the wall mounts itself is never covered: a volume at /etc or /usr would hand the app
 *   a writable copy of the files that its own programs trust.
 * - No place lies in another. The outer one's content belongs to the app or to the owner. To lay something on top, a
 *   mount point would have to be made in it, and the app could leave a link there for the next start to follow. The
 *   home folder and its parents are made fresh for each run, so nothing needs to be nested to be beside each other.
 */
import { isCleanAbsolutePath, isWithin } from "../model/index.ts";
import { quote } from "./complaint.ts";

/** Belongs to the image or to the wall, with everything below it. Names that begin with `lib` are added below. */
const RESERVED = ["bin", "boot", "dev", "etc", "proc", "root", "run", "sbin", "sys", "tmp", "usr"];

/** Parts of the image of which only something below, or only some folders, can be given away. */
const PARTLY: Readonly<Record<string, { readonly allowed: RegExp; readonly instead: string }>> = {
  home: { allowed: /^\/home\/app(\/|$)/, instead: "/home/app or a folder below it" },
  opt: { allowed: /^\/opt\/./, instead: "a folder below /opt" },
  // The package database stays as the image has it.
  var: {
    allowed: /^\/var\/(www(\/|$)|lib\/(?!(apt|dpkg)(\/|$)).)/,
    instead: "a folder of the app's own below /var/lib, or /var/www",
  },
};

/** @returns why nothing may be put at this place, or undefined where it may */
export function insideFault(path: string): string | undefined {
  if (!isCleanAbsolutePath(path)) {
    return `${quote(path)} is not a clean absolute path. Write it from "/", without "//", "." or ".." and without "/" at the end`;
  }
  const top = path.split("/")[1] ?? "";
  if (top === "") return `"/" is the image itself. Choose a folder such as /work`;
  if (RESERVED.includes(top) || top.startsWith("lib")) {
    return `${quote(path)} lies in /${top}, which belongs to the image or the wall. Choose a folder such as /work, /mnt/… or /home/app/…`;
  }
  const partly = Object.hasOwn(PARTLY, top) ? PARTLY[top] : undefined;
  if (partly !== undefined && !partly.allowed.test(path)) {
    return `${quote(path)} lies in /${top}, where only ${partly.instead} can be used`;
  }
  return undefined;
}

/** A thing that has a place inside; `what` is how a message calls it. */
export interface Placed {
  readonly what: string;
  readonly inside: string;
}

/** Every thing whose place is the same as, or lies in, the place of another, with the other. */
export function overlaps<Thing extends Placed>(
  things: readonly Thing[],
): readonly { readonly thing: Thing; readonly other: Thing }[] {
  return things.flatMap((thing, index) => {
    const other = things.find(({ inside }, otherIndex) => {
      if (otherIndex === index) return false;
      // Of two at the same place the later one is to blame.
      return inside === thing.inside ? otherIndex < index : isWithin(thing.inside, inside);
    });
    return other === undefined ? [] : [{ thing, other }];
  });
}
