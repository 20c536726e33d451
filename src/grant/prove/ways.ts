/**
 * Ways: the shortest way by which something gets from an app to a thing, or from a thing to an app.
 *
 * A search in breadth from all who could begin at once; each app is met once, so it ends.
 */
import type { Channel, Graph, Right } from "../graph/graph.ts";
import type { ClaimVerb, Thing } from "./claim.ts";
import { concerns, type Sureness } from "./concerns.ts";

export interface Way {
  /** Who can do it. */
  readonly app: string;
  /** Why it is meant by the subject. */
  readonly meant: readonly Right[];
  /** In the order in which something is handed on; at least one. */
  readonly rights: readonly Right[];
  /** False where a part of it is only not ruled out. */
  readonly sure: boolean;
}

export interface Question {
  readonly graph: Graph;
  readonly verb: ClaimVerb;
  readonly object: Thing;
  readonly sureness: Sureness;
}

/** A way of which a part, or the end, is only perhaps what was asked about: a name can lead to any address. */
export function isPerhaps({ rights, sure }: Way, { verb, object }: Pick<Question, "verb" | "object">): boolean {
  return !sure || !rights.some((right) => concerns(right, verb, object, "surely") || object.kind === "app");
}

/** @param subjects - who is asked about, each with the rights by which it is meant */
export function wayFrom(subjects: ReadonlyMap<string, readonly Right[]>, question: Question): Way | undefined {
  const { graph, verb, object } = question;
  if (object.kind === "app") {
    // An app is reached by others than itself.
    const others = [...subjects.keys()].filter((name) => name !== object.name);
    const met = search(others, (name) => name === object.name, graph);
    return met && { app: met.from, meant: subjects.get(met.from) ?? [], ...alongOf(met) };
  }
  const direct = directRights(question);
  if (verb === "read") {
    const met = search([...direct.keys()], (name) => subjects.has(name), graph);
    if (met === undefined) return undefined;
    const first = direct.get(met.from);
    return {
      app: met.to,
      meant: subjects.get(met.to) ?? [],
      rights: [...(first === undefined ? [] : [first]), ...alongOf(met).rights],
      sure: alongOf(met).sure,
    };
  }
  const met = search([...subjects.keys()], (name) => direct.has(name), graph);
  if (met === undefined) return undefined;
  const last = direct.get(met.to);
  return {
    app: met.from,
    meant: subjects.get(met.from) ?? [],
    rights: [...alongOf(met).rights, ...(last === undefined ? [] : [last])],
    sure: alongOf(met).sure,
  };
}

function alongOf({ channels }: Met): Pick<Way, "rights" | "sure"> {
  return { rights: channels.flatMap(({ by }) => by), sure: channels.every(({ sure }) => sure) };
}

/** Who may do it by itself, each with one right to. */
function directRights({ graph, verb, object, sureness }: Question): ReadonlyMap<string, Right> {
  const direct = new Map<string, Right>();
  // A right that surely is one shows more than one that perhaps is.
  for (const how of ["surely", sureness] as const)
    for (const right of graph.rights)
      if (!direct.has(right.app) && concerns(right, verb, object, how)) direct.set(right.app, right);
  return direct;
}

interface Met {
  readonly from: string;
  readonly to: string;
  readonly channels: readonly Channel[];
}

function search(
  from: readonly string[],
  isThere: (name: string) => boolean,
  { channels, apps }: Graph,
): Met | undefined {
  const starts = from.filter((name) => apps.has(name));
  const cameBy = new Map<string, Channel | undefined>(starts.map((name) => [name, undefined]));
  const queue = [...cameBy.keys()];
  // The queue grows while it is walked.
  for (const name of queue) {
    if (isThere(name)) return wayBack(name, cameBy);
    for (const channel of channels.get(name)?.values() ?? []) {
      if (cameBy.has(channel.to)) continue;
      cameBy.set(channel.to, channel);
      queue.push(channel.to);
    }
  }
  return undefined;
}

function wayBack(to: string, cameBy: ReadonlyMap<string, Channel | undefined>): Met {
  const way: Channel[] = [];
  let at = to;
  for (let channel = cameBy.get(at); channel !== undefined; channel = cameBy.get(at)) {
    way.unshift(channel);
    at = channel.from;
  }
  return { from: at, to, channels: way };
}
