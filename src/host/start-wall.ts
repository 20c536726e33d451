/**
 * Starts a compartment in the background and waits until it stands.
 *
 * The wall writes its own process id and then bubblewrap's words to the status file of the start (see
 * compartment/status.ts), so whoever comes later can find it again; nothing of it hangs on this process.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Places } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { Performed, Step, StepProblem } from "../step/index.ts";
import { readTextIfThere } from "./files.ts";

/** A wall stands within milliseconds; a loaded host may need seconds, a network's set-up as well. */
const STANDS_WITHIN_MS = 30_000;

const LOOK_EVERY_MS = 5;

export async function startWall(
  step: Extract<Step, { kind: "start-wall" }>,
  places: Places,
): Promise<Result<Performed, StepProblem>> {
  const folder = `${places.runtime}/compartments/${step.id}`;
  const words = `${folder}/wall.log`;
  const [program, ...rest] = step.argv;
  const log = openSync(words, "a", 0o600);
  let ended: string | undefined;
  try {
    const child = spawn(program, rest, {
      detached: true,
      stdio: ["ignore", "ignore", log],
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    });
    child.once("error", (error) => {
      ended = error.message;
    });
    child.once("exit", (code, signal) => {
      ended = signal === null ? `exit code ${code}` : signal;
    });
    child.unref();
  } finally {
    closeSync(log);
  }
  const deadline = performance.now() + STANDS_WITHIN_MS;
  while (performance.now() < deadline) {
    const status = (await readTextIfThere(`${folder}/status`)) ?? "";
    if (status.includes('"child-pid"')) return success({ output: "", captured: {}, from: undefined });
    if (ended !== undefined) {
      const said = ((await readTextIfThere(words)) ?? "").trim().slice(-2000);
      return refusal({ kind: "step-failed", step: `start ${step.id}`, because: said === "" ? ended : said });
    }
    await pause(LOOK_EVERY_MS);
  }
  return refusal({
    kind: "step-failed",
    step: `start ${step.id}`,
    because: `did not stand after ${STANDS_WITHIN_MS / 1000} s`,
  });
}
