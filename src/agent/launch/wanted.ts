/**
 * Wanted: what a caller asks to start, from the words of the command line to a recipe and a deployment. Pure.
 *
 * Flags are the same words as the file. They count for one start and are never written into the deployment.
 */
import {
  ANSWERS,
  type Answer,
  type Deployment,
  type Grant,
  isCleanAbsolutePath,
  NO_SERVICE,
  PACKAGE_PATTERN,
  type Readiness,
  type Recipe,
  type Request,
} from "../../model/index.ts";
import { ANSWER_TEXT_FORMS, insideFault, parseAnswerText } from "../../descriptor/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { boots } from "./machine.ts";
import type { LearnWish } from "../learn/open-wide.ts";

/** As it comes over the wire. */
export interface WantedWords {
  readonly name: string;
  readonly packages: readonly string[];
  readonly folders: readonly string[];
  readonly network: string;
  readonly arguments: readonly string[];
  readonly directory: string;
  readonly terminal: string;
  readonly acceptWeaker: readonly string[];
  readonly remove: boolean;
  /** From the snapshot of its machine. */
  readonly clone?: boolean;
  /** More than was granted, for this one run; comes over a way of its own. */
  readonly learn?: LearnWish;
  /** For another instance, and not for its owner; comes over no wire. */
  readonly demanded?: boolean;
  /** Of a virtual screen: the instance that it is for. No caller says so. */
  readonly serves?: string;
  /** Of what stands between an app and a screen: that screen's socket, which it has as it is. No caller says so. */
  readonly shows?: string;
}

/** No name and no flag: what all starts have that only say what is meant. */
export const NO_WORDS: WantedWords = {
  name: "",
  packages: [],
  folders: [],
  network: "",
  arguments: [],
  directory: "/",
  terminal: "",
  acceptWeaker: [],
  remove: false,
};

export interface BadFlag {
  readonly kind: "bad-flag";
  readonly flag: string;
  readonly value: string;
  readonly expected: string;
}

/** Where the first folder of the owner's own appears. */
const FIRST_FOLDER = "/work";

/** A deployment that grants nothing: what `deploy` writes and a first `run` saves. */
export function carefulDeployment(recipe: Recipe, name: string): Deployment {
  const answers = Object.keys(recipe.requests).map((request) => [request, NO_OPTIONS("deny")] as const);
  return {
    name,
    recipe: recipe.name,
    isolation: recipe.system === undefined ? "container" : "vm",
    tags: [],
    program: undefined,
    requests: {},
    answers: Object.fromEntries(answers),
    limits: { memoryBytes: undefined, tasks: undefined, cpuPercent: undefined },
    environment: {},
    service: NO_SERVICE,
  };
}

const NO_OPTIONS = (answer: Answer): Grant => ({
  answer,
  folder: undefined,
  files: undefined,
  allow: undefined,
  rules: undefined,
});

/** A recipe for `run --package P… -- PROGRAM …`: the first argument is the program. */
export function passingRecipe(name: string, words: WantedWords): Result<Recipe, BadFlag> {
  const bad = words.packages.find((wish) => !PACKAGE_PATTERN.test(wish) || wish.endsWith("-"));
  if (bad !== undefined)
    return refusal({ kind: "bad-flag", flag: "--package", value: bad, expected: "the name of a package" });
  const program = words.arguments[0];
  if (program === undefined) {
    return refusal({
      kind: "bad-flag",
      flag: "--package",
      value: words.packages.join(" "),
      expected: "the program behind --: run --package ripgrep -- rg TODO",
    });
  }
  const command = program.startsWith("/") ? program : `/usr/bin/${program}`;
  if (!isCleanAbsolutePath(command))
    return refusal({ kind: "bad-flag", flag: "--", value: program, expected: "the name of a program" });
  return success({
    name,
    summary: `packages ${words.packages.join(", ")}`,
    base: undefined,
    components: [],
    packages: words.packages,
    repositories: [],
    programs: { program: { command: [command], arguments: "any" } },
    requests: {},
    volumes: {},
    ownSandbox: false,
    ready: undefined,
    desktop: undefined,
  });
}

/** The deployment with the flags of one start laid over it. */
export function withFlags(recipe: Recipe, deployment: Deployment, words: WantedWords): Result<Deployment, BadFlag> {
  let out = words.shows === undefined ? deployment : withScreen(recipe, deployment);
  for (const [index, text] of words.folders.entries()) {
    const folder = parseFolder(text);
    if (!folder.ok) return folder;
    out = withFolder(recipe, out, folder.value, index);
  }
  if (words.network !== "") {
    const grant = parseNetwork(words.network);
    if (!grant.ok) return grant;
    const asked = Object.entries({ ...recipe.requests, ...out.requests }).find(
      ([, { service }]) => service === "network",
    )?.[0];
    const name = asked ?? "network";
    const requests = asked === undefined ? { ...out.requests, [name]: ownRequest("network", undefined) } : out.requests;
    out = { ...out, requests, answers: { ...out.answers, [name]: grant.value } };
  }
  return success(out);
}

/** Its owner has said so for the app that it stands in front of. */
function withScreen(recipe: Recipe, deployment: Deployment): Deployment {
  const displays = Object.entries(recipe.requests).filter(([, { service }]) => service === "display");
  const answers = displays.map(([name]) => [name, NO_OPTIONS("real")] as const);
  return { ...deployment, answers: { ...deployment.answers, ...Object.fromEntries(answers) } };
}

interface FolderFlag {
  readonly folder: string;
  readonly inside: string | undefined;
  readonly answer: Answer;
}

/** `HOST[:INSIDE]=ANSWER`. The answer stands behind the last `=`, the place inside behind the last `:/`. */
export function parseFolder(text: string): Result<FolderFlag, BadFlag> {
  const bad = (expected: string) => refusal({ kind: "bad-flag", flag: "--folder", value: text, expected });
  const equals = text.lastIndexOf("=");
  const answer = ANSWERS.find((word) => word === text.slice(equals + 1));
  if (equals <= 0 || answer === undefined) return bad(`HOST[:INSIDE]=ANSWER, with one of ${ANSWERS.join(", ")}`);
  const place = text.slice(0, equals);
  const colon = place.lastIndexOf(":/");
  const [folder, inside] = colon <= 0 ? [place, undefined] : [place.slice(0, colon), place.slice(colon + 1)];
  if (!isCleanAbsolutePath(folder)) return bad("an existing folder of this host");
  const fault = inside === undefined ? undefined : insideFault(inside);
  return fault === undefined ? success({ folder, inside, answer }) : bad(`a place inside that can be used: ${fault}`);
}

function withFolder(
  recipe: Recipe,
  deployment: Deployment,
  { folder, inside, answer }: FolderFlag,
  index: number,
): Deployment {
  const grant: Grant = { ...NO_OPTIONS(answer), folder: answer === "deny" || answer === "empty" ? undefined : folder };
  const requests = Object.entries({ ...recipe.requests, ...deployment.requests }).filter(
    ([, { service }]) => service === "folder",
  );
  const fitting = inside === undefined ? requests[index] : requests.find(([, request]) => request.inside === inside);
  if (fitting !== undefined) return { ...deployment, answers: { ...deployment.answers, [fitting[0]]: grant } };
  const name = `folder-${index + 1}`;
  const target = inside ?? (index === 0 ? FIRST_FOLDER : `${FIRST_FOLDER}-${index + 1}`);
  return {
    ...deployment,
    requests: { ...deployment.requests, [name]: ownRequest("folder", target) },
    answers: { ...deployment.answers, [name]: grant },
  };
}

function ownRequest(service: Request["service"], inside: string | undefined): Request {
  return {
    service,
    why: "asked for by the owner",
    need: "optional",
    verbs: service === "folder" ? ["read", "write"] : [],
    inside,
  };
}

/** An answer of the command line, or rules alone, which are meant as `subset`. */
function parseNetwork(text: string): Result<Grant, BadFlag> {
  const word = text.split(":", 1)[0];
  const meant = ANSWERS.some((answer) => answer === word) || !/[.[]|^(host|lan)\b/.test(text) ? text : `subset:${text}`;
  const parsed = parseAnswerText(meant, "network", "/");
  if (parsed.ok) return parsed;
  const expected = `${ANSWER_TEXT_FORMS.network}; or rules alone. ${parsed.problem.message}`;
  return refusal({ kind: "bad-flag", flag: "--net", value: text, expected });
}

/** The deployment's own sign, or the recipe's where the program is the one that it speaks of. */
export function readyOf(deployment: Deployment, recipe: Recipe): Readiness | undefined {
  const { service, program } = deployment;
  if (service.ready !== undefined) return service.ready === "none" ? undefined : service.ready;
  const first = Object.keys(recipe.programs)[0];
  if (program !== undefined && program !== first) return undefined;
  const { ready } = recipe;
  if (ready === undefined || !boots(deployment)) return ready;
  return { ...ready, withinMs: ready.withinMs * TIMES_IN_MACHINE };
}

/** A recipe's time is that of a container; a machine boots first, and its processor may be emulated. */
const TIMES_IN_MACHINE = 5;
