/** Publish words: what is published, and why a place cannot be opened, for an owner. */
import { Code } from "@connectrpc/connect";
import { type CompartmentSpec, escapeText, placeText } from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import type { NotPublished } from "./published-port.ts";

/** Behind the place. */
export function whyNotOpen({ because, words, by }: Pick<NotPublished, "because" | "words" | "by">): string {
  switch (because) {
    case "in-use":
      return by === undefined ? "something else listens there" : `${by} is published there`;
    case "not-allowed":
      return "this user may not listen at that port";
    case "no-address":
      return "this host has no such address";
    case "no-folder":
      return "its folder is not there";
    case "not-owners":
      return "its folder is not this user's";
    case "open-folder":
      return "others may put files into its folder";
    case "skerrys":
      return "it lies in Skerry's own folders";
    case "taken":
      return "something is there that was not made for it";
    case "failed":
      return `the system says ${escapeText(words, 200)}`;
    default:
      return unreachable(because);
  }
}

/** What a start does for it, for a plan. */
export function publishLines({ name, contributions }: CompartmentSpec): readonly string[] {
  return contributions.flatMap((one) =>
    one.kind === "publish"
      ? [`listen at ${placeText(one.at)}, and lead who connects to port ${one.port} of ${name}`]
      : [],
  );
}

export function explainNotPublished(problem: NotPublished): { readonly code: Code; readonly text: string } {
  const { instance, publish } = problem;
  const text = [
    `port ${publish.port} of ${instance} cannot be published at ${escapeText(placeText(publish.at), 200)}: ${whyNotOpen(problem)}; ${instance} was not started`,
    `${wayOut(problem)} (skerry edit ${instance})`,
  ].join("\n  ");
  return { code: Code.FailedPrecondition, text };
}

function wayOut({ because, publish, by }: NotPublished): string {
  const { at } = publish;
  if (at.kind === "loopback") {
    const another = `publish it at another port: { port: ${publish.port}, on: "${placeText({ ...at, port: 18_080 })}" }`;
    if (because === "not-allowed") return `ports below 1024 are root's; ${another}`;
    if (by !== undefined) return `stop ${by}, or ${another}`;
    if (because === "in-use")
      return `end what listens there (ss -ltnp "sport = :${at.port}" shows what it is), or ${another}`;
    return another;
  }
  return because === "taken"
    ? "move away what is there if nobody needs it, or name another path under publish:"
    : "name a path in a folder that is yours alone under publish:";
}
