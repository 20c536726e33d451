import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { copyOut } from "./copy.ts";

const NEVER = new AbortController().signal;

async function inFolder(check: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(`${tmpdir()}/skerry-copy-`);
  try {
    await check(folder);
    assert.deepEqual(await readdir(folder), []);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("a program that ends at once is a refusal, and nothing waits for it for ever", async () => {
  await inFolder(async (folder) => {
    for (let round = 0; round < 20; round++) {
      const problem = await copyOut(["/bin/sh", "-c", "echo no such file >&2; exit 2"], `${folder}/x`, "x", NEVER);
      assert.equal(problem?.text, "nothing was copied: no such file");
    }
  });
});

test("a target in a folder that is not there is refused by its name", async () => {
  await inFolder(async (folder) => {
    const problem = await copyOut(["/bin/false"], `${folder}/none/x`, "x", NEVER);
    assert.match(problem?.text ?? "", /nothing was copied: .*none/);
  });
});
