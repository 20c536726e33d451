import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { processOf } from "../processes.ts";

const BWRAP = "/usr/bin/bwrap";
const skip = existsSync(BWRAP) ? false : "cannot here: bubblewrap is not installed";
const NODE = [process.execPath, "--disable-warning=ExperimentalWarning"] as const;
const HERE = import.meta.dirname;

const folder = mkdtempSync(join(tmpdir(), "skerry-attach-"));

/** A process that sees the socket where a machine's first process does. */
const standIn =
  skip === false ? spawn(BWRAP, ["--dev-bind", "/", "/", "--bind", folder, "/run", "--", "/bin/cat"]) : undefined;
let inside = 0;
before(async () => {
  if (standIn === undefined) return;
  standIn.stdin.write("up\n");
  await once(standIn.stdout, "data");
  inside = Number(readFileSync(`/proc/${standIn.pid}/task/${standIn.pid}/children`, "utf8").trim() || standIn.pid);
});
after(() => {
  standIn?.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

interface Heard {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function attached(order: string, input: string | undefined): Promise<Heard> {
  rmSync(join(folder, "channel"), { force: true });
  const monitor = spawn(NODE[0], [NODE[1], join(HERE, "attach.fixture.ts"), folder, order], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(monitor.stdout, "data");
  const ticks = processOf(inside)?.startTicks ?? "";
  const words = [join(HERE, "attach.ts"), String(inside), ticks, "--", "some", "words"];
  const child = spawn(NODE[0], [NODE[1], ...words], { stdio: ["pipe", "pipe", "pipe"], timeout: 60_000 });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (piece) => (stdout += String(piece)));
  child.stderr.on("data", (piece) => (stderr += String(piece)));
  child.stdin.on("error", () => {});
  // Who is attached with an open standard input must not wait for more of it.
  if (input === undefined) child.stdin.end();
  else child.stdin.write(input);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  monitor.kill("SIGKILL");
  return { code, stdout, stderr };
}

const ENDED = /^skerry: .*the machine has ended\n$/;

for (const [order, wanted] of Object.entries({
  "the code first": [5, "said\n", /^$/],
  "the code last": [5, "said\n", /^$/],
  "says it and ends at once": [5, "said\n", /^$/],
  "says nothing and closes at once": [5, "", /^$/],
  "exits before the others stand": [5, "", /^$/],
  "closes before the others stand": [5, "", /^$/],
  "half a code": [125, "said\n", ENDED],
  "all closed, no code": [125, "", ENDED],
  "gone with what it was told": [125, "", ENDED],
  "is gone before the others stand": [125, "", /^skerry: .+\n$/],
  "no answer": [125, "", ENDED],
  "turned down": [125, "", /^skerry: too many programs\n$/],
} as const))
  for (const input of [undefined, "more than nobody reads\n"])
    test(`streams of a program in a machine: ${order}${input === undefined ? "" : ", and something was typed"}`, {
      skip,
    }, async () => {
      const { code, stdout, stderr } = await attached(order, input);
      assert.deepEqual([code, stdout], wanted.slice(0, 2), stderr);
      assert.match(stderr, wanted[2]);
    });
