import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { describeRunProblem, runProgram } from "./run-program.ts";

test("a program's output and exit code come back", async () => {
  const end = await runProgram(["sh", "-c", "echo out; echo err >&2; exit 3"]);
  assert.deepEqual(end, { ok: true, value: { code: 3, signal: undefined, stdout: "out\n", stderr: "err\n" } });
});

test("input is handed over and closed", async () => {
  const end = await runProgram(["cat"], { input: "grüße" });
  assert.equal(end.ok && end.value.stdout, "grüße");
});

test("without input there is nothing to read, not our terminal", async () => {
  const end = await runProgram(["cat"]);
  assert.equal(end.ok && end.value.stdout, "");
});

test("a program that ends without reading a large input is no fault", async () => {
  const end = await runProgram(["true"], { input: "x".repeat(1_000_000) });
  assert.equal(end.ok && end.value.code, 0);
});

test("a program that is not there is a problem with its name", async () => {
  const end = await runProgram(["/nowhere/program"]);
  assert.deepEqual(end, { ok: false, problem: { kind: "not-found", program: "/nowhere/program" } });
  assert.equal(describeRunProblem({ kind: "not-found", program: "bwrap" }), "bwrap is not installed");
});

test("a file that is no program is a problem of another kind", async () => {
  const end = await runProgram(["/etc/passwd"]);
  assert.equal(!end.ok && end.problem.kind, "not-executable");
});

test("a death by signal is counted as a shell counts it", async () => {
  const end = await runProgram(["sh", "-c", "kill -9 $$"]);
  assert.deepEqual(end.ok && [end.value.code, end.value.signal], [137, "SIGKILL"]);
});

test("what takes too long is stopped, with all that it has started", async () => {
  let inner = 0;
  // On a busy machine it may be stopped before it has begun, and gets longer then.
  for (let timeoutMs = 200; inner === 0; timeoutMs *= 4) {
    assert.ok(timeoutMs < 60_000, "it begins nothing");
    // The inner sleep keeps the pipe open: it must not keep us waiting.
    const end = await runProgram(["sh", "-c", "sleep 638 & echo $!; trap '' TERM; wait; sleep 638"], {
      timeoutMs,
      onOutput: (_, text) => (inner = Number(text)),
    });
    assert.equal(!end.ok && end.problem.kind, "timed-out");
  }
  // Whoever takes in orphans does so in its own time.
  for (const deadline = performance.now() + 60_000; isThere(inner); await pause(10))
    assert.ok(performance.now() < deadline, "it runs on");
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    assert.ok(error instanceof Error && "code" in error && error.code === "ESRCH");
    return false;
  }
}

test("an abort stops it, and an aborted signal lets nothing start", async () => {
  const abort = new AbortController();
  const running = runProgram(["sleep", "38"], { signal: abort.signal });
  abort.abort();
  assert.deepEqual(await running, { ok: false, problem: { kind: "interrupted", program: "sleep" } });
  assert.deepEqual(await runProgram(["true"], { signal: abort.signal }), {
    ok: false,
    problem: { kind: "interrupted", program: "true" },
  });
});

test("output has a limit", async () => {
  const end = await runProgram(["yes"], { maxOutputBytes: 1000 });
  assert.deepEqual(end, { ok: false, problem: { kind: "too-much-output", program: "yes", limitBytes: 1000 } });
});

test("the environment is only what is named", async () => {
  process.env["SKERRY_TEST_LEAK"] = "1";
  const clean = await runProgram(["env"]);
  assert.ok(clean.ok && !clean.value.stdout.includes("SKERRY_TEST_LEAK"));
  const named = await runProgram(["/usr/bin/env"], { environment: { A: "b", C: undefined } });
  assert.equal(named.ok && named.value.stdout, "A=b\n");
  delete process.env["SKERRY_TEST_LEAK"];
});
