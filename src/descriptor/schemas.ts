/**
 * Schemas: every format of a file that people write, in one place.
 *
 * From these come the checks, the JSON Schemas for editors, and the keys that "did you mean" can offer. To add a key:
 * here, in the function that makes the value (recipe.ts and its siblings), and in docs/reference/descriptors.md.
 */
import * as z from "zod";
import {
  ANSWERS,
  BASE_STATES,
  COMPONENT_FACTS,
  COMPONENT_PLACES,
  isCleanAbsolutePath,
  MOST_CHOSEN_FILES,
  OWN_VARIABLES,
  PACKAGE_PATTERN,
  PROVIDED,
  SERVICES,
  VERBS,
  VOLUME_CLASSES,
  parseIp,
  VMM_NAMES,
} from "../model/index.ts";
import { cardSchema } from "./card.ts";
import { cloudInitSchema } from "./cloud-init.ts";
import { found, noneOf, quote } from "./complaint.ts";
import { desktopSchema } from "./desktop.ts";
import { disksSchema, machineSchema } from "./disks.ts";
import {
  address,
  chosenFile,
  cpuShare,
  hostFolder,
  insidePath,
  keyFile,
  listOf,
  mapOf,
  memorySize,
  name,
  packageName,
  pattern,
  programPath,
  sentence,
  tasks,
  variableName,
  variableValue,
  wants,
} from "./schema-parts.ts";
import { rulesSchema } from "./network-rule.ts";
import { publishSchema } from "./publish.ts";
import { secretsSchema } from "./secret.ts";
import { readySchema, SERVICE_KEYS } from "./service.ts";
import { STORAGE_KEYS } from "./storage-limits.ts";

/** The formats, with the versions that this program reads; the newest is last and is the one written. */
export const FORMAT_VERSIONS = {
  recipe: [1],
  deployment: [1],
  base: [1],
  component: [1],
  migration: [1],
  mirrors: [1],
  facts: [1],
  settings: [1],
} as const;

export type Format = keyof typeof FORMAT_VERSIONS;

/** How a message calls a map of that kind; shown as the title in JSON Schemas. */
function titled<Shape extends z.ZodRawShape>(title: string, shape: Shape) {
  return z.strictObject(shape, wants(`a map with the keys of ${title}`)).meta({ title });
}

const programArguments = z
  .enum(["any", "files", "none"])
  .describe(
    "What arguments may be added: any; files (names of host files become read-only grants); none. Default: any",
  );

const program = z
  .union([
    programPath,
    titled("a program", {
      command: listOf(z.string(wants("text; put numbers in quotes")).max(4096), "a program and its arguments", 100)
        .min(1)
        .describe("Absolute path inside, then fixed arguments"),
      arguments: programArguments.optional(),
    }),
  ])
  .describe("A path, or a map with `command` and `arguments`");

const why = sentence("a sentence that says what for", 300).describe("What for, in a sentence for the owner");
const need = z
  .enum(["required", "optional"])
  .optional()
  .describe("Without a required one nothing starts. Default: optional");

const requestedVariable = variableName.refine((text) => !OWN_VARIABLES.some((own) => own === text), {
  error: ({ input }) => `${quote(String(input))} is set by Skerry for every app`,
});

const request = z
  .discriminatedUnion(
    "service",
    [
      titled("a folder request", {
        service: z.literal("folder"),
        why,
        need,
        verbs: listOf(z.enum(VERBS), "verbs", 2).min(1).optional().describe("Default: [read]"),
        inside: insidePath.optional().describe("Where it appears. Default: /mnt/ and the request's name"),
      }),
      titled("a network request", { service: z.literal("network"), why, need }),
      titled("a display request", { service: z.literal("display"), why, need }),
      titled("a variable request", {
        service: z.literal("variable"),
        why,
        need,
        name: requestedVariable.describe("Name of the variable, such as API_TOKEN"),
      }),
    ],
    { error: ({ input }) => serviceFault(input) },
  )
  .describe("One wish for one resource outside the image");

function serviceFault(input: unknown): string {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return `expected a map with the keys of a request, found ${found(input)}`;
  }
  const service = "service" in input ? input.service : undefined;
  return noneOf(service, SERVICES);
}

const requests = mapOf(name, request, "requests", 50);

const archiveWord = z
  .string(wants("a word"))
  .check(pattern(/^[a-z0-9][a-z0-9+._/-]{0,99}$/, (text) => `${quote(text)} is no name of a suite or component`));

const repository = titled("a repository", {
  uri: address.describe("Address of the archive's root"),
  suites: listOf(archiveWord, "suites", 20).min(1),
  components: listOf(archiveWord, "components", 20).min(1),
  key: keyFile.describe("The key that its signature must verify with: an armored file beside the recipe"),
  "may-replace": z
    .boolean(wants("true or false"))
    .optional()
    .describe("It may bring packages that the base has too. Default: false"),
});

export const recipeSchema = titled("a recipe", {
  skerry: z.literal("recipe/1"),
  summary: sentence("one line that says what the app is", 200),
  base: name.optional().describe("Name of an OS base. Default: the default base"),
  components: listOf(name, "names of components", 20)
    .optional()
    .describe("Components of the base that lie below the app. Default: none"),
  packages: listOf(packageName, "package names", 200)
    .optional()
    .describe("Packages of the base's distribution; all but a system of its own write them"),
  imported: z
    .string(wants("a digest"))
    .check(pattern(/^[0-9a-f]{64}$/, (text) => `${quote(text)} is no SHA-256: 64 digits of 0-9 and a-f`))
    .optional()
    .describe("Written by images import: the image that it brought in, in place of packages"),
  image: z
    .literal("disk", wants("the word disk"))
    .optional()
    .describe(
      "disk: a whole system with a kernel of its own, on disks that the deployment names, in place of packages",
    ),
  machine: machineSchema,
  repositories: listOf(repository, "repositories", 10)
    .optional()
    .describe("Archives besides the base's, each with its own key. Default: none"),
  programs: mapOf(name, program, "programs", 50)
    .optional()
    .describe("By name; the first one is the default. All but a system of its own write at least one"),
  requests: requests.optional().describe("What the app asks for. Default: nothing"),
  volumes: mapOf(
    name,
    titled("a volume", {
      class: z.enum(VOLUME_CLASSES).describe("data, settings and cache survive a rebuild; temp lives for one run"),
      inside: insidePath.describe("Where it appears"),
    }),
    "volumes",
    50,
  )
    .optional()
    .describe("Writable folders of the instance's own. Default: none"),
  "own-sandbox": z
    .boolean(wants("true or false"))
    .optional()
    .describe("The program has a sandbox of its own and needs nested user namespaces. Default: false"),
  guest: z
    .enum(["app", "system"], { error: ({ input }) => noneOf(input, ["app", "system"]) })
    .optional()
    .describe("system: its first program brings up a whole system, in a virtual machine. Default: app"),
  provides: listOf(z.enum(PROVIDED), "words", PROVIDED.length)
    .optional()
    .describe(
      "network: the way out of other machines can lead through it; display: it shows windows of others. Default: nothing",
    ),
  ready: readySchema.optional().describe("How one sees that its first program can be used. Default: no sign"),
  desktop: desktopSchema.optional().describe("Puts it into menus. Default: not there"),
});

const answerWord = z.enum(ANSWERS);

const grant = z
  .union([
    answerWord,
    titled("an answer", {
      answer: answerWord,
      folder: hostFolder.optional().describe("Host folder; ~/ stands for the owner's home"),
      value: variableValue.optional().describe("With fake for a variable: what it is set to"),
      files: listOf(chosenFile, "files below the folder", MOST_CHOSEN_FILES)
        .min(1)
        .optional()
        .describe("With subset: the chosen files; * and ? stand for names that match"),
      allow: rulesSchema
        .optional()
        .describe("With subset: what may be reached. With a real network: host and lan, besides the internet"),
      through: name
        .optional()
        .describe(
          "With a real network or a subset of it: the instance of a net VM that the way leads through; with a subset of a display: whose it is",
        ),
      card: cardSchema,
    }),
  ])
  .describe("An answer, or a map with `answer` and its options");

export const deploymentSchema = titled("a deployment", {
  skerry: z.literal("deployment/1"),
  recipe: name.describe("Name of the recipe that is deployed"),
  isolation: z.enum(["container", "vm"]).optional().describe("The wall. Default: container"),
  vmm: z.enum(VMM_NAMES).optional().describe("With isolation: vm, the program that runs the machine. Default: qemu"),
  tags: listOf(name, "tags", 20).optional().describe("Words by which prove speaks of several. Default: none"),
  program: name.optional().describe("One of the recipe's programs. Default: the first"),
  requests: requests.optional().describe("Requests of the owner's own, besides the recipe's. Default: none"),
  answers: mapOf(name, grant, "answers", 100)
    .optional()
    .describe("By the request's name. What is not answered is denied"),
  limits: titled("limits", {
    memory: memorySize.optional().describe("16 MiB to 1 TiB. Default: a limit that is preferred, not promised"),
    tasks: tasks.optional().describe("Processes and threads. Default: a limit that is preferred, not promised"),
    cpu: cpuShare.optional().describe("100 % is one processor. Default: none"),
    ...STORAGE_KEYS,
  }).optional(),
  environment: mapOf(variableName, variableValue, "variables", 100)
    .optional()
    .describe("Variables that are set inside. Default: none"),
  secrets: secretsSchema,
  publish: publishSchema,
  disks: disksSchema,
  "cloud-init": cloudInitSchema,
  ...SERVICE_KEYS,
});

/** apt-patterns(7), of which a base needs only a narrow part, or a package's name. */
const packageWish = z
  .string(wants("the name of a package, or a pattern of apt"))
  .check(
    pattern(
      new RegExp(`${PACKAGE_PATTERN.source}|^\\?[a-z-]{1,40}(\\([a-z0-9+.-]{1,99}\\))?$`),
      (text) => `${quote(text)} is neither a package name nor a pattern such as ?essential or ?priority(required)`,
    ),
  );

/** The path goes into a list of archives, where a space or bracket would begin something else. */
const keyringPath = z
  .string(wants("the absolute path of a keyring"))
  .check(pattern(/^\/[A-Za-z0-9._/+-]{1,250}$/, (text) => `${quote(text)} is no absolute path of a keyring`))
  .refine(isCleanAbsolutePath, { error: ({ input }) => `${quote(String(input))} is not a clean path` });

export const baseSchema = titled("a base", {
  skerry: z.literal("base/1"),
  summary: sentence("one line that says what the base is", 200),
  engine: z.enum(["apt"]).describe("Which package engine reads it"),
  state: z.enum(BASE_STATES).describe("deprecated works and warns, retired builds nothing new"),
  until: z
    .string(wants("a date such as 2028-06-30"))
    .refine(isDate, {
      error: ({ input }) => `${quote(String(input))} is no date. Write year-month-day, such as 2028-06-30`,
    })
    .meta({ pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" })
    .optional()
    .describe("Day from which the state is the next one"),
  successor: name.optional().describe("Base that its images are to move to"),
  archives: listOf(
    titled("an archive", {
      uri: address.describe("Address of the archive's root"),
      suites: listOf(archiveWord, "suites", 20).min(1),
      components: listOf(archiveWord, "components", 20).min(1),
      keyring: keyringPath.describe("Keyring that the archive's signature must verify with"),
      snapshot: name.optional().describe("Name of this archive in the snapshot archive"),
    }),
    "archives",
    20,
  ).min(1),
  packages: listOf(packageWish, "package names or patterns", 200).min(1).describe("What the base layer is made of"),
  snapshot: address.optional().describe("A snapshot archive with the layout of snapshot.debian.org"),
  "merged-usr": listOf(z.enum(["bin", "sbin", "lib", "lib32", "lib64", "libx32"]), "folders", 6)
    .optional()
    .describe("Folders of the root that are links into /usr. Default: none"),
  guest: titled("a guest", {
    kernel: packageWish.describe("Package whose newest version brings the kernel"),
    tools: listOf(packageWish, "package names", 50).describe(
      "Packages of the tools around the app, and what they need",
    ),
  })
    .optional()
    .describe("What virtual machines are started with. Default: none can be"),
});

function vendorOf(words: string) {
  return z
    .string(wants("a vendor"))
    .check(
      pattern(
        new RegExp(`^(${words}|[0-9a-f]{4})$`),
        (text) => `${quote(text)} is no vendor. Write ${words.replaceAll("|", ", ")}, or four hexadecimal digits`,
      ),
    );
}

const vendor = vendorOf("intel|amd|nvidia");
const vendorOrNone = vendorOf("none|intel|amd|nvidia");

const language = z
  .string(wants("a language"))
  .check(
    pattern(
      /^[a-z]{2,3}(_[A-Z]{2})?$/,
      (text) => `${quote(text)} is no language. Write one such as de, or with its country, such as de_AT`,
    ),
  );

export const componentSchema = titled("a component", {
  skerry: z.literal("component/1"),
  summary: sentence("one line that says what the component is", 200),
  needs: listOf(name, "names of components", 20)
    .optional()
    .describe("Components of the same base that lie below it. Default: none"),
  facts: listOf(z.enum(COMPONENT_FACTS), "facts", COMPONENT_FACTS.length)
    .optional()
    .describe("Facts of the host that it depends on; only these enter its layer. Default: none"),
  packages: listOf(packageName, "package names", 200).optional().describe("Packages it always has. Default: none"),
  when: listOf(
    titled("a choice", {
      gpus: listOf(vendorOrNone, "vendors", 16)
        .min(1)
        .optional()
        .describe("A graphics card of one of them was found; none: no card was found"),
      locale: listOf(language, "languages", 50).min(1).optional().describe("The host's locale is one of them"),
      packages: listOf(packageName, "package names", 200).min(1),
    }),
    "choices",
    100,
  )
    .optional()
    .describe("Packages it has where the facts are so. Default: none"),
  generates: listOf(z.enum(["locale"]), "words", 1)
    .optional()
    .describe("locale: the host's locale is made in the layer, and is LANG inside. Default: nothing"),
  place: z
    .enum(COMPONENT_PLACES)
    .optional()
    .describe("Large and shared by many: bottom. Default: top with facts, middle without"),
});

function isDate(text: string): boolean {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

export const migrationSchema = titled("a migration", {
  skerry: z.literal("migration/1"),
  from: name.describe("Base that the recipe names. With another one this file means nothing"),
  to: name.describe("Base to take in its place"),
});

export const mirrorsSchema = titled("mirrors", {
  skerry: z.literal("mirrors/1"),
  mirrors: mapOf(address, address, "addresses", 50)
    .optional()
    .describe("From an archive's address, as its base writes it, to the one to use instead"),
  proxy: address.optional().describe("Proxy for archives"),
  snapshot: address.optional().describe("Snapshot archive to use instead of the base's"),
});

/** `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:53`. */
const nameServer = z.string(wants("an address such as 192.0.2.1 or [2001:db8::1]:53")).refine(isNameServer, {
  error: "an address and perhaps a port: 192.0.2.1, 192.0.2.1:5353, [2001:db8::1]:53",
});

export const settingsSchema = titled("settings", {
  skerry: z.literal("settings/1"),
  dns: listOf(nameServer, "name servers", 3)
    .optional()
    .describe("Name servers that granted names are looked up with. Default: those of /etc/resolv.conf"),
  audit: titled("audit settings", {
    keep: z
      .string(wants("a number of days such as 90d"))
      .check(pattern(/^[1-9][0-9]{0,3}d$/, (text) => `expected a number of days such as 90d, found ${found(text)}`))
      .refine((text) => Number.parseInt(text, 10) <= 3650, {
        error: ({ input }) => `${quote(String(input))} is out of range. It is 1d to 3650d`,
      })
      .optional()
      .describe("Days that records are kept. Default: as long as there is room for them (128 MiB)"),
  }).optional(),
});

function isNameServer(text: string): boolean {
  const [, six, four, port] = /^(?:\[([^\]]*)\]|([0-9.]*))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const address = parseIp(six ?? four ?? "");
  const fits = address?.family === (six === undefined ? 4 : 6);
  return fits && (port === undefined || (Number(port) >= 1 && Number(port) <= 65535));
}

const word = (what: string) => sentence(what, 100);
const yesOrNo = z.boolean(wants("true or false"));

/** Facts that a plan may be made for in place of what was found. Who the user is, and what is installed, is not one. */
export const factsSchema = titled("facts", {
  skerry: z.literal("facts/1"),
  kernel: word("a release such as 6.12.0").optional(),
  architecture: z.enum(["amd64", "arm64"]).optional(),
  distribution: word("a distribution such as debian 13").optional(),
  overlay: yesOrNo.optional(),
  landlockAbi: z.int(wants("a whole number from 0 to 1000")).min(0).max(1000).optional(),
  seccomp: yesOrNo.optional(),
  tun: yesOrNo.optional(),
  kvm: yesOrNo.optional(),
  accelerator: z.enum(["kvm", "emulated"]).optional(),
  gpus: listOf(vendor, "vendors", 16).optional(),
  locale: z
    .string(wants("a locale such as C.UTF-8"))
    .check(pattern(/^[A-Za-z0-9_.@-]{1,50}$/, (text) => `${quote(text)} is no locale. Write one such as C.UTF-8`))
    .optional(),
  timeZone: z
    .string(wants("a time zone such as Europe/Berlin"))
    .check(
      pattern(
        /^[A-Za-z0-9_+-]{1,40}(\/[A-Za-z0-9_+-]{1,40}){0,2}$/,
        (text) => `${quote(text)} is no time zone. Write one such as Europe/Berlin`,
      ),
    )
    .optional(),
  memoryMiB: z
    .int(wants("whole MiB, at least 1"))
    .min(1)
    .max(2 ** 30)
    .optional(),
  cpus: z.int(wants("a whole number, at least 1")).min(1).max(10_000).optional(),
});
