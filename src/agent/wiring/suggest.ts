/** Suggest: the lines to write in a deployment so that a thing that is not allowed would be. Nothing is written here. */
import { inline, shortenHome } from "../../descriptor/index.ts";
import { exampleLine } from "../../grant/index.ts";
import type { Deployment, Request, ServiceName } from "../../model/index.ts";

/** Below which key of the deployment the lines go, with the lines; several of them belong together. */
export interface Suggestion {
  readonly key: string;
  readonly line: string;
}

/** What is asked about, as far as lines go. */
export type Wish =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "network"; readonly text: string }
  | { readonly kind: "app"; readonly to: string };

/** For one request that was not given in full. */
export function answerFor(name: string, request: Request): Suggestion {
  return { key: "answers", line: exampleLine(name, request) };
}

/** @param requests - all that are asked for, by the recipe and the owner */
export function linesFor(
  wish: Wish,
  requests: Readonly<Record<string, Request>>,
  { answers }: Pick<Deployment, "answers">,
  home: string,
): readonly Suggestion[] {
  if (wish.kind === "app") return [{ key: "links", line: `- ${inline({ to: wish.to, port: 8080 })} # its port` }];
  const service: ServiceName = wish.kind;
  const names = Object.keys(requests).filter((name) => requests[name]?.service === service);
  // A request that is denied has room for it; another one is left as it is.
  const denied = names.find((name) => (answers[name]?.answer ?? "deny") === "deny");
  if (wish.kind === "network") {
    const partly = names.find((name) => answers[name]?.answer === "subset");
    if (partly !== undefined) return [{ key: `answers.${partly}.allow`, line: `- ${inline(wish.text)}` }];
    const name = denied ?? freeName("network", requests);
    const answer = { key: "answers", line: `${name}: ${inline({ answer: "subset", allow: [wish.text] })}` };
    const own = { service, why: "WHAT FOR" };
    return denied === undefined ? [{ key: "requests", line: `${name}: ${inline(own)}` }, answer] : [answer];
  }
  const name = denied ?? freeName("folder", requests);
  const folder = shortenHome(wish.path, home);
  const own = { service, why: "WHAT FOR", verbs: ["read", "write"], inside: `/mnt/${name}` };
  return [
    ...(denied === undefined ? [{ key: "requests", line: `${name}: ${inline(own)}` }] : []),
    { key: "answers", line: `${name}: ${inline({ answer: "real", folder })}` },
  ];
}

function freeName(wanted: string, requests: Readonly<Record<string, Request>>): string {
  for (let count = 2, name = wanted; ; count += 1) {
    if (!Object.hasOwn(requests, name)) return name;
    name = `${wanted}-${count}`;
  }
}
