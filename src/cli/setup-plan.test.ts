import assert from "node:assert/strict";
import test from "node:test";
import { missingPackages } from "../host/debian-packages.ts";
import { planSetup, rootCommand, type SetupSigns } from "./setup-plan.ts";
import { ABLE_FACTS } from "./test-world.ts";

const READY: SetupSigns = {
  facts: ABLE_FACTS,
  missing: [],
  subuid: "ada:100000:65536\n",
  subgid: "ada:100000:65536\n",
  helper: { kind: "built", path: "/program/helper/build/skerry-helper" },
};

const BUBBLEWRAP = { name: "bubblewrap", purpose: "put the wall around an app", files: ["bwrap"] };

test("where all is there, nothing is planned", () => {
  assert.deepEqual(planSetup(READY), { ok: true, value: { support: "tested", actions: [], helperNotOurs: undefined } });
});

test("missing packages are installed, by name and without recommended ones", () => {
  const plan = planSetup({ ...READY, missing: [BUBBLEWRAP] });
  assert.ok(plan.ok);
  assert.deepEqual(plan.value.actions.map(rootCommand), [
    ["apt-get", "install", "--yes", "--no-install-recommends", "bubblewrap"],
  ]);
});

test("a user without a range gets one that nobody has, in the file where it is missing", () => {
  const signs = { ...READY, subuid: "bob:100000:65536\n", subgid: "bob:100000:65536\nada:165536:65536\n" };
  const plan = planSetup(signs);
  assert.ok(plan.ok);
  assert.deepEqual(plan.value.actions.map(rootCommand), [["usermod", "--add-subuids", "231072-296607", "ada"]]);
});

test("root needs a range as everybody does", () => {
  const plan = planSetup({ ...READY, facts: { ...ABLE_FACTS, uid: 0, user: "root" } });
  assert.ok(plan.ok);
  assert.deepEqual(plan.value.actions.map(rootCommand), [
    ["usermod", "--add-subuids", "165536-231071", "--add-subgids", "165536-231071", "root"],
  ]);
});

test("the helper is built when it is old, and left to its owner in a folder of somebody else", () => {
  const stale = { kind: "stale", path: "/program/helper/build/skerry-helper", writable: true } as const;
  const plan = planSetup({ ...READY, helper: stale });
  assert.deepEqual(plan.ok && plan.value.actions, [{ kind: "build-helper" }]);
  const left = planSetup({ ...READY, helper: { ...stale, writable: false } });
  assert.deepEqual(left.ok && [left.value.actions, left.value.helperNotOurs], [[], stale.path]);
});

test("an unknown distribution gets a list and no command", () => {
  const facts = { ...ABLE_FACTS, distribution: "fedora 42" };
  const plan = planSetup({ ...READY, facts, missing: [BUBBLEWRAP] });
  assert.equal(!plan.ok && plan.problem.kind, "unknown-distribution");
  assert.equal(planSetup({ ...READY, facts }).ok, true);
});

test("Ubuntu and other releases of Debian are untested, and said to be", () => {
  for (const distribution of ["ubuntu 24.04", "debian 11", "debian"]) {
    const plan = planSetup({ ...READY, facts: { ...ABLE_FACTS, distribution } });
    assert.equal(plan.ok && plan.value.support, "untested", distribution);
  }
});

test("a package is missing when one of its files is, and there when one of two places has it", () => {
  const files = new Set([
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/etc/ssl/certs/ca-certificates.crt",
    "/usr/include/stdlib.h",
    "/usr/lib/x86_64-linux-gnu/libc.a",
  ]);
  assert.deepEqual(missingPackages(ABLE_FACTS.programs, files, "amd64"), []);
  const { newgidmap: _, ...programs } = ABLE_FACTS.programs;
  const names = missingPackages(programs, files, "arm64").map(({ name }) => name);
  assert.deepEqual(names, ["uidmap", "libc6-dev"]);
});
