import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
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

const SOCKET = join(folder, "channel");

interface Heard {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function standUp(order: string, at = folder) {
  rmSync(join(at, "channel"), { force: true });
  const monitor = spawn(NODE[0], [NODE[1], join(HERE, "attach.fixture.ts"), at, order], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(monitor.stdout, "data");
  return monitor;
}

function begin() {
  const ticks = processOf(inside)?.startTicks ?? "";
  const words = [join(HERE, "attach.ts"), String(inside), ticks, "--", "some", "words"];
  const child = spawn(NODE[0], [NODE[1], ...words], { stdio: ["pipe", "pipe", "pipe"], timeout: 60_000 });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (piece) => (stdout += String(piece)));
  child.stderr.on("data", (piece) => (stderr += String(piece)));
  child.stdin.on("error", () => {});
  const ended = new Promise<Heard>((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
  return { child, ended };
}

async function attached(order: string, input: string | undefined): Promise<Heard> {
  const monitor = await standUp(order);
  const { child, ended } = begin();
  // Who is attached with an open standard input must not wait for more of it.
  if (input === undefined) child.stdin.end();
  else child.stdin.write(input);
  const heard = await ended;
  monitor.kill("SIGKILL");
  return heard;
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

test("a monitor whose socket has a name, and does not listen yet, is waited for", { skip }, async () => {
  const gone = await standUp("no answer");
  gone.kill("SIGKILL");
  await once(gone, "exit");
  assert.ok(existsSync(SOCKET), "what is left of it turns everybody down, as one that begins does");
  const { child, ended } = begin();
  child.stdin.end();
  // Time to be turned down, for whoever does not wait.
  await pause(500);
  const elsewhere = mkdtempSync(join(tmpdir(), "skerry-attach-"));
  const monitor = await standUp("the code first", elsewhere);
  renameSync(join(elsewhere, "channel"), SOCKET);
  rmSync(elsewhere, { recursive: true });
  assert.deepEqual(await ended, { code: 5, stdout: "said\n", stderr: "" });
  monitor.kill("SIGKILL");
});
