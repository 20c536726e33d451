/**
 * Join: request ∩ grant → what is let through the wall, with the reason for each.
 *
 * Pure. What has to be looked up on the host (is there such a folder, where does its path lead) comes in as findings.
 *
 * Invariants
 * - Nothing is let through that was not both requested and granted.
 * - What was granted and cannot be given stops the start; it never becomes less in silence.
 * - Skerry's own folders are in no grant: reaching them would be a way to every other right.
 */
import {
  ANSWERS,
  type Contribution,
  type Deployment,
  type Grant,
  isCleanRelativePath,
  isWithin,
  nearest,
  type Recipe,
  type Request,
} from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { servedAnswers, whyNotServed } from "./answers.ts";
import { type DisplayProblem, displayTwice, joinDisplay, type OwnScreen } from "./join-display.ts";
import { joinVariable, type VariableProblem } from "./join-variable.ts";
import { cardGets, networkGets, portGets, whyNoWay, whyRuleNotServed } from "./network.ts";
import { pickFor, pickGets } from "./pick.ts";
import { startUpFilesWithin } from "./start-up-files.ts";

/** What was found on the host about a path that a grant names. */
export interface PathFinding {
  /** Where it leads when every link is followed; undefined where there is nothing. */
  readonly real: string | undefined;
  readonly type: "folder" | "file" | "other" | "none";
  /** A mount of the kernel's own (/proc, /sys, devices) that holds the path or lies below it. */
  readonly kernelMount?: string | undefined;
  /** Another file system that is mounted below it: a copy would not show it. */
  readonly mountBelow?: string | undefined;
}

export interface JoinContext {
  /** By request: the files that its patterns mean now. Where nobody has looked, none. */
  readonly matches?: ReadonlyMap<string, { readonly files: readonly string[]; readonly more: boolean }>;
  /** By the path as written. */
  readonly findings: ReadonlyMap<string, PathFinding>;
  /** Skerry's own folders with every link followed: config, data, state, cache, runtime. */
  readonly ownFolders: readonly string[];
  /** The one of them in which copies are kept. */
  readonly dataFolder: string;
  /** Links by which the paths of Skerry's own folders and of its program lead there. */
  readonly ownLinks: readonly string[];
  /** The folder that Skerry's program lies in: may be read, never written. */
  readonly programFolder: string;
  /** The owner's home folder, every link followed. */
  readonly home: string;
  /** Variables of the owner's session, of which those that are granted are taken. */
  readonly session?: ReadonlyMap<string, string>;
  /** The screen of the owner's session. Where nobody has looked, it is taken to be there. */
  readonly ownScreen?: OwnScreen;
}

/** One request with what became of it: a line of `describe --effective`. */
export interface Effective {
  readonly request: string;
  readonly service: Request["service"];
  readonly answer: Grant["answer"];
  /** What the app gets, in words. */
  readonly gets: string;
  /** Where the answer comes from. */
  readonly because: "answered" | "not-answered";
  readonly contributions: readonly Contribution[];
  readonly warnings: readonly string[];
}

export type JoinProblem =
  | VariableProblem
  | DisplayProblem
  | {
      readonly kind: "unmet-request";
      readonly deployment: string;
      readonly request: string;
      readonly why: string;
      readonly line: string;
    }
  | {
      readonly kind: "not-requested";
      readonly deployment: string;
      readonly request: string;
      readonly meant: string | undefined;
    }
  | {
      readonly kind: "answer-not-served";
      readonly deployment: string;
      readonly request: string;
      readonly answer: string;
      readonly because: string;
      readonly instead: readonly string[];
    }
  | {
      readonly kind: "option-missing";
      readonly deployment: string;
      readonly request: string;
      readonly option: string;
      readonly line: string;
    }
  | {
      readonly kind: "option-astray";
      readonly deployment: string;
      readonly request: string;
      readonly option: string;
      readonly answer: string;
    }
  | {
      readonly kind: "rule-not-served";
      readonly deployment: string;
      readonly request: string;
      readonly rule: string;
      readonly because: string;
    }
  | {
      readonly kind: "networks-mixed";
      readonly deployment: string;
      readonly request: string;
      readonly answer: Grant["answer"];
      /** Another request, whose answer is another one. */
      readonly first: string;
    }
  | {
      readonly kind: "folder-not-there";
      readonly deployment: string;
      readonly request: string;
      readonly folder: string;
      readonly type: PathFinding["type"];
    }
  | {
      readonly kind: "too-many-files";
      readonly deployment: string;
      readonly request: string;
      readonly folder: string;
    }
  | {
      readonly kind: "folder-is-skerrys";
      readonly deployment: string;
      readonly request: string;
      readonly folder: string;
      readonly own: string;
    }
  | {
      readonly kind: "folder-holds-link";
      readonly deployment: string;
      readonly request: string;
      readonly folder: string;
      readonly link: string;
    }
  | {
      readonly kind: "folder-holds-copies";
      readonly deployment: string;
      readonly request: string;
      readonly folder: string;
      readonly own: string;
    }
  | {
      readonly kind: "folder-holds-mount";
      readonly deployment: string;
      readonly request: string;
      readonly folder: string;
      readonly mount: string;
    }
  | {
      readonly kind: "folder-is-systems";
      readonly deployment: string;
      readonly request: string;
      readonly folder: string;
      readonly system: string;
    };

/** Where sockets of the session and of the host's services lie, which serve whoever is let in to them. */
const SOCKETS = /^\/run(?:\/user(?:\/\d+)?)?$/;

/** Every request of the recipe and of the owner, each with what becomes of it. */
export function joinGrants(
  recipe: Pick<Recipe, "requests">,
  deployment: Pick<Deployment, "name" | "requests" | "answers">,
  context: JoinContext,
): Result<readonly Effective[], JoinProblem> {
  const requests: Readonly<Record<string, Request>> = { ...recipe.requests, ...deployment.requests };
  const astray = Object.keys(deployment.answers).find((name) => !Object.hasOwn(requests, name));
  if (astray !== undefined) {
    const meant = nearest(astray, Object.keys(requests));
    return refusal({ kind: "not-requested", deployment: deployment.name, request: astray, meant });
  }
  const effective: Effective[] = [];
  for (const [name, request] of Object.entries(requests)) {
    const grant = Object.hasOwn(deployment.answers, name) ? deployment.answers[name] : undefined;
    const joined = joinOne(name, request, grant, deployment.name, context);
    if (!joined.ok) return joined;
    effective.push(joined.value);
  }
  const mixed = mixedNetworks(effective, deployment.name);
  if (mixed !== undefined) return refusal(mixed);
  const twice = displayTwice(effective, deployment.name);
  if (twice !== undefined) return refusal(twice);
  return success(effective);
}

function joinOne(
  name: string,
  request: Request,
  grant: Grant | undefined,
  deployment: string,
  context: JoinContext,
): Result<Effective, JoinProblem> {
  const answer = grant?.answer ?? "deny";
  const plain = {
    request: name,
    service: request.service,
    answer,
    because: grant === undefined ? "not-answered" : "answered",
    warnings: [],
  } as const;
  const because = whyNotServed(request.service, answer);
  if (because !== undefined) {
    const instead = servedAnswers(request.service, ANSWERS);
    return refusal({ kind: "answer-not-served", deployment, request: name, answer, because, instead });
  }
  if (answer === "deny") {
    if (request.need === "required") {
      return refusal({
        kind: "unmet-request",
        deployment,
        request: name,
        why: request.why,
        line: exampleLine(name, request),
      });
    }
    return success({ ...plain, gets: "nothing", contributions: [] });
  }
  const option = optionAstray(request, grant);
  if (option !== undefined) return refusal({ kind: "option-astray", deployment, request: name, option, answer });
  if (request.service === "variable") {
    const set = joinVariable(name, request, grant ?? { answer }, deployment, context.session ?? new Map());
    return set.ok ? success({ ...plain, ...set.value }) : set;
  }
  if (request.service === "display") {
    const shown = joinDisplay(name, answer, deployment, context.ownScreen, grant?.through, context.ownFolders);
    return shown.ok ? success({ ...plain, ...shown.value }) : shown;
  }
  return request.service === "network" && grant !== undefined
    ? network(name, grant, deployment, plain)
    : folder(name, request, grant, deployment, plain, context);
}

function network(
  name: string,
  grant: Grant,
  deployment: string,
  plain: Pick<Effective, "request" | "service" | "answer" | "because">,
): Result<Effective, JoinProblem> {
  if (grant.answer === "subset" && (grant.rules ?? []).length === 0) {
    const line = `${name}: { answer: subset, allow: ["example.org:443"] }`;
    return refusal({ kind: "option-missing", deployment, request: name, option: "rule under allow", line });
  }
  const { rules = [] } = grant;
  for (const rule of rules) {
    const because = grant.through === undefined ? whyRuleNotServed(rule) : whyNoWay(rule, rules);
    if (because !== undefined)
      return refusal({ kind: "rule-not-served", deployment, request: name, rule: rule.text, because });
  }
  const { through, card } = grant;
  if (card !== undefined) return success({ ...plain, ...cardGets(name, card) });
  return success({ ...plain, ...(through === undefined ? networkGets(name, grant) : portGets(name, grant, through)) });
}

/** A compartment has one network: what one answer shuts, another must not open by lying beside it. */
function mixedNetworks(effective: readonly Effective[], deployment: string): JoinProblem | undefined {
  const granted = effective.filter(({ contributions }) => contributions.some(isNetwork));
  const [first] = granted;
  const other = granted.find(
    ({ answer, contributions }) =>
      answer !== first?.answer || contributions.some(isCard) !== first.contributions.some(isCard),
  );
  if (first === undefined || other === undefined) return undefined;
  return { kind: "networks-mixed", deployment, request: other.request, answer: other.answer, first: first.request };
}

function isNetwork({ kind }: Contribution): boolean {
  return kind === "network" || kind === "named-network" || kind === "port" || kind === "card";
}

function isCard({ kind }: Contribution): boolean {
  return kind === "card";
}

/** Where a folder appears inside. */
export function folderTarget(name: string, { inside }: Pick<Request, "inside">): string {
  return inside ?? `/mnt/${name}`;
}

function folder(
  name: string,
  request: Request,
  grant: Grant | undefined,
  deployment: string,
  plain: Pick<Effective, "request" | "service" | "answer" | "because" | "warnings">,
  context: JoinContext,
): Result<Effective, JoinProblem> {
  const target = folderTarget(name, request);
  if (plain.answer === "empty") {
    return success({
      ...plain,
      gets: `an empty folder at ${target}`,
      contributions: [{ kind: "empty-folder", target }],
    });
  }
  const written = grant?.folder;
  if (written === undefined) {
    return refusal({
      kind: "option-missing",
      deployment,
      request: name,
      option: "folder",
      line: exampleLine(name, request),
    });
  }
  const finding = context.findings.get(written) ?? { real: undefined, type: "none" };
  if (finding.real === undefined || finding.type !== "folder") {
    return refusal({ kind: "folder-not-there", deployment, request: name, folder: written, type: finding.type });
  }
  const source = finding.real;
  // What is written to a copy may come to the folder one day: a copy is let to no place that writing is not let to.
  const copied = plain.answer === "copy";
  const access = copied || (plain.answer === "real" && request.verbs.includes("write")) ? "write" : "read";
  const shut = access === "write" ? [...context.ownFolders, context.programFolder] : context.ownFolders;
  const own = shut.find((candidate) => isWithin(source, candidate));
  if (own !== undefined) return refusal({ kind: "folder-is-skerrys", deployment, request: name, folder: written, own });
  // Through the kernel's files processes of the host are within reach, and their memory.
  const system = finding.kernelMount ?? (SOCKETS.test(source) ? source : undefined);
  if (system !== undefined)
    return refusal({ kind: "folder-is-systems", deployment, request: name, folder: written, system });
  // A mount can hide a folder, and cannot keep a link from being replaced.
  const link = access === "write" ? context.ownLinks.find((candidate) => isWithin(candidate, source)) : undefined;
  if (link !== undefined)
    return refusal({ kind: "folder-holds-link", deployment, request: name, folder: written, link });
  const files = plain.answer === "subset" ? grant?.files?.filter(isCleanRelativePath) : undefined;
  if (files !== undefined) {
    for (const file of files) {
      const holder = context.ownFolders.find((candidate) => isWithin(`${source}/${file}`, candidate));
      if (holder !== undefined)
        return refusal({
          kind: "folder-is-skerrys",
          deployment,
          request: name,
          folder: `${source}/${file}`,
          own: holder,
        });
    }
    const pick = pickFor(source, files, target, context.matches?.get(name));
    return pick === undefined
      ? refusal({ kind: "too-many-files", deployment, request: name, folder: written })
      : success({ ...plain, gets: pickGets(pick), contributions: [pick] });
  }
  if (copied) {
    // Overlayfs refuses to keep what is written to a folder within that folder.
    if (isWithin(context.dataFolder, source))
      return refusal({
        kind: "folder-holds-copies",
        deployment,
        request: name,
        folder: written,
        own: context.dataFolder,
      });
    const below = finding.mountBelow;
    if (below !== undefined)
      return refusal({ kind: "folder-holds-mount", deployment, request: name, folder: written, mount: below });
    // Overlayfs itself keeps a folder from being moved that lies in the lower tree: nothing has to be pinned.
    const hidden = masks(source, target, "read", shut);
    const gets = `a copy of ${source}, at ${target}; what is written waits for skerry changes`;
    return success({ ...plain, gets, contributions: [{ kind: "copy", request: name, source, target }, ...hidden] });
  }
  const contributions: readonly Contribution[] = [
    { kind: "bind", source, target, access },
    ...masks(source, target, access, shut),
  ];
  const startUp = access === "write" ? startUpFilesWithin(source, context.home) : [];
  const warnings = startUp.length === 0 ? [] : [`${name} can write what runs when you log in: ${startUp.join(", ")}`];
  return success({
    ...plain,
    gets: `${source}, ${access === "write" ? "read and write" : "read-only"}, at ${target}`,
    contributions,
    warnings,
  });
}

/**
 * Hides each of Skerry's own folders that lies below a granted one.
 *
 * With a writable grant every folder on the way is bound over itself: a mount point cannot be renamed, and so the app
 * cannot move a parent aside and put a folder of its own in its place.
 */
function masks(
  source: string,
  target: string,
  access: "read" | "write",
  own: readonly string[],
): readonly Contribution[] {
  const below = own.filter((folder) => folder !== source && isWithin(folder, source)).toSorted();
  const outermost = below.filter((folder) => !below.some((other) => other !== folder && isWithin(folder, other)));
  const pinned = new Set<string>();
  const out: Contribution[] = [];
  for (const folder of outermost) {
    const parts = folder.slice(source === "/" ? 1 : source.length + 1).split("/");
    for (let depth = 1; access === "write" && depth < parts.length; depth++) {
      const way = parts.slice(0, depth).join("/");
      if (pinned.has(way)) continue;
      pinned.add(way);
      out.push({ kind: "bind", source: `${source === "/" ? "" : source}/${way}`, target: `${target}/${way}`, access });
    }
    out.push({ kind: "empty-folder", target: `${target}/${parts.join("/")}` });
  }
  return out;
}

/** Answers whose way may lead through another instance. */
const LED: Partial<Record<Request["service"], readonly Grant["answer"][]>> = {
  network: ["real", "subset"],
  display: ["subset"],
};

/** An option that means nothing with this answer: believed to limit what it does not limit, it would open a door. */
function optionAstray(request: Request, grant: Grant | undefined): string | undefined {
  if (grant === undefined) return undefined;
  if (grant.allow !== undefined && (request.service !== "network" || grant.answer === "empty")) return "allow";
  if (grant.rules !== undefined && (request.service !== "network" || !["subset", "ask"].includes(grant.answer)))
    return "allow";
  if (grant.files !== undefined && (request.service !== "folder" || grant.answer !== "subset")) return "files";
  if (grant.folder !== undefined && request.service !== "folder") return "folder";
  if (grant.through !== undefined && !(LED[request.service] ?? []).includes(grant.answer)) return "through";
  if (grant.card !== undefined && (request.service !== "network" || grant.answer !== "real")) return "card";
  // What a card reaches is settled by its cable.
  if (grant.card !== undefined && grant.allow !== undefined) return "allow beside card";
  if (grant.card !== undefined && grant.through !== undefined) return "through beside card";
  if (grant.through !== undefined && grant.allow?.includes("host") === true) return "allow: [host] beside through";
  if (grant.value !== undefined && (request.service !== "variable" || grant.answer !== "fake")) return "value";
  return undefined;
}

/** The line to write in the deployment. */
export function exampleLine(name: string, request: Request): string {
  if (request.service === "display") return `${name}: fake`;
  if (request.service !== "folder") return `${name}: real`;
  return `${name}: { answer: ${request.verbs.includes("write") ? "real" : "subset"}, folder: ~/SOME/FOLDER }`;
}
