/**
 * Write: values as the text of a new file, for a person to read and change.
 *
 * Invariant: what is written reads back as the same value. What has no value stands as a comment that shows the form.
 */
import {
  ANSWERS,
  type Deployment,
  escapeText,
  type Grant,
  type OwnSystem,
  type Program,
  type Recipe,
  type Repository,
  type Request,
} from "../model/index.ts";
import { cardData } from "./card.ts";
import { desktopData } from "./desktop.ts";
import { cloudInitData } from "./cloud-init.ts";
import { diskData } from "./disks.ts";
import { inline, inlineText } from "./inline.ts";
import { ruleData } from "./network-rule.ts";
import { publishData } from "./publish.ts";
import type { PlainData, PlainMap } from "./read-yaml.ts";
import { shortenHome, sizeOf } from "./schema-parts.ts";
import { secretData } from "./secret.ts";
import { readyData, serviceLines } from "./service.ts";
import { storageLines } from "./storage-limits.ts";

/** Longer lines are broken into one for each key or entry. */
const LINE_WIDTH = 120;

/**
 * The text of a new deployment.
 *
 * @param recipe - what it deploys: says what is asked for, and why
 * @param context.home - the owner's home folder; what lies in it is written with `~/`
 */
export function writeDeployment(deployment: Deployment, recipe: Recipe, context: { readonly home: string }): string {
  const { tags, program, requests, answers, limits, environment } = deployment;
  const asked = { ...recipe.requests, ...requests };
  const memory =
    limits.memoryBytes === undefined ? undefined : (sizeOf(limits.memoryBytes) ?? noSize(limits.memoryBytes));
  const programs = Object.keys(recipe.programs);
  const unasked = Object.keys(answers).filter((name) => !Object.hasOwn(asked, name));
  const lines = [
    "skerry: deployment/1",
    ...comment(recipe.summary),
    `recipe: ${deployment.recipe}`,
    `isolation: ${deployment.isolation}`,
    ...(deployment.vmm === undefined ? [] : [`vmm: ${deployment.vmm}`]),
    tags.length === 0 ? "# tags: [work]" : `tags: ${inline(tags)}`,
    ...(programs.length > 1 ? comment(`One of: ${programs.join(", ")}`) : []),
    program === undefined ? `# program: ${programs[0] ?? "NAME"}` : `program: ${program}`,
    "",
    "# Requests of your own, besides the recipe's.",
    ...block("requests", mapData(requests, requestData), ""),
    "",
    `# One answer for each request: ${ANSWERS.join(", ")}.`,
    "# What is not answered is denied.",
    Object.keys(answers).length === 0 ? "answers: {}" : "answers:",
    ...Object.entries(asked).flatMap(([name, request]) => {
      const grant = Object.hasOwn(answers, name) ? answers[name] : undefined;
      const answer = grant === undefined ? [`  # ${name}: deny`] : block(name, grantData(grant, context.home), "  ");
      return [...requestComment(request).map((line) => `  ${line}`), ...answer];
    }),
    ...unasked.flatMap((name) => block(name, grantIn(answers, name, context.home), "  ")),
    "",
    "# Limits that are written are enforced, or nothing starts.",
    Object.values(limits).every((one) => one === undefined) ? "limits: {}" : "limits:",
    memory === undefined ? "  # memory: 512 MiB" : `  memory: ${memory}`,
    limits.tasks === undefined ? "  # tasks: 256" : `  tasks: ${limits.tasks}`,
    limits.cpuPercent === undefined ? "  # cpu: 150 %" : `  cpu: ${limits.cpuPercent} %`,
    ...storageLines(limits),
    "",
    "# Variables that are set inside.",
    ...block("environment", environment, ""),
    "",
    ...secretLines(deployment.secrets ?? {}, context.home),
    ...publishLines(deployment.publish ?? [], context.home),
    ...diskLines(deployment.disks, recipe, context.home),
    ...cloudInitLines(deployment.cloudInit, recipe, context.home),
    ...serviceLines(deployment.service),
  ];
  return `${lines.join("\n")}\n`;
}

function secretLines(secrets: NonNullable<Deployment["secrets"]>, home: string): readonly string[] {
  if (Object.keys(secrets).length === 0) return [];
  const written = mapData(secrets, (source) => secretData(source, home));
  return ["# Files in memory, at /run/secrets/NAME, or descriptors.", ...block("secrets", written, ""), ""];
}

function publishLines(publish: NonNullable<Deployment["publish"]>, home: string): readonly string[] {
  if (publish.length === 0)
    return ["# A port of it that is reached from this host.", "# publish: [{ port: 8080, on: 127.0.0.1:8080 }]", ""];
  const written = publish.map((one) => publishData(one, home));
  return ["# Ports of it that are reached from this host.", ...block("publish", written, ""), ""];
}

function diskLines(disks: Deployment["disks"], { system }: Recipe, home: string): readonly string[] {
  if (disks !== undefined)
    return [
      "# Disks of the system.",
      ...block(
        "disks",
        mapData(disks, (disk) => diskData(disk, home)),
        "",
      ),
      "",
    ];
  if (system === undefined) return [];
  return [
    "# Disks of the system; it boots from the first that it can. real: the file is written; copy: what is written goes",
    "# elsewhere; subset: read only; empty: a new disk.",
    "#   system: { answer: copy, file: ~/images/debian.qcow2 }",
    "#   install: { answer: subset, file: ~/images/netinst.iso }",
    "#   new: { answer: empty, size: 20 GiB }",
    "disks: {}",
    "",
  ];
}

function cloudInitLines(cloudInit: Deployment["cloudInit"], { system }: Recipe, home: string): readonly string[] {
  const says = "# Data for cloud-init, as cloud images read it at their first start.";
  if (cloudInit !== undefined) {
    const data = cloudInitData(cloudInit, home);
    return [says, ...block("cloud-init", data, ""), ""];
  }
  return system === undefined ? [] : [says, "# cloud-init: { user-data: ~/images/user-data.yaml }", ""];
}

/** The text of a new recipe. */
export function writeRecipe(recipe: Recipe): string {
  if (recipe.system !== undefined) return writeSystem(recipe, recipe.system);
  const lines = [
    "skerry: recipe/1",
    `summary: ${inlineText(recipe.summary)}`,
    recipe.base === undefined ? "# base: debian-13" : `base: ${recipe.base}`,
    ...(recipe.components.length === 0 ? ["# components: [fonts, gtk]"] : block("components", recipe.components, "")),
    "",
    ...(recipe.imported === undefined
      ? ["# Package names of the base's distribution."]
      : ["# The image that was brought in: nothing is installed into it.", `imported: "${recipe.imported}"`]),
    ...block("packages", recipe.packages, ""),
    ...(recipe.repositories.length === 0 ? [] : block("repositories", recipe.repositories.map(repositoryData), "")),
    "",
    "# The first program is the default. Arguments that may be added: any, files or none.",
    ...block("programs", mapData(recipe.programs, programData), ""),
    "",
    "# What the app asks for. The owner of a deployment answers each one.",
    "#   folder: { service: folder, why: the files to work on, need: optional, verbs: [read], inside: /work }",
    "#   network: { service: network, why: to fetch updates }",
    ...block("requests", mapData(recipe.requests, requestData), ""),
    "",
    "# Writable folders of each instance's own: data, settings, cache or temp.",
    "#   settings: { class: settings, inside: /home/app/.config }",
    ...block(
      "volumes",
      mapData(recipe.volumes, ({ class: volumeClass, inside }) => ({ class: volumeClass, inside })),
      "",
    ),
    "",
    "# True for a program with a sandbox of its own, such as a browser.",
    `own-sandbox: ${recipe.ownSandbox}`,
    ...(recipe.guest === undefined ? [] : [`guest: ${recipe.guest}`]),
    ...(recipe.provides === undefined ? [] : [`provides: ${inline(recipe.provides)}`]),
    "",
    "# The sign that the first program can be used: { port: 8080 }, { file: /run/x } or { command: [/usr/bin/x] }.",
    ...(recipe.ready === undefined
      ? ["# ready: { port: 8080, within: 30s }"]
      : block("ready", readyData(recipe.ready), "")),
    "",
    "# For the menus of a graphical session.",
    ...(recipe.desktop === undefined
      ? ["# desktop: { name: NAME, categories: [Utility] }"]
      : block("desktop", desktopData(recipe.desktop), "")),
  ];
  return `${lines.join("\n")}\n`;
}

function writeSystem({ summary, requests }: Recipe, { firmware, devices, tpm }: OwnSystem): string {
  const lines = [
    "skerry: recipe/1",
    `summary: ${inlineText(summary)}`,
    "# A whole system with a kernel of its own, on disks that the deployment names.",
    "image: disk",
    ...block("machine", { firmware, devices, tpm }, ""),
    ...block("requests", mapData(requests, requestData), ""),
  ];
  return `${lines.join("\n")}\n`;
}

/** An answer as it is written: the word alone where it has no options. */
export function grantData(
  { answer, folder, files, allow, rules, value, through, card }: Grant,
  home: string,
): PlainData {
  const options: PlainMap = {
    ...(folder === undefined ? {} : { folder: shortenHome(folder, home) }),
    ...(files === undefined ? {} : { files }),
    ...(allow === undefined ? {} : { allow }),
    ...(rules === undefined ? {} : { allow: rules.map(ruleData) }),
    ...(value === undefined ? {} : { value }),
    ...(through === undefined ? {} : { through }),
    ...(card === undefined ? {} : { card: cardData(card) }),
  };
  return Object.keys(options).length === 0 ? answer : { answer, ...options };
}

/** A limit that cannot be written must not be left out in silence. */
function noSize(bytes: number): never {
  throw new Error(`a memory limit is whole KiB, not ${bytes} bytes`);
}

function grantIn(answers: Deployment["answers"], name: string, home: string): PlainData {
  const grant = answers[name];
  if (grant === undefined) throw new Error("the name was taken from the answers themselves");
  return grantData(grant, home);
}

function requestData({ service, why, need, verbs, inside, variable }: Request): PlainMap {
  if (variable !== undefined) return { service, why, need, name: variable };
  return inside === undefined ? { service, why, need } : { service, why, need, verbs, inside };
}

function repositoryData({ uri, suites, components, key, mayReplace }: Repository): PlainMap {
  if (!("file" in key)) throw new Error("a repository is written with the file of its key");
  return { uri, suites, components, key: key.file, "may-replace": mayReplace };
}

function programData(program: Program): PlainMap {
  return { command: program.command, arguments: program.arguments };
}

function mapData<From>(map: Readonly<Record<string, From>>, change: (value: From) => PlainData): PlainMap {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}

function requestComment({ service, why, need, verbs, inside, variable }: Request): readonly string[] {
  if (variable !== undefined) return [...comment(why), ...comment(`variable ${variable}; ${need}`)];
  const place = inside === undefined ? "" : ` at ${inside}`;
  const wish = verbs.length === 0 ? service : `${service}, to ${verbs.join(" and ")}`;
  return [...comment(why), ...comment(`${wish}${place}; ${need}`)];
}

/** Text of a recipe inside a comment: escaped, so that it can neither end the line nor hide in it. */
function comment(text: string): readonly string[] {
  return [`# ${escapeText(text).trim()}`];
}

/** A key with its value, on one line where that is short and the value is not a map of the file's own, else on several. */
function block(key: string, value: PlainData, indent: string): readonly string[] {
  const line = `${indent}${inlineText(key)}: ${inline(value)}`;
  const deep = indent === "" && isMapData(value) && Object.keys(value).length > 0;
  if (!deep && (line.length <= LINE_WIDTH || typeof value !== "object" || value === null)) return [line];
  const head = `${indent}${inlineText(key)}:`;
  if (isMapData(value))
    return [head, ...Object.entries(value).flatMap(([key, item]) => block(key, item, `${indent}  `))];
  return [head, ...listEntries(value).map((item) => `${indent}  - ${inline(item)}`)];
}

function listEntries(value: PlainData): readonly PlainData[] {
  return Array.isArray(value) ? value : [];
}

function isMapData(value: PlainData): value is PlainMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
