import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  ANSWERS,
  type Deployment,
  filePatternFault,
  type Grant,
  isFilePattern,
  type NetworkRule,
  NO_SERVICE,
  placeText,
  type Publish,
  type Recipe,
  type Request,
  type SecretSource,
  VMM_NAMES,
  VOLUME_CLASSES,
} from "../model/index.ts";
import { showComplaint } from "./complaint.ts";
import { parseDeployment } from "./deployment.ts";
import { parseRecipe } from "./recipe.ts";
import { parseRuleText } from "./rule-text.ts";
import { anyDesktop, anyReadiness, anyService } from "./service.fixture.ts";
import { writeDeployment, writeRecipe } from "./write.ts";

const HOME = "/home/ada";

const ripgrep: Recipe = {
  name: "ripgrep",
  summary: "Search files for text, fast",
  base: undefined,
  components: [],
  packages: ["ripgrep"],
  repositories: [],
  programs: {
    rg: { command: ["/usr/bin/rg"], arguments: "files" },
    help: { command: ["/usr/bin/rg", "-h"], arguments: "none" },
  },
  requests: {
    folder: { service: "folder", why: "the files to search", need: "optional", verbs: ["read"], inside: "/work" },
    network: { service: "network", why: "to look up \u202e what", need: "required", verbs: [], inside: undefined },
  },
  volumes: {},
  ownSandbox: false,
  ready: undefined,
  desktop: undefined,
};

const deny: Grant = { answer: "deny", folder: undefined, files: undefined, allow: undefined, rules: undefined };

test("a new deployment says for each request what it is, and what may be written", () => {
  const deployment: Deployment = {
    name: "search",
    recipe: "ripgrep",
    isolation: "container",
    tags: [],
    program: undefined,
    requests: {},
    answers: { folder: { ...deny, answer: "subset", folder: "/home/ada/src", files: ["a.txt", "b c"] }, network: deny },
    limits: { memoryBytes: 512 * 2 ** 20, tasks: undefined, cpuPercent: 150 },
    environment: {},
    service: NO_SERVICE,
  };
  assert.equal(
    writeDeployment(deployment, ripgrep, { home: HOME }),
    `skerry: deployment/1
# Search files for text, fast
recipe: ripgrep
isolation: container
# tags: [work]
# One of: rg, help
# program: rg

# Requests of your own, besides the recipe's.
requests: {}

# One answer for each request: deny, empty, fake, subset, copy, real, ask.
# What is not answered is denied.
answers:
  # the files to search
  # folder, to read at /work; optional
  folder: { answer: subset, folder: ~/src, files: [a.txt, b c] }
  # to look up \\u{202e} what
  # network; required
  network: deny

# Limits that are written are enforced, or nothing starts.
limits:
  memory: 512 MiB
  # tasks: 256
  cpu: 150 %
  # io: { read: 20 MiB/s, write: 10 MiB/s }
  # disk: 20 GiB

# Variables that are set inside.
environment: {}

# A port of it that is reached from this host.
# publish: [{ port: 8080, on: 127.0.0.1:8080 }]

# In the background: started at boot or log-in, and again after its end (never, on-failure, always).
autostart: false
restart: never
# ready: { port: 8080, within: 30s }
# Instances that must be ready before it starts, and ports of theirs that it may reach: [{ to: NAME, port: 5432 }]
links: []
`,
  );
});

test("a memory limit that cannot be written is a fault, not a file without it", () => {
  const limits = { memoryBytes: 20_000_001, tasks: undefined, cpuPercent: undefined };
  const deployment = {
    name: "x",
    recipe: "ripgrep",
    isolation: "container",
    tags: [],
    program: undefined,
    requests: {},
  } as const;
  assert.throws(() =>
    writeDeployment({ ...deployment, answers: {}, limits, environment: {}, service: NO_SERVICE }, ripgrep, {
      home: HOME,
    }),
  );
});

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/).filter((text) => !(text in Object.prototype));
/** Words in which YAML would see something else, or that end a line or a bracket, among common ones. */
const text = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 20 }),
    fc.constantFrom(
      "true",
      "~",
      "null",
      "1.5",
      "0x1f",
      "# no",
      "a: b",
      "a #b",
      "- a",
      "{",
      "]",
      ",",
      "'",
      '"',
      "? a",
      "!x",
      "&a",
      "*a",
    ),
    fc.constantFrom(
      "é ü",
      "%a",
      "@a",
      "`a`",
      "a\\b",
      "<<",
      "=",
      ".inf",
      "yes",
      "2001-01-01",
      "512 MiB",
      "150 %",
      "|",
      ">-",
      "a:",
      "a ",
    ),
  )
  .map((written) => written.trim().replace(/[^\x20-\x7eé ü]/g, "x"))
  .filter((written) => written.trim() !== "");
const part = text
  .map((written) => written.replaceAll("/", "_"))
  .filter((written) => written !== "." && written !== "..");
/** Objects as the program makes them. */
const plain = <Value>(model: { [Key in keyof Value]: fc.Arbitrary<Value[Key]> }) =>
  fc.record(model, { noNullPrototype: true });
const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));

/** What has a star or a question mark is a pattern, and not each such path is one. */
const chosenFile = path.filter((text) => !isFilePattern(text) || filePatternFault(text) === undefined);
const record = <Value>(value: fc.Arbitrary<Value>) => fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true });

const request = (place: number): fc.Arbitrary<Request> =>
  fc.oneof(
    plain({
      service: fc.constant("folder" as const),
      why: text,
      need: fc.constantFrom("required" as const, "optional" as const),
      verbs: fc.constantFrom(["read"] as const, ["write"] as const, ["read", "write"] as const),
      inside: path.map((below) => `/place${place}/${below}`),
    }),
    plain({
      service: fc.constant("network" as const),
      why: text,
      need: fc.constantFrom("required" as const, "optional" as const),
      verbs: fc.constant([] as const),
      inside: fc.constant(undefined),
    }),
    plain({
      service: fc.constant("variable" as const),
      why: text,
      need: fc.constantFrom("required" as const, "optional" as const),
      verbs: fc.constant([] as const),
      inside: fc.constant(undefined),
      variable: fc.constant(`VARIABLE_${place}`),
    }),
  );

/** Each request in a place of its own. */
const requests = fc
  .uniqueArray(name, { maxLength: 3 })
  .chain((names) => fc.tuple(...names.map((name, index) => fc.tuple(fc.constant(name), request(index)))))
  .map((entries): Record<string, Request> => Object.fromEntries(entries));

const recipe: fc.Arbitrary<Recipe> = plain({
  name: fc.constant("x"),
  summary: text,
  base: fc.option(name, { nil: undefined }),
  components: fc.uniqueArray(name, { maxLength: 4 }),
  packages: fc.uniqueArray(fc.stringMatching(/^[a-z0-9][a-z0-9+.-]{1,30}[a-z+]$/), { maxLength: 20 }),
  repositories: fc
    .uniqueArray(fc.stringMatching(/^[a-z]{1,9}$/), { maxLength: 2 })
    .map((hosts): Recipe["repositories"] =>
      hosts.map((host, index) => ({
        uri: `https://${host}.example/debian`,
        suites: ["stable"],
        components: ["main", "extra"],
        key: { file: `${host}.asc` },
        mayReplace: index === 1,
      })),
    ),
  programs: fc
    .tuple(name, record(fc.array(text, { maxLength: 12 })))
    .map(([first, others]): Recipe["programs"] =>
      Object.fromEntries(
        Object.entries({ [first]: [], ...others }).map(([name, fixed]) => [
          name,
          { command: [`/usr/bin/${name}`, ...fixed], arguments: "files" },
        ]),
      ),
    ),
  requests,
  volumes: fc
    .array(fc.constantFrom(...VOLUME_CLASSES), { maxLength: 3 })
    .map((classes) =>
      Object.fromEntries(
        classes.map((volumeClass, index) => [`v${index}`, { class: volumeClass, inside: `/v${index}` }]),
      ),
    ),
  ownSandbox: fc.boolean(),
  ready: fc.option(anyReadiness(text), { nil: undefined }),
  desktop: fc.option(anyDesktop(text), { nil: undefined }),
});

const rule = fc
  .record({
    target: fc.constantFrom("a.example", "*.example.org", "lan", "host", "192.0.2.0/24", "[2001:db8::1]"),
    port: fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
    udp: fc.boolean(),
    sameName: fc.boolean(),
    private: fc.boolean(),
    bytesPerDay: fc.option(fc.integer({ min: 1000, max: 1e15 }), { nil: undefined }),
    bytesPerSecond: fc.option(
      fc.integer({ min: 1, max: 1e12 }).map((kilo) => kilo * 1000),
      { nil: undefined },
    ),
    answer: fc.constantFrom("real" as const, "ask" as const),
  })
  .map(({ target, port, udp, sameName, private: mayBePrivate, ...rest }): NetworkRule => {
    const text = `${target}${port === undefined ? "" : `:${port}`}${udp ? "/udp" : ""}`;
    const parsed = parseRuleText(text);
    if (!parsed.ok) throw new Error(text);
    const named = target.includes("example");
    return { text, ...parsed.value, ...rest, sameName: sameName && named && !udp, private: mayBePrivate && named };
  });

const card = plain({
  pci: fc.constantFrom("0000:03:00.0", "0000:00:19.0", "abcd:ef:1f.7"),
  address: fc.constantFrom("192.0.2.10/24", "10.0.0.1/8"),
  gateway: fc.constantFrom("192.0.2.1", "10.0.0.254"),
  dns: fc.uniqueArray(fc.constantFrom("192.0.2.53", "1.2.3.4", "9.9.9.9"), { minLength: 1, maxLength: 3 }),
  onlyWayOut: fc.boolean(),
});

const grant: fc.Arbitrary<Grant> = plain({
  answer: fc.constantFrom(...ANSWERS),
  folder: fc.option(
    fc.oneof(
      path.map((below) => `/${below}`),
      path.map((below) => `${HOME}/${below}`),
      fc.constant(HOME),
    ),
    { nil: undefined },
  ),
  files: fc.option(fc.uniqueArray(chosenFile, { minLength: 1, maxLength: 12 }), { nil: undefined }),
  allow: fc.option(fc.constantFrom(["host"] as const, ["host", "lan"] as const, [] as const), { nil: undefined }),
  rules: fc.option(fc.uniqueArray(rule, { minLength: 1, maxLength: 8, selector: ({ text }) => text }), {
    nil: undefined,
  }),
})
  .map((value) =>
    value.answer === "subset" || value.answer === "ask"
      ? { ...value, allow: undefined }
      : { ...value, rules: undefined },
  )
  .chain((value): fc.Arbitrary<Grant> => fc.option(text, { nil: undefined }).map((set) => withValue(value, set)))
  .chain(
    (value): fc.Arbitrary<Grant> => fc.option(card).map((set) => (set === null ? value : { ...value, card: set })),
  );

function withValue(value: Grant, set: string | undefined): Grant {
  return set === undefined ? value : { ...value, value: set };
}

const secret: fc.Arbitrary<SecretSource> = fc.oneof(
  path.map((below): SecretSource => ({ kind: "file", path: `${HOME}/${below}` })),
  fc.array(text, { maxLength: 5 }).map((rest): SecretSource => ({ kind: "command", command: ["pass", ...rest] })),
  text.map((value): SecretSource => ({ kind: "keyring", attributes: { service: `x${value}` } })),
);

const deployment = plain({
  name: fc.constant("x"),
  recipe: name,
  isolation: fc.constant("vm" as const),
  vmm: fc.constantFrom(...VMM_NAMES),
  tags: fc.uniqueArray(name, { maxLength: 3 }),
  program: fc.option(name, { nil: undefined }),
  requests,
  answers: record(grant),
  limits: plain({
    memoryBytes: fc
      .option(fc.integer({ min: 2 ** 14, max: 2 ** 30 }), { nil: undefined })
      .map((kib) => (kib === undefined ? kib : kib * 1024)),
    tasks: fc.option(fc.integer({ min: 1, max: 100_000 }), { nil: undefined }),
    cpuPercent: fc.option(fc.integer({ min: 1, max: 6400 }), { nil: undefined }),
  }),
  environment: fc.dictionary(fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,9}$/), text, { maxKeys: 4, noNullPrototype: true }),
  service: anyService(name, text),
}).chain((value): fc.Arbitrary<Deployment> => {
  const secrets = record(secret);
  return fc
    .tuple(fc.option(secrets, { nil: undefined }), anyPublish)
    .map(([some, publish]) => ({ ...withSecrets(value, some), ...(publish.length === 0 ? {} : { publish }) }));
});

const portNumber = fc.integer({ min: 1, max: 65_535 });
const anyPublish: fc.Arbitrary<readonly Publish[]> = fc.uniqueArray(
  plain({
    port: portNumber,
    at: fc.oneof(
      plain({
        kind: fc.constant("loopback" as const),
        address: fc.constantFrom("127.0.0.1", "127.1.2.3", "::1"),
        port: portNumber,
      }),
      path.map((below) => ({ kind: "socket" as const, path: `${HOME}/${below}`.slice(0, 60).replace(/\/$/, "") })),
    ),
  }),
  { maxLength: 5, selector: ({ at }) => placeText(at) },
);

function withSecrets(value: Deployment, secrets: Deployment["secrets"]): Deployment {
  return secrets === undefined || Object.keys(secrets).length === 0 ? value : { ...value, secrets };
}

test("whatever recipe is written reads back as itself", () => {
  fc.assert(
    fc.property(recipe, (recipe) => {
      const text = writeRecipe(recipe);
      const read = parseRecipe(text, { file: "x.yaml", name: "x" });
      assert.ok(
        read.ok,
        read.ok ? "" : read.problem.complaints.map((complaint) => showComplaint(complaint, text)).join("\n"),
      );
      assert.deepEqual(read.value, recipe);
    }),
  );
});

test("whatever deployment is written reads back as itself", () => {
  fc.assert(
    fc.property(deployment, recipe, (deployment, recipe) => {
      const text = writeDeployment(deployment, recipe, { home: HOME });
      const read = parseDeployment(text, { file: "x.yaml", name: "x" }, { home: HOME });
      assert.ok(
        read.ok,
        read.ok
          ? ""
          : `${read.problem.complaints.map((complaint) => showComplaint(complaint, text)).join("\n")}\n${text}`,
      );
      assert.deepEqual(read.value, deployment);
    }),
  );
});
