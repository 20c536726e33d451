import assert from "node:assert/strict";
import { test } from "node:test";
import { ABLE } from "../backends/contract.fixture.ts";
import type { OsBase, Recipe } from "../model/index.ts";
import { refusal, success } from "../result.ts";
import type { Step } from "../step/index.ts";
import { type Reaction, type Remembering, rememberingPerformer } from "../step/remembering.fixture.ts";
import { buildImage, findImage } from "./build-image.ts";
import { lockImage } from "./lock-image.ts";
import type { ImageContext } from "./resolve.ts";
import { storeOf } from "./store.ts";

const HASHES = { bash: "a".repeat(64), ripgrep: "b".repeat(64) } as const;
const ARCHIVE = "http://archive.test/debian";

const BASE: OsBase = {
  name: "trial",
  summary: "",
  engine: "apt",
  state: "supported",
  until: undefined,
  successor: undefined,
  archives: [{ uri: ARCHIVE, suites: ["x"], components: ["main"], trusts: { keyring: "/k" }, snapshotName: "debian" }],
  packages: ["?essential"],
  snapshot: "http://snapshot.test/archive",
  mergedUsr: ["bin"],
};

const RECIPE: Recipe = {
  name: "search",
  summary: "",
  base: undefined,
  components: [],
  packages: ["ripgrep"],
  repositories: [],
  programs: { rg: { command: ["/usr/bin/rg"], arguments: "any" } },
  requests: {},
  volumes: {},
  ownSandbox: false,
  ready: undefined,
  desktop: undefined,
};

const row = (name: keyof typeof HASHES, version: string) =>
  `'${ARCHIVE}/pool/${name}.deb' ${name}_${version}_amd64.deb 10 SHA256:${HASHES[name]}\n`;

const SEALED = { digest: "c".repeat(64), filesDigest: "d".repeat(64), entries: 1, bytes: 1, refused: [] };

/** An archive of two packages, and builds that install what they were given. */
const honest: Reaction = (step) => {
  if (step.kind === "run" && step.why === "resolve base") return success({ output: row("bash", "5") });
  if (step.kind === "run" && step.why === "resolve search") return success({ output: row("ripgrep", "1%3a14") });
  if (step.kind === "work-on-tree") return success({ output: JSON.stringify(SEALED) });
  if (step.kind === "run-inside") {
    const installed = step.why === "build search" ? "bash 5 ii \nripgrep 1:14 ii \n" : "bash 5 ii \n";
    return success({
      captured: { installed, status: "Package: bash\n", passwd: "root:x:0:0::/:\n", group: "", special: "" },
    });
  }
  return undefined;
};

function contextFor(performer: Remembering): ImageContext {
  const places = { config: "/c", data: "/d", state: "/s", cache: "/a", runtime: "/r", program: "/p" };
  const program = (name: string) => [name, { path: `/usr/bin/${name}`, version: undefined }] as const;
  const programs = Object.fromEntries(["apt-get", "bwrap", "mount", "sync", "prlimit"].map(program));
  return {
    performer,
    watch: { signal: new AbortController().signal, report: () => {} },
    facts: { ...ABLE, programs },
    store: storeOf(places),
    mirrors: { mirrors: {}, proxy: undefined, snapshot: undefined },
    now: () => "2026-11-20T12:00:00.000Z",
  };
}

const WANTED = { recipe: RECIPE, base: BASE, components: [], update: false } as const;

const kinds = (steps: readonly Step[]) => steps.map(({ kind }) => kind);

test("an image is a base layer and a layer of its own, each published by a rename after it was compared", async () => {
  const performer = rememberingPerformer(honest);
  const built = await buildImage(WANTED, contextFor(performer));
  assert.ok(built.ok, JSON.stringify(built));
  assert.equal(built.value.layers.length, 2);
  for (const key of built.value.layers) assert.ok(performer.files.has(`/d/store/layers/${key}/layer.json`));
  const published = performer.steps.flatMap((step) => (step.kind === "rename" ? [step.to] : []));
  assert.deepEqual(
    published,
    built.value.layers.map((key) => `/d/store/layers/${key}`),
  );
});

test("a second wish for the same image does nothing to the host but look", async () => {
  const performer = rememberingPerformer(honest);
  const context = contextFor(performer);
  const first = await buildImage(WANTED, context);
  const before = performer.steps.length;
  const found = await findImage(WANTED, context);
  assert.deepEqual(found, first.ok ? first.value : undefined);
  assert.equal(performer.steps.length, before);
});

test("the lock is kept until an update is asked for, and a changed recipe makes a new one", async () => {
  const performer = rememberingPerformer(honest);
  const context = contextFor(performer);
  await lockImage(WANTED, context);
  const after = async (parts: Partial<Parameters<typeof lockImage>[0]>) => {
    const before = performer.steps.length;
    await lockImage({ ...WANTED, ...parts }, context);
    return kinds(performer.steps.slice(before)).includes("run");
  };
  assert.equal(await after({}), false);
  assert.equal(await after({ update: true }), true);
  assert.equal(await after({ recipe: { ...RECIPE, packages: ["ripgrep", "jq"] } }), true);
});

test("an image that holds something else than the lock is thrown away", async () => {
  const performer = rememberingPerformer((step) =>
    step.kind === "run-inside" && step.why === "build search"
      ? success({ captured: { installed: "bash 5 ii \nripgrep 1:13 ii \nextra 1 ii \n", special: "" } })
      : honest(step),
  );
  const built = await buildImage(WANTED, contextFor(performer));
  assert.ok(!built.ok && built.problem.kind === "not-as-locked");
  assert.deepEqual(built.problem.differences, [
    { name: "ripgrep", locked: "1:14", found: "1:13" },
    { name: "extra", locked: undefined, found: "1" },
  ]);
  assert.equal(performer.steps.filter(({ kind }) => kind === "rename").length, 1, "only the base has its name");
});

test("an image with device nodes or set-id files is thrown away, and the files are named", async () => {
  const performer = rememberingPerformer((step) =>
    step.kind === "run-inside"
      ? success({ captured: { installed: "bash 5 ii \n", special: "/dev/sda\n" } })
      : honest(step),
  );
  const built = await buildImage(WANTED, contextFor(performer));
  assert.deepEqual(built, { ok: false, problem: { kind: "special-files", files: ["/dev/sda"] } });
});

test("a package is asked for at the mirror, at the archive, and where the archive stood when it was locked", async () => {
  const performer = rememberingPerformer(honest);
  const context = contextFor(performer);
  await buildImage(WANTED, {
    ...context,
    mirrors: { ...context.mirrors, mirrors: { [ARCHIVE]: "http://near.test/d" } },
  });
  // The resolution above names the archive and not the mirror, and so is not believed: nothing was fetched.
  assert.ok(!kinds(performer.steps).includes("fetch"));
  const plain = rememberingPerformer(honest);
  await buildImage(WANTED, contextFor(plain));
  const fetched = plain.steps.flatMap((step) => (step.kind === "fetch" ? [step.uris] : []));
  assert.deepEqual(fetched[0], [
    `${ARCHIVE}/pool/bash.deb`,
    "http://snapshot.test/archive/debian/20261120T120000Z/pool/bash.deb",
  ]);
});

test("what goes wrong on the way is handed on as it is, and nothing is published", async () => {
  for (const problem of [
    { kind: "no-space", path: "/d" },
    { kind: "fetch-failed", tried: [{ uri: "http://x", because: "not-found" }] },
    { kind: "interrupted" },
  ] as const) {
    const performer = rememberingPerformer((step) => (step.kind === "fetch" ? refusal(problem) : honest(step)));
    assert.deepEqual(await buildImage(WANTED, contextFor(performer)), { ok: false, problem });
    assert.ok(!kinds(performer.steps).includes("rename"));
  }
});

test("a retired base builds nothing new", async () => {
  const performer = rememberingPerformer(honest);
  const locked = await lockImage({ ...WANTED, base: { ...BASE, state: "retired" } }, contextFor(performer));
  assert.deepEqual(locked, {
    ok: false,
    problem: { kind: "retired-base", base: "trial", successor: undefined, recipe: WANTED.recipe.name },
  });
});
