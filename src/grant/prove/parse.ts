/**
 * Parse: from a claim's text to the claim, or to one complaint with its place.
 *
 *     claim     = all { "or" all }
 *     all       = part { "and" part }
 *     part      = "not" part | "(" claim ")" | [ "no" | "every" ] subject "can" verb object
 *     subject   = ( "any" [ "app" ] | "app" | [ "app" ] NAME | "tag:" NAME ) [ "that" condition ]
 *     condition = each { "or" each };   each = single { "and" single }
 *     single    = "not" single | verb object | [ "is" ] ( [ "app" ] NAME | "tag:" NAME )
 *     object    = "folder" PATH | "volume" NAME [ "/" NAME ] | "network" [ TARGET ] | "app" NAME
 *     verb      = "read" | "write" | "reach", each with an "s" as well ("reaches")
 *
 * Whether the names are those of deployments is not asked here.
 */
import { escapeText, isCleanAbsolutePath, NAME_PATTERN, nearest } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { parseAsked } from "../graph/network.ts";
import {
  type Claim,
  type ClaimComplaint,
  type ClaimVerb,
  type Condition,
  type Subject,
  type Thing,
  type Who,
} from "./claim.ts";
import { type Word, wordsOf } from "./lex.ts";

/** Brackets and `not` within each other. */
const MAX_DEPTH = 32;

const VERB_OF: Readonly<Record<string, ClaimVerb>> = {
  read: "read",
  reads: "read",
  write: "write",
  writes: "write",
  reach: "reach",
  reaches: "reach",
};

const OBJECTS: Readonly<Record<ClaimVerb, readonly string[]>> = {
  read: ["folder", "volume"],
  write: ["folder", "volume"],
  reach: ["network", "app"],
};

/** Behind these nothing that names a target can stand. */
const NO_TARGET = ["and", "or", "can", ")"];

/**
 * @param context.home - absolute and clean; stands for a leading `~`
 *
 * Problems
 * - `bad-claim`: the first thing that is wrong with it
 *
 * @example
 * parseClaim("no app that reads folder ~/taxes can reach network", { home: "/home/ada" })
 */
export function parseClaim(text: string, context: { readonly home: string }): Result<Claim, ClaimComplaint> {
  const words = wordsOf(text);
  if (!words.ok) return words;
  try {
    return success(new ClaimReader(text, words.value, context.home).whole());
  } catch (error) {
    if (error instanceof Astray) return refusal({ kind: "bad-claim", at: error.at, message: error.message });
    throw error;
  }
}

/** Leaves the reader from wherever it is; never leaves this file. */
class Astray extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

class ClaimReader {
  readonly #text: string;
  readonly #words: readonly Word[];
  readonly #home: string;
  #next = 0;
  #depth = 0;

  constructor(text: string, words: readonly Word[], home: string) {
    this.#text = text;
    this.#words = words;
    this.#home = home;
  }

  whole(): Claim {
    if (this.#words.length === 0)
      throw new Astray(0, 'the claim is empty. Write one such as "no app that reads folder ~/taxes can reach network"');
    const claim = this.#claim();
    const rest = this.#peek();
    if (rest !== undefined) throw this.#expected(["and", "or"], "or the end");
    return claim;
  }

  #claim(): Claim {
    return this.#joined("or", () => this.#joined("and", () => this.#part()));
  }

  /** Parts with a word between them; a single one stays itself. */
  #joined<Part>(
    word: "and" | "or",
    read: () => Part,
  ): Part | { readonly kind: "and" | "or"; readonly parts: readonly Part[] } {
    const first = read();
    const parts = [first];
    while (this.#take(word) !== undefined) parts.push(read());
    return parts.length === 1 ? first : { kind: word, parts };
  }

  #part(): Claim {
    return this.#deeper(() => {
      if (this.#take("not") !== undefined) return { kind: "not", claim: this.#part() };
      if (this.#take("(") !== undefined) {
        const claim = this.#claim();
        this.#must(")");
        return claim;
      }
      return this.#statement();
    });
  }

  #statement(): Claim {
    const from = this.#peek()?.at ?? this.#text.length;
    const how = this.#take("no") === undefined ? (this.#take("every") === undefined ? "some" : "every") : "no";
    const subject = this.#subject(how === "some" ? ["no", "every", "not", "("] : []);
    this.#must("can");
    const { verb, object } = this.#doing([]);
    const to = this.#words[this.#next - 1]?.end ?? this.#text.length;
    return { kind: "can", how, subject, verb, object, text: this.#text.slice(from, to) };
  }

  #subject(others: readonly string[]): Subject {
    const who = this.#who([...others, "any", "app", "tag:NAME"]);
    return { who, that: this.#take("that") === undefined ? undefined : this.#condition() };
  }

  #who(expected: readonly string[]): Who {
    if (this.#take("any") !== undefined) {
      this.#take("app");
      return { kind: "any" };
    }
    const app = this.#take("app");
    const word = this.#peek();
    if (app !== undefined && (word === undefined || (!word.quoted && ["that", "can"].includes(word.text))))
      return { kind: "any" };
    if (word === undefined) throw this.#expected(expected, "or an app's name");
    if (app === undefined && !word.quoted && word.text.startsWith("tag:")) {
      this.#next += 1;
      return { kind: "tag", tag: nameIn(word, word.text.slice("tag:".length), "tag"), at: word.at };
    }
    if (!NAME_PATTERN.test(word.text)) throw this.#expected(expected, "or an app's name");
    this.#next += 1;
    return { kind: "app", name: word.text, at: word.at };
  }

  #condition(): Condition {
    return this.#joined("or", () => this.#joined("and", () => this.#single()));
  }

  #single(): Condition {
    return this.#deeper(() => {
      if (this.#take("not") !== undefined) return { kind: "not", condition: this.#single() };
      const word = this.#peek();
      const verb = word !== undefined && !word.quoted && Object.hasOwn(VERB_OF, word.text);
      if (verb) return { kind: "does", ...this.#doing(["not", "tag:NAME"]) };
      const named = this.#take("is") !== undefined;
      if (!named && word !== undefined && !word.quoted && word.text !== "app" && !word.text.startsWith("tag:"))
        throw this.#expected(["reads", "writes", "reaches", "not", "is", "tag:NAME"]);
      return { kind: "is", who: this.#who(["app", "tag:NAME"]) };
    });
  }

  #doing(others: readonly string[]): { readonly verb: ClaimVerb; readonly object: Thing } {
    const word = this.#peek();
    const verb =
      word === undefined || word.quoted || !Object.hasOwn(VERB_OF, word.text) ? undefined : VERB_OF[word.text];
    if (verb === undefined) throw this.#expected(["read", "write", "reach", ...others]);
    this.#next += 1;
    return { verb, object: this.#object(verb) };
  }

  #object(verb: ClaimVerb): Thing {
    const kind = this.#peek();
    if (kind === undefined || kind.quoted || !OBJECTS[verb].includes(kind.text)) {
      const other = Object.entries(OBJECTS).find(([, kinds]) => kind !== undefined && kinds.includes(kind.text));
      if (kind !== undefined && !kind.quoted && other !== undefined)
        throw new Astray(
          kind.at,
          `a ${kind.text} is ${kind.text === "folder" || kind.text === "volume" ? "read or written" : "reached"}, and "${verb}" is for ${OBJECTS[verb].join(" and ")}`,
        );
      throw this.#expected(OBJECTS[verb]);
    }
    this.#next += 1;
    switch (kind.text) {
      case "folder":
        return { kind: "folder", path: this.#path() };
      case "volume":
        return this.#volume();
      case "app": {
        const word = this.#named("the app's name");
        return { kind: "app", name: nameIn(word, word.text, "app"), at: word.at };
      }
      default:
        return { kind: "network", asked: this.#target() };
    }
  }

  #path(): string {
    const word = this.#named("the folder's path, such as ~/taxes");
    const { text, at } = word;
    const path = /^~\/?$/.test(text) ? this.#home : text.startsWith("~/") ? `${this.#home}${text.slice(1)}` : text;
    if (isCleanAbsolutePath(path)) return path;
    throw new Astray(
      at,
      `"${escapeText(text, 80)}" is no clean path of a folder. Write one such as ~/taxes or /srv/data`,
    );
  }

  #volume(): Thing {
    const word = this.#named("the volume: APP, or APP/VOLUME");
    const [app = "", volume, ...more] = word.text.split("/");
    if (more.length > 0)
      throw new Astray(word.at, `"${escapeText(word.text, 80)}" is no volume. Write APP or APP/VOLUME`);
    return {
      kind: "volume",
      app: nameIn(word, app, "app"),
      volume: volume === undefined ? undefined : nameIn(word, volume, "volume"),
      at: word.at,
    };
  }

  #target() {
    const word = this.#peek();
    if (word === undefined || (!word.quoted && NO_TARGET.includes(word.text))) return undefined;
    this.#next += 1;
    const asked = parseAsked(word.text);
    if (asked !== undefined) return asked;
    throw new Astray(
      word.at,
      `"${escapeText(word.text, 80)}" is no target of a network. Write a name, *.NAME, an address, host, lan or internet; with :PORT, and /udp where it is not tcp`,
    );
  }

  /** A word that stands for something of the owner's. */
  #named(what: string): Word {
    const word = this.#peek();
    if (word === undefined || (!word.quoted && (word.text === "(" || word.text === ")")))
      throw new Astray(word?.at ?? this.#text.length, `expected ${what}, found ${shown(word)}`);
    this.#next += 1;
    return word;
  }

  #deeper<Value>(read: () => Value): Value {
    if (this.#depth === MAX_DEPTH)
      throw new Astray(this.#peek()?.at ?? this.#text.length, `nested more than ${MAX_DEPTH} levels deep`);
    this.#depth += 1;
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #peek(): Word | undefined {
    return this.#words[this.#next];
  }

  #take(text: string): Word | undefined {
    const word = this.#peek();
    if (word === undefined || word.quoted || word.text !== text) return undefined;
    this.#next += 1;
    return word;
  }

  #must(text: string): void {
    if (this.#take(text) === undefined) throw this.#expected([text]);
  }

  #expected(words: readonly string[], also?: string): Astray {
    const word = this.#peek();
    const list = [words.map((each) => `"${each}"`).join(", "), ...(also === undefined ? [] : [also])].join(" ");
    const meant = word === undefined || word.quoted ? undefined : nearest(word.text, words);
    const suggestion = meant === undefined ? "" : `. Did you mean "${meant}"?`;
    return new Astray(word?.at ?? this.#text.length, `expected ${list}, found ${shown(word)}${suggestion}`);
  }
}

function shown(word: Word | undefined): string {
  return word === undefined ? "the end" : `"${escapeText(word.text, 80)}"`;
}

function nameIn(word: Word, text: string, what: string): string {
  if (NAME_PATTERN.test(text)) return text;
  throw new Astray(word.at, `"${escapeText(text, 80)}" is no name of ${what === "app" ? "an app" : `a ${what}`}`);
}
