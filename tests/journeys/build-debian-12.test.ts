/** The older base: built from its own archive once, kept in the cache, and run. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { makeTrial } from "./trial.fixture.ts";

test("ripgrep of Debian 12 is built and runs sealed", async () => {
  const trial = makeTrial();
  try {
    mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
    writeFileSync(
      `${trial.home}/config/recipes/ripgrep-12.yaml`,
      "skerry: recipe/1\nsummary: made for a test\nbase: debian-12\npackages: [ripgrep]\nprograms:\n  rg: { command: [/usr/bin/rg], arguments: any }\n  sh: { command: [/bin/sh], arguments: any }\n",
    );
    const ran = await trial.skerry(["run", "--rm", "ripgrep-12", "--", "--version"], { timeoutMs: 600_000 });
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /^ripgrep 13\./);
    const found = await trial.skerry(["run", "--rm", "ripgrep-12", "--", "^VERSION_ID", "/etc/os-release"]);
    assert.equal(found.stdout, 'VERSION_ID="12"\n', found.stderr);
  } finally {
    await trial.close();
  }
});
