/** Learn on a terminal: both questions are asked there, a no opens nothing, and Ctrl-C ends the app and not the answer. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { done, until } from "./life.fixture.ts";
import { environmentFor, makeTrial, ROOT, type Trial } from "./trial.fixture.ts";

const lacks = ["/usr/bin/script", "/usr/bin/inotifywait"].find((program) => !existsSync(program));
const skip = lacks === undefined ? false : `cannot here: ${lacks} is not there`;

let trial: Trial;

before(() => {
  if (skip !== false) return;
  trial = makeTrial();
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  mkdirSync(`${trial.files}/watched`);
  writeFileSync(`${trial.files}/watched/note`, "read me\n");
  const text = "skerry: deployment/1\nrecipe: dev-shell\nisolation: container\nanswers: { project: deny }\n";
  writeFileSync(`${trial.home}/config/deployments/one.yaml`, text);
});

after(async () => {
  if (skip === false) await trial.close();
});

/** @param dialogue - what is waited for on the screen, and then typed */
async function onTerminal(script: string, dialogue: readonly (readonly [string, string])[]) {
  const learn = `"$SKERRY" learn one --quiet --folder project=watched -- -c '${script}'`;
  const child = spawn("/usr/bin/script", ["--quiet", "--return", "--command", `stty cols 300; ${learn}`, "/dev/null"], {
    cwd: trial.files,
    env: { ...environmentFor(trial.home), TERM: "xterm", SHELL: "/bin/bash", SKERRY: join(ROOT, "skerry") },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let screen = "";
  child.stdout.on("data", (piece) => (screen += String(piece)));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  let from = 0;
  for (const [shown, keys] of dialogue) {
    await until(
      () => `${shown} on the screen:\n${screen}`,
      () => screen.includes(shown, from),
    ).catch((error: unknown) => {
      child.kill("SIGKILL");
      throw error;
    });
    from = screen.indexOf(shown, from) + shown.length;
    child.stdin.write(keys);
  }
  return { code: await ended, screen };
}

/** One program from the first to the last: a shell may not hear Ctrl-C while a program of it is just ending. */
const READS_AND_WAITS = `exec python3 -c "import time; print(open(\\"/work/note\\").read(), flush=True); time.sleep(1000)"`;

const file = () => readFileSync(`${trial.home}/config/deployments/one.yaml`, "utf8");

test("a no opens nothing, and nothing runs", { skip }, async () => {
  const { code, screen } = await onTerminal("touch /work/ran", [["Open this until it ends? [y/N]", "n\r"]]);
  assert.equal(code, 1, screen);
  assert.ok(!existsSync(`${trial.files}/watched/ran`));
});

test("with Ctrl-C the app ends, and what it did until then is proposed; a no leaves the deployment", {
  skip,
}, async () => {
  const before = file();
  const { code, screen } = await onTerminal(READS_AND_WAITS, [
    ["Open this until it ends? [y/N]", "y\r"],
    ["read me", "\u0003"],
    ["Write this into ", "n\r"],
  ]);
  assert.equal(code, 0, screen);
  assert.match(screen, /project: \{ answer: subset, folder: \S+\/watched, files: \[note\] \}/);
  assert.equal(file(), before);
});

test("two yes, and the deployment has it", { skip }, async () => {
  const { code, screen } = await onTerminal("cat /work/note", [
    ["Open this until it ends? [y/N]", "y\r"],
    ["Write this into ", "y\r"],
  ]);
  assert.equal(code, 0, screen);
  assert.match(file(), /files: \[\s*note\s*\]/);
  const again = await done(trial, ["run", "--quiet", "one", "--", "-c", "cat /work/note"]);
  assert.equal(again.stdout, "read me\n");
});
