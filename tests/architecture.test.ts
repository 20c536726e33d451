/**
 * The architecture, as a table that is also a test.
 *
 * A row says what a folder of src/ may import: which other folders, which of Node's own modules, which packages. A
 * folder without Node modules is pure. Every folder may import src/result.ts; a folder is imported by its door
 * (`index.ts`) and nothing else, but for model/, which is types, and the second doors named below. Tests may import
 * anything. To change a row, make a commit of its own that says why, and change ARCHITECTURE.md with it.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";

interface Row {
  readonly folders?: string;
  readonly node?: string;
  readonly packages?: string;
}

const MAY_IMPORT: Readonly<Record<string, Row>> = {
  model: {},
  step: { folders: "model", node: "crypto" },
  contract: { packages: "@bufbuild/protobuf" },
  descriptor: { folders: "model", packages: "yaml zod" },
  grant: { folders: "model" },
  broker: { folders: "model" },
  audit: { folders: "model", node: "crypto fs path" },
  "package-engines": { folders: "model step" },
  image: { folders: "model step package-engines", node: "crypto" },
  backends: { folders: "model step", node: "crypto" },
  compartment: { folders: "model step descriptor grant image backends" },
  session: { folders: "model", node: "crypto" },
  host: {
    folders: "model step",
    node: "child_process crypto events fs http https net os path stream string_decoder timers tls url util zlib",
    packages: "modern-tar",
  },
  agent: {
    folders:
      "model step contract descriptor grant audit broker package-engines image backends compartment session host",
    node: "crypto dgram dns events fs http http2 net os path process stream timers url util",
    packages: "@bufbuild/protobuf @connectrpc/connect @connectrpc/connect-node",
  },
  cli: {
    folders: "model descriptor grant image compartment session host agent contract audit",
    node: "fs os path process readline stream timers tty url util",
    packages: "@stricli/core",
  },
};

/** Doors besides `index.ts`: FOLDER/FILE and who may use it. Each has its reason. */
const SECOND_DOORS: Readonly<Record<string, string>> = {
  // The command line talks to the agent; were it to load the agent's main door, each command would load a server.
  "agent/client.ts": "cli",
  // `facts`, `doctor` and `setup` must work where no agent can run.
  "agent/facts.ts": "cli",
  // To load host/ whole takes longer than what most commands do; each of these is small, and needs little.
  "host/become.ts": "cli",
  "host/channel/attach-to.ts": "cli",
  "host/copy.ts": "cli",
  "host/files.ts": "cli",
  "host/findings.ts": "cli",
  "host/keep-picture.ts": "cli",
  "host/log-file.ts": "cli",
  "host/own-program.ts": "agent",
  "host/processes.ts": "cli",
  "host/run-attached.ts": "cli",
  "host/run-program.ts": "cli",
  "host/start-detached.ts": "agent",
};

/** What one folder may take of another only by the second door. */
const ONLY_BY_SECOND_DOOR: readonly string[] = ["cli agent"];

const MAX_LINES = 500;

/** Statements begin a line, as the formatter writes them; a call can stand anywhere. */
const IMPORT =
  /^(?:import|export)\s+(?:type\s+)?(?:[\w$]+\s*,?\s*)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?)?\s*from\s*"([^"]+)"|^import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;

const SOURCE = join(import.meta.dirname, "../src");

const SOURCE_FILES = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .toSorted();

/** Tests, and what only tests load: programs that they start, worlds and contracts that they share. */
const TEST_ONLY = /\.(test|fixture)\.ts$|\/(test-world|contract)\.ts$/;

/** All but those, and the one file that belongs to no folder. */
const HELD = SOURCE_FILES.filter((file) => file !== "result.ts" && !TEST_ONLY.test(file));

interface Import {
  /** Relative to src/. */
  readonly file: string;
  readonly folder: string;
  /** As written. */
  readonly from: string;
  /** Relative to src/, where it points into src/. */
  readonly target: string | undefined;
}

const IMPORTS: readonly Import[] = HELD.flatMap((file) => importsOf(file, readFileSync(join(SOURCE, file), "utf8")));

test("there are files and imports to hold to the table", () => {
  assert.ok(HELD.length > 20, `only ${HELD.length} files below ${SOURCE}`);
  assert.ok(IMPORTS.length > HELD.length / 2, `only ${IMPORTS.length} imports found in ${HELD.length} files`);
});

test("every folder has a row, and every row has a folder", () => {
  const folders = readdirSync(SOURCE, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.deepEqual(folders.map(({ name }) => name).toSorted(), Object.keys(MAY_IMPORT).toSorted());
});

test("every import keeps to the table", () => {
  assert.deepEqual(IMPORTS.filter((one) => !isAllowed(one)).map(show), []);
});

test("folders are imported by their doors", () => {
  assert.deepEqual(IMPORTS.filter((one) => !isByDoor(one)).map(show), []);
});

test("folders do not import each other in a circle", () => {
  const graph = new Map<string, Set<string>>();
  for (const { folder, target } of IMPORTS) {
    if (target === undefined || target === "result.ts" || firstOf(target) === folder) continue;
    const reached = graph.get(folder) ?? new Set();
    graph.set(folder, reached.add(firstOf(target)));
  }
  assert.ok(graph.size > 0);
  assert.equal(circleIn(graph), undefined);
});

test("only host/ starts programs", () => {
  const others = SOURCE_FILES.filter((file) => firstOf(file) !== "host" && !TEST_ONLY.test(file));
  const starting = others.filter((file) =>
    /child_process|process\.(binding|dlopen)/.test(readFileSync(join(SOURCE, file), "utf8")),
  );
  assert.deepEqual(starting, []);
});

test("nothing is imported by a name made at run time", () => {
  const hidden = HELD.filter((file) =>
    /\bimport\(\s*[^"\s]|getBuiltinModule|createRequire|\brequire\(/.test(withoutComments(file)),
  );
  assert.deepEqual(hidden, []);
});

test(`no file is longer than ${MAX_LINES} lines`, () => {
  const folders = ["src", "tests", "tools", "helper"];
  const long = folders.flatMap((folder) => {
    const root = join(import.meta.dirname, "..", folder);
    return readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((file) => /\.(ts|c|h)$/.test(file) && !file.startsWith("contract/"))
      .map((file) => ({
        file: `${folder}/${file}`,
        lines: readFileSync(join(root, file), "utf8").split("\n").length - 1,
      }))
      .filter(({ lines }) => lines > MAX_LINES);
  });
  assert.deepEqual(long, []);
});

test("the table finds what is astray", () => {
  const astray = (file: string, line: string) =>
    importsOf(file, line)
      .filter((one) => !(isAllowed(one) && isByDoor(one)))
      .map(show);
  const none: readonly string[] = [];
  assert.deepEqual(
    astray("grant/a.ts", 'import { x } from "../model/index.ts";\nimport { y } from "../result.ts";'),
    none,
  );
  assert.deepEqual(astray("grant/a.ts", 'export * from "../host/index.ts";'), [
    "src/grant/a.ts imports ../host/index.ts",
  ]);
  assert.deepEqual(astray("grant/a.ts", 'import type { X } from "node:fs";'), ["src/grant/a.ts imports node:fs"]);
  assert.deepEqual(astray("grant/a.ts", 'await import("zod");'), ["src/grant/a.ts imports zod"]);
  assert.deepEqual(astray("grant/a.ts", 'import "zod/mini";'), ["src/grant/a.ts imports zod/mini"]);
  assert.deepEqual(astray("image/a.ts", 'import { x } from "../step/step.ts";'), [
    "src/image/a.ts imports ../step/step.ts",
  ]);
  assert.deepEqual(astray("cli/a.ts", 'import { x } from "../agent/index.ts";'), [
    "src/cli/a.ts imports ../agent/index.ts",
  ]);
  assert.deepEqual(astray("cli/a.ts", 'import { x } from "../agent/client.ts";'), none);
  assert.deepEqual(astray("cli/commands/a.ts", 'import { x } from "../../../tools/a.ts";'), [
    "src/cli/commands/a.ts imports ../../../tools/a.ts",
  ]);
});

function importsOf(file: string, text: string): readonly Import[] {
  return [...text.matchAll(IMPORT)].map(([, statement, bare, call]) => {
    const from = statement ?? bare ?? call ?? "";
    const target = from.startsWith(".") ? normalize(join(dirname(file), from)) : undefined;
    return { file, folder: firstOf(file), from, target };
  });
}

function isAllowed({ folder, from, target }: Import): boolean {
  const row = MAY_IMPORT[folder];
  if (row === undefined) return false;
  if (from.startsWith("node:")) return lists(row.node, firstOf(from.slice("node:".length)));
  if (target === undefined) return lists(row.packages, from.split("/", from.startsWith("@") ? 2 : 1).join("/"));
  return target === "result.ts" || firstOf(target) === folder || lists(row.folders, firstOf(target));
}

function isByDoor({ folder, target }: Import): boolean {
  if (target === undefined || target === "result.ts") return true;
  const room = firstOf(target);
  if (room === folder || room === "model") return true;
  if (lists(SECOND_DOORS[target], folder)) return true;
  return target === `${room}/index.ts` && !ONLY_BY_SECOND_DOOR.includes(`${folder} ${room}`);
}

/** The first circle met, as a way from a folder back to itself. */
function circleIn(graph: ReadonlyMap<string, ReadonlySet<string>>): string | undefined {
  const clear = new Set<string>();
  const walk = (folder: string, way: readonly string[]): string | undefined => {
    if (way.includes(folder)) return [...way.slice(way.indexOf(folder)), folder].join(" → ");
    if (clear.has(folder)) return undefined;
    for (const next of graph.get(folder) ?? []) {
      const circle = walk(next, [...way, folder]);
      if (circle !== undefined) return circle;
    }
    clear.add(folder);
    return undefined;
  };
  for (const folder of graph.keys()) {
    const circle = walk(folder, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

function withoutComments(file: string): string {
  return readFileSync(join(SOURCE, file), "utf8").replaceAll(/^\s*(\/\/|\/?\*).*$/gm, "");
}

function lists(list: string | undefined, name: string): boolean {
  return list?.split(" ").includes(name) ?? false;
}

function firstOf(path: string): string {
  return path.split("/", 1)[0] ?? "";
}

function show({ file, from }: Import): string {
  return `src/${file} imports ${from}`;
}
