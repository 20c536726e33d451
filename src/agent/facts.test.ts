import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { placesFrom } from "../model/index.ts";
import { readFacts } from "./facts.ts";

async function factsWith(text: string | undefined) {
  const home = await mkdtemp(`${tmpdir()}/skerry-facts-`);
  try {
    const places = placesFrom({ SKERRY_HOME: home }, 0, "/");
    await mkdir(places.config);
    if (text !== undefined) await writeFile(`${places.config}/facts.yaml`, text);
    return await readFacts({ PATH: process.env["PATH"] }, places, { versions: false });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

test("what facts.yaml says is laid over what was found, and all else stays", async () => {
  const found = await factsWith(undefined);
  const laid = await factsWith("skerry: facts/1\nkvm: true\ncpus: 77\n");
  assert.ok(found.ok && laid.ok);
  // A trial of the processor, which a busy host may fail, is none of this test's.
  const { memoryMiB: _, ...expected } = { ...found.value, kvm: true, cpus: 77, accelerator: laid.value.accelerator };
  const { memoryMiB: __, ...really } = laid.value;
  assert.deepEqual(really, expected);
});

test("an owner who says that there is no KVM, or what is to be used, is believed, and nothing is tried", async () => {
  const without = await factsWith("skerry: facts/1\nkvm: false\n");
  const chosen = await factsWith("skerry: facts/1\naccelerator: kvm\n");
  assert.ok(without.ok && chosen.ok);
  assert.deepEqual(without.value.accelerator, { kind: "emulated", because: "written" });
  assert.deepEqual(chosen.value.accelerator, { kind: "kvm", because: "written" });
});

test("a facts.yaml that makes no sense is refused with its line and what was perhaps meant", async () => {
  const laid = await factsWith("skerry: facts/1\nkvn: true\n");
  assert.ok(!laid.ok);
  assert.match(laid.problem.text, /facts\.yaml:2:1: .*"kvm"/s);
});

test("a facts.yaml that cannot be read is a problem of the owner's, not a fault", async () => {
  const laid = await factsWith("x".repeat(17 * 1024 * 1024));
  assert.ok(!laid.ok);
  assert.match(laid.problem.text, /facts\.yaml/);
});
