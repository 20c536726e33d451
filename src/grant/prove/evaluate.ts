/**
 * Evaluate: does a claim hold for a graph? If not, what shows it: the shortest way, right by right.
 *
 * Something can be done by an app when a way leads there: `read X` when somebody who is granted X hands it on, over any
 * number of channels, to the subject; `write X` and `reach X` when what the subject has gets there. An app that cannot be
 * started as things are counts where that speaks against a claim, and not where it would speak for it: a `no` stays true
 * when the missing folder is made, and a `can` is true now.
 */
import { nearest } from "../../model/index.ts";
import { type Result, refusal, success, unreachable } from "../../result.ts";
import { buildGraph, type Graph, type Right, type WiredApp } from "../graph/graph.ts";
import type { Claim, ClaimComplaint, Condition, Statement, Subject, Thing, Who } from "./claim.ts";
import { concerns, type Sureness } from "./concerns.ts";
import { isPerhaps, type Way, wayFrom } from "./ways.ts";

export interface Verdict {
  readonly holds: boolean;
  /** Statements that decided it, each with what shows it. */
  readonly findings: readonly StatementFinding[];
  /** What a reader of the answer should know: a subject that means nobody, apps that cannot start. */
  readonly notes: readonly string[];
}

export interface StatementFinding {
  readonly text: string;
  readonly holds: boolean;
  /** The way that the statement is about, where there is one. */
  readonly way: Way | undefined;
  /** What the way leads to is only perhaps what the statement is about. */
  readonly perhaps: boolean;
  /** With `every`: who cannot. */
  readonly cannot: readonly string[];
}

/**
 * @param context.real - where a path of this host leads when every link is followed, also where its end is not there
 *
 * Problems
 * - `bad-claim`: it names an app, a tag or a volume that there is none of
 */
export function evaluateClaim(
  claim: Claim,
  apps: readonly WiredApp[],
  context: { readonly real: (path: string) => string },
): Result<Verdict, ClaimComplaint> {
  const astray = unknownName(claim, apps);
  if (astray !== undefined) return refusal(astray);
  const weighing = new Weighing(apps, context.real);
  const { holds, findings } = weighing.claim(claim, true);
  return success({ holds, findings, notes: weighing.notes });
}

interface Weighed {
  readonly holds: boolean;
  readonly findings: readonly StatementFinding[];
}

class Weighing {
  readonly #apps: readonly WiredApp[];
  readonly #real: (path: string) => string;
  readonly #notes = new Set<string>();
  #all: Graph | undefined;
  #startable: Graph | undefined;

  constructor(apps: readonly WiredApp[], real: (path: string) => string) {
    this.#apps = apps;
    this.#real = real;
  }

  get notes(): readonly string[] {
    return [...this.#notes];
  }

  /** @param wished - whether it is the claim's being true that would be said, or its being false */
  claim(claim: Claim, wished: boolean): Weighed {
    switch (claim.kind) {
      case "not": {
        const { holds, findings } = this.claim(claim.claim, !wished);
        return { holds: !holds, findings };
      }
      case "and":
      case "or": {
        const parts = claim.parts.map((part) => this.claim(part, wished));
        const holds = claim.kind === "and" ? parts.every((part) => part.holds) : parts.some((part) => part.holds);
        return { holds, findings: parts.filter((part) => part.holds === holds).flatMap(({ findings }) => findings) };
      }
      case "can":
        return this.#statement(claim, wished);
      default:
        return unreachable(claim);
    }
  }

  #statement(statement: Statement, wished: boolean): Weighed {
    const { how, subject, text } = statement;
    // That something can be done is said only where it surely can, and that it cannot only where it surely cannot.
    const sureness: Sureness = (how === "no") === wished ? "perhaps" : "surely";
    const object = this.#followed(statement.object);
    const question = { graph: this.#graph(sureness), verb: statement.verb, object, sureness };
    // Of `every` those count who perhaps belong to it, where it is to be said that all can.
    const meant = this.#meant(subject, how === "every" ? opposite(sureness) : sureness);
    this.#noteSubject(statement, meant);
    if (how === "every") {
      const cannot = [...meant].filter(([name, rights]) => wayFrom(new Map([[name, rights]]), question) === undefined);
      this.#noteBlocked(cannot.map(([name]) => name));
      const holds = cannot.length === 0;
      return {
        holds,
        findings: [{ text, holds, way: undefined, perhaps: false, cannot: cannot.map(([name]) => name) }],
      };
    }
    const way = wayFrom(meant, question);
    this.#noteBlocked((way?.rights ?? []).map(({ app }) => app));
    const holds = (way === undefined) === (how === "no");
    return {
      holds,
      findings: [{ text, holds, way, perhaps: way !== undefined && isPerhaps(way, question), cannot: [] }],
    };
  }

  /** What holds of nobody says nothing; and who cannot be started can do nothing. */
  #noteSubject({ subject, text }: Statement, meant: ReadonlyMap<string, unknown>): void {
    const all = this.#meant(subject, "perhaps");
    if (all.size === 0) this.#notes.add(`"${text}" is about no app: nobody is meant by its subject`);
    this.#noteBlocked([...all.keys()].filter((name) => !meant.has(name)));
  }

  #noteBlocked(names: readonly string[]): void {
    for (const name of names) {
      const because = this.#graph("perhaps").apps.get(name)?.blocked;
      if (because !== undefined) this.#notes.add(`${name} cannot be started as things are: ${because}`);
    }
  }

  #graph(sureness: Sureness): Graph {
    if (sureness === "perhaps") return (this.#all ??= buildGraph(this.#apps));
    this.#startable ??= buildGraph(
      this.#apps.filter(({ blocked }) => blocked === undefined),
      "surely",
    );
    return this.#startable;
  }

  /** Apps that the subject means, each with the rights by which it is meant. */
  #meant({ who, that }: Subject, sureness: Sureness): ReadonlyMap<string, readonly Right[]> {
    const graph = this.#graph(sureness);
    const meant = new Map<string, readonly Right[]>();
    for (const app of graph.apps.values()) {
      if (!isMeant(who, app)) continue;
      const met = that === undefined ? [] : this.#met(that, app, graph, sureness);
      if (met !== undefined) meant.set(app.name, met);
    }
    return meant;
  }

  /** @returns rights that show it, or undefined where the condition is not met */
  #met(condition: Condition, app: WiredApp, graph: Graph, sureness: Sureness): readonly Right[] | undefined {
    switch (condition.kind) {
      case "not": {
        return this.#met(condition.condition, app, graph, opposite(sureness)) === undefined ? [] : undefined;
      }
      case "and": {
        const parts = condition.parts.map((part) => this.#met(part, app, graph, sureness));
        return parts.includes(undefined) ? undefined : parts.flatMap((part) => part ?? []);
      }
      case "or":
        for (const part of condition.parts) {
          const met = this.#met(part, app, graph, sureness);
          if (met !== undefined) return met;
        }
        return undefined;
      case "is":
        return isMeant(condition.who, app) ? [] : undefined;
      case "does": {
        const object = this.#followed(condition.object);
        const right = (graph.rightsOf.get(app.name) ?? []).find((one) =>
          concerns(one, condition.verb, object, sureness),
        );
        return right === undefined ? undefined : [right];
      }
      default:
        return unreachable(condition);
    }
  }

  #followed(thing: Thing): Thing {
    return thing.kind === "folder" ? { ...thing, path: this.#real(thing.path) } : thing;
  }
}

function opposite(sureness: Sureness): Sureness {
  return sureness === "perhaps" ? "surely" : "perhaps";
}

function isMeant(who: Who, app: WiredApp): boolean {
  switch (who.kind) {
    case "any":
      return true;
    case "app":
      return app.name === who.name;
    case "tag":
      return app.tags.includes(who.tag);
    default:
      return unreachable(who);
  }
}

/** A claim about what is not there would hold, and say nothing: a name that was mistyped must not look like a proof. */
function unknownName(claim: Claim, apps: readonly WiredApp[]): ClaimComplaint | undefined {
  const byName = new Map(apps.map((app) => [app.name, app]));
  const tags = [...new Set(apps.flatMap((app) => app.tags))];
  const none = (at: number, what: string, name: string, known: readonly string[]): ClaimComplaint => {
    const meant = nearest(name, known);
    return {
      kind: "bad-claim",
      at,
      message: `no ${what} "${name}"${meant === undefined ? "" : `. Did you mean "${meant}"?`}`,
    };
  };
  const ofApp = (name: string, at: number) =>
    byName.has(name) ? undefined : none(at, "deployment is named", name, [...byName.keys()]);
  const ofWho = (who: Who) => {
    if (who.kind === "app") return ofApp(who.name, who.at);
    return who.kind === "tag" && !tags.includes(who.tag)
      ? none(who.at, "deployment has the tag", who.tag, tags)
      : undefined;
  };
  const ofThing = (thing: Thing) => {
    if (thing.kind === "app") return ofApp(thing.name, thing.at);
    if (thing.kind !== "volume") return undefined;
    const volumes = byName.get(thing.app)?.volumes ?? [];
    const missing = thing.volume !== undefined && !volumes.includes(thing.volume) ? thing.volume : undefined;
    const app = ofApp(thing.app, thing.at);
    return (
      app ?? (missing === undefined ? undefined : none(thing.at, `volume of ${thing.app} is named`, missing, volumes))
    );
  };
  const ofCondition = (condition: Condition): ClaimComplaint | undefined => {
    if (condition.kind === "not") return ofCondition(condition.condition);
    if (condition.kind === "is") return ofWho(condition.who);
    if (condition.kind === "does") return ofThing(condition.object);
    return firstOf(condition.parts, ofCondition);
  };
  if (claim.kind === "not") return unknownName(claim.claim, apps);
  if (claim.kind !== "can") return firstOf(claim.parts, (part) => unknownName(part, apps));
  const { who, that } = claim.subject;
  return ofWho(who) ?? (that === undefined ? undefined : ofCondition(that)) ?? ofThing(claim.object);
}

function firstOf<Part>(parts: readonly Part[], find: (part: Part) => ClaimComplaint | undefined) {
  for (const part of parts) {
    const found = find(part);
    if (found !== undefined) return found;
  }
  return undefined;
}
