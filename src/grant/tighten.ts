/**
 * Tighten: which grants were not used, and could be taken out. Pure. It proposes; it changes nothing.
 *
 * Only what is watched can be proposed: rules of a network, whose use is on record, and answers that nobody asks for any
 * more. Who reads a folder is not recorded, and so a folder is never called unused.
 */
import type { Deployment } from "../model/index.ts";

export interface Watched {
  /** The app has run in this time. */
  readonly ran: boolean;
  /** More happened than could be recorded one by one: what seems unused may have been used. */
  readonly uncertain: boolean;
  /** Texts of rules that let something through. */
  readonly used: ReadonlySet<string>;
  /** Requests whose answers have changed in this time: their rules may be too new to be used. */
  readonly changed: ReadonlySet<string>;
}

export interface Unneeded {
  readonly request: string;
  /** A rule of the answer, as its owner wrote it; undefined where all of the answer is meant. */
  readonly rule: { readonly text: string; readonly index: number } | undefined;
  readonly because: "not-used" | "not-asked-for";
}

/** @param vanished - requests that are not asked for any more */
export function unneededIn(
  { answers }: Pick<Deployment, "answers">,
  vanished: ReadonlySet<string>,
  watched: Watched,
): readonly Unneeded[] {
  const known = watched.ran && !watched.uncertain;
  return Object.entries(answers).flatMap(([request, { rules = [], through }]): readonly Unneeded[] => {
    if (vanished.has(request)) return [{ request, rule: undefined, because: "not-asked-for" }];
    // What passes through another machine is not on record.
    if (!known || through !== undefined || watched.changed.has(request)) return [];
    return (rules ?? []).flatMap(({ text, answer }, index) =>
      answer === "real" && !watched.used.has(text)
        ? [{ request, rule: { text, index }, because: "not-used" } satisfies Unneeded]
        : [],
    );
  });
}
