/** Attached apps: they share a process group and streams with their caller, and still reach nothing else of it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until } from "./life.fixture.ts";
import { endOf, environmentFor, makeTrial, ROOT, type Trial } from "./trial.fixture.ts";

let trial: Trial;

before(() => {
  trial = makeTrial();
});
after(async () => await trial.close());

/** In a process group of its own, so that a door that stands open ends no test runner. */
function attached(script: string) {
  const words = ["run", "-q", "--rm", "dev-shell", "--", "-c", script];
  return spawn(join(ROOT, "skerry"), words, {
    cwd: trial.files,
    env: environmentFor(trial.home),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
}

test("an attached app cannot signal the group that its caller is in", async () => {
  const ended = await endOf(attached("kill -KILL 0; echo refused: $?; exit 7"), 60_000);
  assert.equal(ended.code, 7, `${ended.stdout}${ended.stderr}`);
  assert.equal(ended.stdout, "refused: 1\n");
});

test("not by a process descriptor and its flags either", async () => {
  const script = [
    "import ctypes, os, sys",
    "libc = ctypes.CDLL(None, use_errno=True)",
    "fd = os.pidfd_open(os.getpid())",
    "for flags in (1, 2, 4):",
    "    print(libc.syscall(424, fd, 0, None, flags), ctypes.get_errno())",
    "print(libc.syscall(424, fd, 0, None, 0))",
  ].join("\n");
  const ended = await endOf(attached(`exec python3 -c '${script}'`), 60_000);
  assert.equal(ended.stdout, "-1 1\n-1 1\n-1 1\n0\n", ended.stderr);
});

test("in the background an app has a group of its own, and may signal it", async () => {
  const words = ["start", "dev-shell", "--", "-c", "trap 'echo heard; exit 0' TERM; kill -TERM 0; sleep 1; exit 3"];
  assert.equal((await trial.skerry(words)).code, 0);
  assert.equal((await trial.skerry(["wait", "dev-shell"])).code, 0);
  await until("what it said", async () => /^heard$/m.test((await trial.skerry(["logs", "dev-shell"])).stdout));
});

/** Starts `skerry run` with streams that only a shell's redirections can make. */
async function redirected(redirection: string, script: string) {
  const line = `exec "$1" run -q --rm dev-shell -- -c "$2" ${redirection}`;
  const child = spawn("/bin/bash", ["-c", line, "bash", join(ROOT, "skerry"), script], {
    cwd: trial.files,
    env: environmentFor(trial.home),
    stdio: ["ignore", "pipe", "pipe"],
  });
  return await endOf(child, 60_000);
}

test("a file on standard input can be read, and neither written nor opened once more", async () => {
  const file = join(trial.files, "input.txt");
  writeFileSync(file, "given\n");
  const script = "cat; (echo changed > /proc/self/fd/0) 2>/dev/null; (echo changed > /dev/stdin) 2>/dev/null; exit 3";
  const ended = await redirected(`< ${file}`, script);
  assert.equal(ended.code, 3, ended.stderr);
  assert.equal(ended.stdout, "given\n");
  assert.equal(readFileSync(file, "utf8"), "given\n");
});

test("a file on standard output is added to, and what stood in it stays unread and unchanged", async () => {
  const file = join(trial.files, "output.txt");
  writeFileSync(file, "before\n");
  const script = "cat < /proc/self/fd/1 >&2 & sleep 0.3; kill $!; (: > /proc/self/fd/1) 2>/dev/null; echo after";
  const ended = await redirected(`>> ${file}`, script);
  assert.doesNotMatch(ended.stderr, /before/);
  assert.equal(readFileSync(file, "utf8"), "before\nafter\n");
});

test("a folder on a stream stops the start", async () => {
  const ended = await redirected(`< ${trial.files}`, "ls /proc/self/fd/0/..");
  assert.equal(ended.code, 125);
  assert.match(ended.stderr, /standard input is a folder/);
  // Nothing was begun that would have to be waited for.
  const started = await trial.skerry(["audit", "--json"]);
  assert.ok(!started.stdout.includes("/proc/self/fd/0/.."), started.stdout);
});
