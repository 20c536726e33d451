/** An agent that is killed in the middle of a change of folders: the next one brings it to an end, and the app goes on. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { commandOf, done, listed, processesSaying, until } from "./life.fixture.ts";
import { applyKilled, isBegun, RECIPE } from "./live-killed.fixture.ts";
import { kill, pidsOf } from "./kill-loop.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

let trial: Trial;

before(() => {
  trial = makeTrial();
  mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  writeFileSync(`${trial.home}/config/recipes/dev-shell.yaml`, RECIPE);
  mkdirSync(`${trial.files}/docs`);
  writeFileSync(`${trial.files}/docs/name`, "docs");
});

after(async () => {
  await trial?.close();
});

const real = () => `{ answer: real, folder: "${trial.files}/docs" }`;

function write(answer: string, more = ""): void {
  const text = `skerry: deployment/1\nrecipe: dev-shell\n${more}answers:\n  docs: ${answer}\n`;
  writeFileSync(`${trial.home}/config/deployments/dev-shell.yaml`, text);
}

const apply = async () => (await done(trial, ["apply", "dev-shell"])).stdout;

const inside = async (script: string) => await trial.skerry(["exec", "dev-shell", "--", "sh", "-c", script]);

/** It counts in a file of its own for as long as it is let. */
async function start(more = ""): Promise<void> {
  await trial.skerry(["kill", "dev-shell"]);
  write(real(), more);
  const count = "cd /; while :; do echo x >> /home/app/data/count; sleep 0.05; done";
  await done(trial, ["start", "-q", "dev-shell", "--", "-c", count]);
}

const counted = () => readFileSync(`${trial.home}/data/volumes/dev-shell/data/count`, "utf8").length;

test("whenever it is killed, the app goes on, and who held what was revoked does not", async () => {
  await start();
  const mark = `held-${randomBytes(6).toString("hex")}`;
  const hold = `exec 7</mnt/docs/name; : ${mark}; while :; do sleep 1 <&-; done`;
  const holders = () => processesSaying(mark).filter((pid) => !commandOf(pid).includes("setsid"));
  for (const afterMs of [0, 8, 20, 40]) {
    const story = `killed ${afterMs} ms after it had begun`;
    write(real());
    await apply();
    assert.equal((await inside(`setsid sh -c '${hold}' >/dev/null 2>&1 & cat /mnt/docs/name`)).stdout, "docs", story);
    await until(`a holder, ${story}`, () => holders().length > 0);
    write("deny");
    await applyKilled(trial, afterMs);
    const [row] = await listed(trial);
    assert.equal(row?.state, "running", story);
    assert.ok(!isBegun(trial), story);
    const before = counted();
    await until(`it counts on, ${story}`, () => counted() > before);
    await apply();
    assert.equal((await inside("cat /mnt/docs/name")).stdout, "", story);
    await until(`who held it has ended, ${story}`, () => holders().length === 0);
  }
});

test("without its wall nothing can be taken from an app, so what is revoked ends it", async () => {
  for (const more of ["", "on-revoke: restart\n"]) {
    await start(more);
    const [before] = await listed(trial);
    const walls = pidsOf(trial, "wall", undefined, "");
    for (const pid of walls) kill(pid);
    await until("its wall has ended", () => walls.every((pid) => commandOf(pid) === ""));
    assert.equal((await listed(trial))[0]?.id, before?.id, "it runs on");
    write("deny", more);
    assert.match(await apply(), /docs: dev-shell now gets nothing.*since its wall has ended/);
    const [now] = await listed(trial);
    assert.notEqual(now?.id, before?.id, "it is gone, or started again");
  }
});
