import assert from "node:assert/strict";
import { test } from "node:test";
import { ABLE } from "../backends/contract.fixture.ts";
import type { HostFacts, OsBase, OsComponent, Recipe, Repository } from "../model/index.ts";
import { success } from "../result.ts";
import { type Reaction, type Remembering, rememberingPerformer } from "../step/remembering.fixture.ts";
import { buildImage, findImage } from "./build-image.ts";
import { lockImage } from "./lock-image.ts";
import type { ImageContext } from "./resolve.ts";
import { storeOf } from "./store.ts";

const ARCHIVE = "http://archive.test/debian";

const BASE: OsBase = {
  name: "trial",
  summary: "",
  engine: "apt",
  state: "supported",
  until: undefined,
  successor: undefined,
  archives: [{ uri: ARCHIVE, suites: ["x"], components: ["main"], trusts: { keyring: "/k" }, snapshotName: undefined }],
  packages: ["base"],
  snapshot: undefined,
  mergedUsr: [],
};

const NOTHING = { summary: "", needs: [], facts: [], when: [], generatesLocale: false, place: "middle" } as const;
const TOOLKIT: OsComponent = { ...NOTHING, name: "toolkit", packages: ["toolkit"] };
const DRIVERS: OsComponent = {
  ...NOTHING,
  name: "drivers",
  facts: ["gpus"],
  packages: ["drivers"],
  when: [{ gpus: ["intel"], locale: undefined, packages: ["intel"] }],
};
const LOCALE: OsComponent = {
  ...NOTHING,
  name: "locale",
  facts: ["locale"],
  packages: ["locales"],
  generatesLocale: true,
};

function recipe(name: string, repositories: readonly Repository[] = []): Recipe {
  const parts = { summary: "", base: undefined, components: [], packages: [name], repositories } as const;
  return {
    ...parts,
    name,
    programs: {},
    requests: {},
    volumes: {},
    ownSandbox: false,
    ready: undefined,
    desktop: undefined,
  };
}

function wanted(name: string, components: readonly OsComponent[], update = false) {
  return { recipe: recipe(name), base: BASE, components, update };
}

const SEALED = { digest: "c".repeat(64), filesDigest: "d".repeat(64), entries: 1, bytes: 1, refused: [] };

/** An archive that has every package, from the address that it is told, and builds that install what they are given. */
function honest(uris: Readonly<Record<string, string>> = {}): Reaction {
  const below = new Map<string, readonly string[]>();
  return (step) => {
    if (step.kind === "run" && step.why === "read the names of packages") return success({ output: "known\nother\n" });
    if (step.kind === "run" && step.why.startsWith("resolve ")) {
      const names = step.argv
        .slice(step.argv.lastIndexOf("--") + 1)
        .map((wish) => /exact-name\(([^)]+)\)/.exec(wish)?.[1]);
      const rows = names.map(
        (name = "") =>
          `'${uris[name] ?? ARCHIVE}/pool/${name}.deb' ${name}_1_amd64.deb 10 SHA256:${Buffer.from(name).toString("hex").padEnd(64, "0")}\n`,
      );
      return success({ output: rows.join("") });
    }
    if (step.kind === "work-on-tree") return success({ output: JSON.stringify(SEALED) });
    if (step.kind === "run-inside") {
      const name = step.why.replace("build ", "");
      const mounted = JSON.stringify(step.commands);
      const installed = [...below].flatMap(([key, names]) => (mounted.includes(key) ? names : []));
      const own = [...mounted.matchAll(/run\/debs\/([0-9a-f]{64})\.deb/g)].map(([, hash = ""]) =>
        Buffer.from(hash.replace(/(00)+$/, ""), "hex").toString(),
      );
      const all = [...new Set([...installed, ...own])];
      below.set(/building\/([0-9a-f]{32})/.exec(mounted)?.[1] ?? name, all);
      const text = all.map((each) => `${each} 1 ii \n`).join("");
      return success({ captured: { installed: text, status: "", passwd: "", group: "", special: "" } });
    }
    return undefined;
  };
}

function contextFor(
  performer: Remembering,
  facts: Partial<HostFacts> = {},
): ImageContext & { readonly notes: string[] } {
  const places = { config: "/c", data: "/d", state: "/s", cache: "/a", runtime: "/r", program: "/p" };
  const program = (name: string) => [name, { path: `/usr/bin/${name}`, version: undefined }] as const;
  const programs = Object.fromEntries(["apt-get", "bwrap", "mount", "sync", "prlimit"].map(program));
  const notes: string[] = [];
  let hour = 0;
  return {
    notes,
    performer,
    watch: {
      signal: new AbortController().signal,
      report: (event) => void (event.kind === "note" ? notes.push(event.text) : 0),
    },
    facts: { ...ABLE, gpus: [], locale: "C.UTF-8", ...facts, programs },
    store: storeOf(places),
    mirrors: { mirrors: {}, proxy: undefined, snapshot: undefined },
    now: () => new Date(Date.UTC(2026, 10, 20, hour++)).toISOString(),
  };
}

function valueOf<Value>(result: { readonly ok: true; readonly value: Value } | { readonly ok: false }): Value {
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

test("apps with the same components stand on the same layers, which are resolved and built once", async () => {
  const performer = rememberingPerformer(honest());
  const context = contextFor(performer);
  const one = valueOf(await buildImage(wanted("one", [TOOLKIT, DRIVERS]), context));
  const two = valueOf(await buildImage(wanted("two", [TOOLKIT, DRIVERS]), context));
  const three = valueOf(await buildImage(wanted("three", [TOOLKIT]), context));
  assert.equal(one.layers.length, 4);
  assert.deepEqual(two.layers.slice(0, 3), one.layers.slice(0, 3));
  assert.deepEqual(three.layers.slice(0, 2), one.layers.slice(0, 2));
  const resolved = performer.steps.flatMap((step) => (step.kind === "run" ? [step.why] : []));
  for (const name of ["base", "toolkit", "drivers"])
    assert.equal(resolved.filter((why) => why === `resolve ${name}`).length, 1, name);
});

test("a changed fact makes stale what declares it, and what stands on that; the rest is kept", async () => {
  const performer = rememberingPerformer(honest());
  const before = contextFor(performer);
  const both = wanted("both", [TOOLKIT, DRIVERS]);
  const plain = wanted("plain", [TOOLKIT]);
  const first = valueOf(await buildImage(both, before));
  await buildImage(plain, before);
  const after = contextFor(performer, { gpus: ["intel"], locale: "de_DE.UTF-8" });
  assert.equal(await findImage(both, after), undefined);
  assert.ok((await findImage(plain, after)) !== undefined);
  const second = valueOf(await buildImage(both, after));
  assert.deepEqual(after.notes, ["the host has changed (gpus: none, now intel)"]);
  assert.deepEqual(second.layers.slice(0, 2), first.layers.slice(0, 2));
  assert.notEqual(second.layers[2], first.layers[2]);
  assert.notEqual(second.layers[3], first.layers[3]);
  assert.deepEqual(await findImage(both, after), second);
  // The host as it was: its layers are there still.
  const builds = performer.steps.filter(({ kind }) => kind === "run-inside").length;
  assert.deepEqual(valueOf(await buildImage(both, before)).layers, first.layers);
  assert.equal(performer.steps.filter(({ kind }) => kind === "run-inside").length, builds);
});

test("the locale of the host is made in a layer and is the image's; without one there is no such layer", async () => {
  const performer = rememberingPerformer(honest());
  const plain = valueOf(await buildImage(wanted("app", [LOCALE]), contextFor(performer)));
  assert.equal(plain.layers.length, 2);
  assert.equal(plain.locale, undefined);
  const german = valueOf(await buildImage(wanted("app", [LOCALE]), contextFor(performer, { locale: "de_DE" })));
  assert.equal(german.layers.length, 3);
  assert.equal(german.locale, "de_DE.UTF-8");
  const french = valueOf(await buildImage(wanted("app", [LOCALE]), contextFor(performer, { locale: "fr_FR" })));
  assert.notEqual(french.layers[1], german.layers[1], "the packages are the same, the layer is not");
  const labels = performer.steps.flatMap((step) => (step.kind === "run-inside" ? step.commands : []));
  assert.ok(labels.some(({ argv }) => argv.includes("/usr/bin/localedef") && argv.at(-1) === "de_DE.UTF-8"));
});

test("a component that came or went asks for a new lock", async () => {
  const performer = rememberingPerformer(honest());
  const context = contextFor(performer);
  await buildImage(wanted("app", [TOOLKIT]), context);
  assert.equal(await findImage(wanted("app", [TOOLKIT, DRIVERS]), context), undefined);
  assert.equal(await findImage(wanted("app", []), context), undefined);
  const other = { ...TOOLKIT, packages: ["toolkit", "more"] };
  assert.equal(await findImage(wanted("app", [other]), context), undefined);
});

test("an update that finds nothing new keeps the times of the layers", async () => {
  const performer = rememberingPerformer(honest());
  const context = contextFor(performer);
  const first = valueOf(await lockImage(wanted("app", [TOOLKIT]), context));
  const second = valueOf(await lockImage(wanted("app", [TOOLKIT], true), context));
  assert.deepEqual(second, first);
});

test("what a build has to give is kept for the same layers below, and for no others", async () => {
  const performer = rememberingPerformer(honest());
  const context = contextFor(performer);
  const ask = wanted("app", [TOOLKIT]);
  const first = valueOf(await lockImage(ask, context));
  const layers = first.layers.map((layer) => ({ ...layer, digest: "e".repeat(64) }));
  performer.files.set("/d/locks/app.json", JSON.stringify({ ...first, layers }));
  assert.equal(valueOf(await lockImage({ ...ask, update: true }, context)).layers.at(-1)?.digest, "e".repeat(64));
  const lower = wanted("app", [], true);
  assert.equal(valueOf(await lockImage(lower, context)).layers.at(-1)?.digest, undefined);
});

test("an update replaces a lock that cannot be read; a start does not", async () => {
  const performer = rememberingPerformer(honest());
  const context = contextFor(performer);
  await buildImage(wanted("app", []), context);
  performer.files.set("/d/locks/app.json", "{");
  const refused = await lockImage(wanted("app", []), context);
  assert.ok(!refused.ok && refused.problem.kind === "bad-lock");
  assert.ok((await lockImage(wanted("app", [], true), context)).ok);
});

const REPOSITORY: Repository = {
  uri: "http://own.test/debian",
  suites: ["stable"],
  components: ["main"],
  key: { armored: "the key" },
  mayReplace: false,
};

test("a repository's packages are locked with the digest of its key, and another key asks for a new lock", async () => {
  const performer = rememberingPerformer(honest({ app: REPOSITORY.uri }));
  const context = contextFor(performer);
  const ask = { ...wanted("app", []), recipe: recipe("app", [REPOSITORY]) };
  const lock = valueOf(await lockImage(ask, context));
  assert.equal(lock.layers.at(-1)?.packages[0]?.archive, REPOSITORY.uri);
  assert.match(lock.layers.at(-1)?.repositories[0]?.keySha256 ?? "", /^[0-9a-f]{64}$/);
  assert.ok((await buildImage(ask, context)).ok);
  assert.ok((await findImage(ask, context)) !== undefined);
  const other = { ...REPOSITORY, key: { armored: "another" } };
  assert.equal(await findImage({ ...ask, recipe: recipe("app", [other]) }, context), undefined);
  assert.equal(await findImage({ ...ask, recipe: recipe("app") }, context), undefined);
});

test("a repository brings nothing that the base has, unless it may", async () => {
  const performer = rememberingPerformer(honest({ known: REPOSITORY.uri }));
  const context = contextFor(performer);
  const ask = { ...wanted("known", []), recipe: recipe("known", [REPOSITORY]) };
  assert.deepEqual(await lockImage(ask, context), {
    ok: false,
    problem: { kind: "repository-replaces", uri: REPOSITORY.uri, packages: ["known"] },
  });
  const allowed = { ...ask, recipe: recipe("known", [{ ...REPOSITORY, mayReplace: true }]) };
  assert.ok((await lockImage(allowed, context)).ok);
});

test("a repository that lies in the base's archive or around it is refused, also at a mirror", async () => {
  for (const uri of [ARCHIVE, `${ARCHIVE}/more`, "http://archive.test", "http://near.test/d/x"]) {
    const performer = rememberingPerformer(honest());
    const context = contextFor(performer);
    const mirrors = { ...context.mirrors, mirrors: { [ARCHIVE]: "http://near.test/d" } };
    const ask = { ...wanted("app", []), recipe: recipe("app", [{ ...REPOSITORY, uri }]) };
    const locked = await lockImage(ask, { ...context, mirrors });
    assert.deepEqual(locked, { ok: false, problem: { kind: "repository-astray", uri, other: ARCHIVE } });
    assert.equal(performer.steps.length, 0);
  }
});
