import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const HERE = import.meta.dirname;

interface Ended {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** The monitor with a stand-in for a VMM. */
async function monitor(act: string, input: string, signal?: NodeJS.Signals): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), "skerry-monitor-"));
  const node = [process.execPath, "--disable-warning=ExperimentalWarning"] as const;
  const vmm = [...node, join(HERE, "service-vmm.fixture.ts"), folder, act];
  const child = spawn(node[0], [node[1], join(HERE, "service.ts"), folder, ...vmm], { timeout: 60_000 });
  const pieces: Buffer[] = [];
  let stderr = "";
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  // Its first words say that it is up.
  if (signal !== undefined) child.stdout.once("data", () => child.kill(signal));
  child.stderr.on("data", (piece) => (stderr += String(piece)));
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  rmSync(folder, { recursive: true });
  return { code, stdout: Buffer.concat(pieces), stderr };
}

test("output is passed on whole, however much has come before the exit code", async () => {
  const { code, stdout } = await monitor("flood", "");
  assert.deepEqual([code, stdout.length], [0, 20 * 1024 * 1024]);
});

test("a signal is said to the system, which ends by itself", async () => {
  const { code, stdout } = await monitor("signal", "", "SIGTERM");
  assert.deepEqual([code, String(stdout)], [143, "up\nsignal TERM\n"]);
});

test("a machine that says what none of ours says is ended", async () => {
  const { code, stderr } = await monitor("astray", "");
  assert.equal(code, 125);
  assert.match(stderr, /it said what no machine of ours says/);
});

test("a machine that dies leaves the end of its console, escaped", async () => {
  const { code, stderr } = await monitor("panic", "");
  assert.equal(code, 125);
  assert.match(stderr, /ended before it was asked to \(exit code 1\)\nKernel panic \\x1b\[2J\n$/);
});
