import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openConsole } from "./console.ts";

/** Of what would wait for ever; a machine may stand still for seconds. */
const LIMIT_MS = 90_000;

/** Of a console that is gone with the test. */
function pathFor(context: { after: (then: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), "skerry-console-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "console");
}

async function textOf(said: AsyncIterable<Buffer>): Promise<string> {
  let text = "";
  for await (const piece of said) text += piece.toString("latin1");
  return text;
}

test("what is said byte for byte while nobody reads is whole, and ends", { timeout: LIMIT_MS }, async (context) => {
  const path = pathFor(context);
  const { said, typed, over } = openConsole(path);
  const words = Array.from({ length: 4000 }, (_, index) => String(index)).join(" ");
  writeFileSync(`${path}.words`, words);
  // We stand still meanwhile, so nothing is read.
  execFileSync("/usr/bin/dd", [`if=${path}.words`, `of=${path}.out`, "bs=1"], {
    stdio: "ignore",
    timeout: LIMIT_MS / 2,
  });
  over();
  assert.equal(await textOf(said), words);
  typed.destroy();
});

test("what is typed before the machine listens reaches it", { timeout: LIMIT_MS }, async (context) => {
  const path = pathFor(context);
  const { said, typed, over } = openConsole(path);
  await new Promise((resolve) => typed.write("root\r", resolve));
  const read = ["-c", `exec 3<>"$1.in"; head -c 5 <&3 >"$1.heard"`, "sh", path];
  execFileSync("/bin/sh", read, { timeout: LIMIT_MS / 2 });
  assert.equal(readFileSync(`${path}.heard`, "utf8"), "root\r");
  typed.destroy();
  over();
  assert.equal(await textOf(said), "");
});

test("without a machine it ends when it is over, and it is nobody else's", { timeout: LIMIT_MS }, async (context) => {
  const path = pathFor(context);
  const { said, typed, over } = openConsole(path);
  for (const end of ["in", "out"]) assert.equal(statSync(`${path}.${end}`).mode & 0o777, 0o600);
  setImmediate(over);
  assert.equal(await textOf(said), "");
  typed.destroy();
  assert.throws(() => openConsole(path), /File exists/);
});
