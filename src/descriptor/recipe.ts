/** Recipe: from text to value. What a key means stands with the type, in model/recipe.ts. */
import type * as z from "zod";
import { type Program, type Recipe, type Repository, type Request, SYSTEM_PROGRAMS } from "../model/index.ts";
import { type Result, success } from "../result.ts";
import { readChecked } from "./check.ts";
import type { PathFinding } from "./path-finding.ts";
import { type DescriptorProblem, quote, type Source } from "./complaint.ts";
import { insideFault, overlaps, type Placed } from "./inside.ts";
import { toDesktop } from "./desktop.ts";
import { toSystem } from "./disks.ts";
import type { DataPath } from "./read-yaml.ts";
import { programPath } from "./schema-parts.ts";
import { recipeSchema } from "./schemas.ts";
import { checkReady, toReadiness } from "./service.ts";

type RecipeFile = z.output<typeof recipeSchema>;
type RequestFile = NonNullable<RecipeFile["requests"]>[string];
type ProgramFile = NonNullable<RecipeFile["programs"]>[string];

/**
 * Reads the text of a recipe.
 *
 * Problems
 * - `descriptor`: everything that is wrong with the text, each with its place
 */
export function parseRecipe(text: string, source: Source): Result<Recipe, DescriptorProblem> {
  const file = readChecked(text, source, "recipe", recipeSchema, checkRecipe);
  if (!file.ok) return file;
  const { summary, base, packages = [], imported, image, programs = {}, volumes = {}, ready, desktop } = file.value;
  return success({
    name: source.name,
    summary,
    base,
    components: file.value.components ?? [],
    packages,
    ...(imported === undefined ? {} : { imported }),
    repositories: (file.value.repositories ?? []).map(toRepository),
    ...(image === undefined ? {} : { system: toSystem(file.value.machine) }),
    programs: image === undefined ? mapValues(programs, toProgram) : SYSTEM_PROGRAMS,
    requests: mapValues(file.value.requests ?? {}, toRequest),
    volumes,
    ownSandbox: file.value["own-sandbox"] ?? false,
    ...(file.value.guest === "system" ? { guest: "system" } : {}),
    ...(file.value.provides === undefined ? {} : { provides: file.value.provides }),
    ready: ready === undefined ? undefined : toReadiness(ready),
    desktop: desktop === undefined ? undefined : toDesktop(desktop),
  });
}

function checkRecipe(file: RecipeFile): readonly PathFinding[] {
  return [
    ...repeated(file.components ?? [], ["components"]),
    ...repeated(file.packages ?? [], ["packages"]),
    ...checkRepositories(file.repositories ?? []),
    ...checkImported(file),
    ...checkProvides(file),
    ...checkSystem(file),
    ...(file.image === undefined ? checkPrograms(file.programs) : []),
    ...checkPlaces(file.requests ?? {}, file.volumes ?? {}),
    ...checkVerbs(file.requests ?? {}),
    ...(file.ready === undefined ? [] : checkReady(file.ready, ["ready"])),
  ];
}

/** An image that was imported is whole: nothing is built on it, and nothing into it. */
function checkImported(file: RecipeFile): readonly PathFinding[] {
  if (file.imported === undefined) return [];
  const message = "an image that was imported takes no packages; take this out, or take out imported";
  const astray = (["base", "components", "packages", "repositories"] as const).filter((key) => {
    const value = file[key];
    return typeof value === "string" || (value?.length ?? 0) > 0;
  });
  return astray.map((key): PathFinding => ({ path: [key], part: "value", message }));
}

/** Whose machine others go through routes for them, which no app behind its own wall can. */
function checkProvides({ provides = [], guest }: RecipeFile): readonly PathFinding[] {
  if (!provides.includes("network") || guest === "system") return [];
  return [
    { path: ["provides"], part: "value", message: "only a system can provide a network; write guest: system too" },
  ];
}

/** What a system of its own is made of is on its disks; all else is made of packages and has programs. */
function checkSystem(file: RecipeFile): readonly PathFinding[] {
  if (file.image === undefined) {
    const message = "missing. Write a list of package names";
    return [
      ...(file.packages === undefined ? [{ path: ["packages"], part: "value", message } as const] : []),
      ...(file.machine === undefined
        ? []
        : [{ path: ["machine"], part: "key", message: "machine goes with image: disk" } as const]),
    ];
  }
  return NOT_A_SYSTEMS.filter((key) => file[key] !== undefined).map((key): PathFinding => {
    const message = `${key}: a system of its own (image: disk) has none that Skerry knows of; take this out`;
    return { path: [key], part: "key", message };
  });
}

const NOT_A_SYSTEMS = [
  ...(["base", "components", "packages", "imported", "repositories", "programs", "volumes"] as const),
  ...(["own-sandbox", "guest", "provides", "ready", "desktop"] as const),
];

/** Of two repositories at one address, or at addresses of which one lies in the other, a package's origin is unclear. */
function checkRepositories(repositories: NonNullable<RecipeFile["repositories"]>): readonly PathFinding[] {
  return repositories.flatMap(({ uri }, index): readonly PathFinding[] => {
    const other = repositories.slice(0, index).find((before) => nested(before.uri, uri));
    if (other === undefined) return [];
    const message = `${quote(uri)} is, or holds, or lies in ${quote(other.uri)}, named above. Name each archive once, with all its suites`;
    return [{ path: ["repositories", index, "uri"], part: "value", message }];
  });
}

function nested(left: string, right: string): boolean {
  return `${left}/`.startsWith(`${right}/`) || `${right}/`.startsWith(`${left}/`);
}

function toRepository(written: NonNullable<RecipeFile["repositories"]>[number]): Repository {
  const { uri, suites, components, key } = written;
  return { uri, suites, components, key: { file: key }, mayReplace: written["may-replace"] ?? false };
}

function checkPrograms(programs: RecipeFile["programs"]): readonly PathFinding[] {
  if (programs === undefined)
    return [{ path: ["programs"], part: "value", message: "missing. Write a map of programs" }];
  if (Object.keys(programs).length === 0) {
    return [
      { path: ["programs"], part: "value", message: "no program. Write at least one, such as NAME: /usr/bin/NAME" },
    ];
  }
  return Object.entries(programs).flatMap(([name, program]): readonly PathFinding[] => {
    if (typeof program === "string") return [];
    const checked = programPath.safeParse(program.command[0]);
    if (checked.success) return [];
    const message = checked.error.issues[0]?.message ?? "no program";
    return [{ path: ["programs", name, "command", 0], part: "value", message }];
  });
}

/** A request's or volume's place, with the path that a complaint about it points at. */
interface PlacedInFile extends Placed {
  readonly path: DataPath;
}

/** Places that are free by themselves, but not together. A request's default place counts too. */
export function checkPlaces(
  requests: Readonly<Record<string, RequestFile>>,
  volumes: Readonly<Record<string, { readonly inside: string }>>,
): readonly PathFinding[] {
  const folders = Object.entries(requests).flatMap(([name, request]): readonly PlacedInFile[] => {
    const { inside } = toRequest(request, name);
    return inside === undefined ? [] : [{ what: `request ${name}`, inside, path: ["requests", name, "inside"] }];
  });
  const ownFolders = Object.entries(volumes).map(([name, { inside }]): PlacedInFile => {
    return { what: `volume ${name}`, inside, path: ["volumes", name, "inside"] };
  });
  return overlaps([...folders, ...ownFolders]).map(({ thing, other }) => {
    const relation =
      thing.inside === other.inside ? "is also the place of" : `lies in ${quote(other.inside)}, the place of`;
    const message = `${quote(thing.inside)} ${relation} ${other.what}. Give each a folder of its own, none in another`;
    return { path: thing.path, part: "value", message };
  });
}

export function checkVerbs(requests: Readonly<Record<string, RequestFile>>): readonly PathFinding[] {
  return [
    ...Object.entries(requests).flatMap(([name, request]) =>
      request.service === "folder" ? repeated(request.verbs ?? [], ["requests", name, "verbs"]) : [],
    ),
    ...twiceAskedFor(requests),
  ];
}

/** One variable has one answer. */
function twiceAskedFor(requests: Readonly<Record<string, RequestFile>>): readonly PathFinding[] {
  const seen = new Map<string, string>();
  return Object.entries(requests).flatMap(([name, request]): readonly PathFinding[] => {
    if (request.service !== "variable") return [];
    const other = seen.get(request.name);
    seen.set(request.name, name);
    const message = `${quote(request.name)} is asked for by ${other ?? ""} already`;
    return other === undefined ? [] : [{ path: ["requests", name, "name"], part: "value", message }];
  });
}

/** Each entry of a list that stood in it before. */
export function repeated(list: readonly string[], path: DataPath): readonly PathFinding[] {
  const seen = new Set<string>();
  return list.flatMap((entry, index): readonly PathFinding[] => {
    if (seen.has(entry)) return [{ path: [...path, index], part: "value", message: `${quote(entry)} is listed twice` }];
    seen.add(entry);
    return [];
  });
}

function toProgram(program: ProgramFile): Program {
  if (typeof program === "string") return { command: [program], arguments: "any" };
  const [path, ...fixed] = program.command;
  if (path === undefined) throw new Error("the schema lets no empty command pass");
  return { command: [path, ...fixed], arguments: program.arguments ?? "any" };
}

/** @param name - gives a folder its place where none is written */
export function toRequest(request: RequestFile, name: string): Request {
  const { service, why, need = "optional" } = request;
  const plain = { service, why, need, verbs: [], inside: undefined };
  if (request.service === "network" || request.service === "display") return plain;
  if (request.service === "variable") return { ...plain, variable: request.name };
  return { service, why, need, verbs: request.verbs ?? ["read"], inside: request.inside ?? defaultInside(name) };
}

/** Where a folder appears that has no place of its own. */
export function defaultInside(requestName: string): string {
  const inside = `/mnt/${requestName}`;
  const fault = insideFault(inside);
  if (fault !== undefined) throw new Error(`a request's name does not make a path: ${fault}`);
  return inside;
}

export function mapValues<From, To>(
  map: Readonly<Record<string, From>>,
  change: (value: From, key: string) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]));
}
