import assert from "node:assert/strict";
import { test } from "node:test";
import { ABLE } from "../../backends/contract.fixture.ts";
import type { OsBase } from "../../model/index.ts";
import { success } from "../../result.ts";
import { rememberingPerformer } from "../../step/remembering.fixture.ts";
import type { ImageContext } from "../resolve.ts";
import { storeOf } from "../store.ts";
import { buildDisks, buildGuest } from "./build-guest.ts";
import { lockGuest, renewGuest } from "./lock-guest.ts";

const ARCHIVE = "http://archive.test/debian";

const BASE: OsBase = {
  ...{ name: "trial", summary: "", engine: "apt", state: "supported", until: undefined, successor: undefined },
  archives: [{ uri: ARCHIVE, suites: ["x"], components: ["main"], trusts: { keyring: "/k" }, snapshotName: undefined }],
  ...{ packages: ["base"], snapshot: undefined, mergedUsr: [] },
  guest: { kernel: "linux-image-amd64", tools: ["busybox-static", "libc6"] },
};

const PARTS = { helper: "/p/helper", helperDigest: "a", init: "#!/bin/sh\n" };

/** An archive whose newest kernel has this number; apt would install more than is wanted. */
function contextWith(kernel: () => string) {
  const performer = rememberingPerformer((step) => {
    if (step.kind !== "run" || !step.why.startsWith("resolve ")) return undefined;
    const names = ["busybox-static", "initramfs-tools", "libc6", `linux-image-${kernel()}-amd64`, "linux-image-amd64"];
    const rows = names.map((name) => {
      const sha256 = Buffer.from(name).toString("hex").slice(0, 64).padEnd(64, "0");
      return `'${ARCHIVE}/pool/${name}.deb' ${name}_1_amd64.deb 10 SHA256:${sha256}\n`;
    });
    return success({ output: rows.join("") });
  });
  const places = { config: "/c", data: "/d", state: "/s", cache: "/a", runtime: "/r", program: "/p" };
  const program = (name: string) => [name, { path: `/usr/bin/${name}`, version: undefined }] as const;
  const context: ImageContext = {
    performer,
    watch: { signal: new AbortController().signal, report: () => {} },
    facts: { ...ABLE, programs: Object.fromEntries(["apt-get", "prlimit", "mkfs.erofs", "sync"].map(program)) },
    store: storeOf(places),
    mirrors: { mirrors: {}, proxy: undefined, snapshot: undefined },
    now: () => "2026-01-01T00:00:00Z",
  };
  return { context, performer };
}

const namesOf = (packages: readonly { readonly name: string }[]) => packages.map(({ name }) => name);

test("of what apt would install with a kernel only the named packages are taken, and the lock stays", async () => {
  let kernel = "6.1";
  const { context } = contextWith(() => kernel);
  const first = await lockGuest(BASE, false, context);
  assert.ok(first.ok);
  assert.deepEqual(namesOf(first.value.packages), ["busybox-static", "libc6", "linux-image-6.1-amd64"]);
  kernel = "6.2";
  assert.deepEqual(await lockGuest(BASE, false, context), first);
  const renewed = await renewGuest(BASE, context);
  assert.ok(renewed.ok);
  assert.deepEqual(
    renewed.value.map(({ name, after }) => [name, after]),
    [
      ["linux-image-6.1-amd64", undefined],
      ["linux-image-6.2-amd64", "1"],
    ],
  );
  assert.deepEqual(await renewGuest(BASE, context), success([]));
});

test("where no machine has ever been started, nothing is renewed", async () => {
  const { context, performer } = contextWith(() => "6.1");
  assert.deepEqual(await renewGuest(BASE, context), success([]));
  assert.deepEqual(performer.steps, []);
});

test("a base without a guest, and another architecture, are refused by name", async () => {
  const { context } = contextWith(() => "6.1");
  const { guest: _, ...bare } = BASE;
  const refused = { kind: "no-guest", base: "trial", architecture: "amd64" } as const;
  assert.deepEqual(await lockGuest(bare, false, context), { ok: false, problem: refused });
  const arm = { ...context, facts: { ...context.facts, architecture: "arm64" } };
  assert.deepEqual(await lockGuest(BASE, false, arm), { ok: false, problem: { ...refused, architecture: "arm64" } });
});

test("a guest is made beside and gets its name when it is whole; another init makes another", async () => {
  const { context, performer } = contextWith(() => "6.1");
  const made = await buildGuest(BASE, PARTS, context);
  assert.ok(made.ok);
  const last = performer.steps.findLast(({ kind }) => kind === "rename");
  assert.ok(last?.kind === "rename" && made.value.kernel === `${last.to}/kernel`);
  assert.match(last.from, /^\/d\/store\/building\/guest\./);
  const other = await buildGuest(BASE, { ...PARTS, init: "other" }, context);
  assert.ok(other.ok && other.value.kernel !== made.value.kernel);
});

test("each layer gets a disk beside its files, the topmost first", async () => {
  const { context, performer } = contextWith(() => "6.1");
  const disks = await buildDisks(["base", "app"], context);
  assert.deepEqual(disks, success(["/d/store/layers/app/disk.erofs", "/d/store/layers/base/disk.erofs"]));
  assert.equal(performer.steps.filter(({ kind }) => kind === "run-inside").length, 2);
});
