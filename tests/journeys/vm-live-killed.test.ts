/** An agent that is killed while a machine's folder is being taken away: the next one brings it to an end, and the app goes on. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, listed, until } from "./life.fixture.ts";
import { applyKilled, isBegun, RECIPE } from "./live-killed.fixture.ts";
import { lacksForMachines, makeTrial } from "./trial.fixture.ts";

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

const trial = makeTrial();
after(async () => await trial.close());

const deployment = `${trial.home}/config/deployments/dev-shell.yaml`;

/** The file alone; who says it to an agent is `apply`. */
function write(answer: string): void {
  writeFileSync(deployment, `skerry: deployment/1\nrecipe: dev-shell\nisolation: vm\nanswers:\n  docs: ${answer}\n`);
}

const real = `{ answer: real, folder: "${trial.files}/docs" }`;

const apply = async () => (await done(trial, ["apply", "dev-shell"], { timeoutMs: LIMIT_MS })).stdout;

const inside = async (script: string) =>
  await trial.skerry(["exec", "dev-shell", "--", "sh", "-c", script], { timeoutMs: LIMIT_MS });

const counted = () => readFileSync(`${trial.home}/data/volumes/dev-shell/data/count`, "utf8").length;

test("whenever it is killed, what was revoked is gone from the machine, and the app goes on", {
  skip: lacksForMachines(),
}, async () => {
  for (const folder of [`${trial.home}/config/recipes`, `${trial.home}/config/deployments`, `${trial.files}/docs`])
    mkdirSync(folder, { recursive: true });
  writeFileSync(`${trial.home}/config/recipes/dev-shell.yaml`, RECIPE);
  writeFileSync(`${trial.files}/docs/name`, "docs");
  chmodSync(`${trial.files}/docs`, 0o755);
  write(real);
  const count = "cd /; while :; do echo x >>/home/app/data/count; sleep 0.2; done";
  await done(trial, ["start", "-q", "dev-shell", "--", "-c", count], { timeoutMs: LIMIT_MS });
  const id = (await listed(trial))[0]?.id;
  let inTheMiddle = 0;
  for (const afterMs of [0, 30, 100, 250]) {
    const story = `killed ${afterMs} ms after it had begun`;
    write(real);
    await apply();
    const holder = "exec 7</mnt/docs/name; cat <&7; setsid sleep 1000 >/dev/null 2>&1 & echo $! >/tmp/holder";
    assert.equal((await inside(holder)).stdout, "docs", story);
    write("deny");
    if (await applyKilled(trial, afterMs)) inTheMiddle += 1;
    const [row] = await listed(trial);
    assert.equal(row?.state, "running", story);
    assert.equal(row?.id, id, story);
    assert.ok(!isBegun(trial), story);
    await apply();
    const seen = await inside("cat /mnt/docs/name; cut -d' ' -f3 /proc/$(cat /tmp/holder)/stat");
    assert.match(seen.stdout, /^Z?\n?$/, story);
    assert.match(seen.stderr, /docs.*Permission denied/, `${story}: ${seen.stderr}`);
    const before = counted();
    await until(`it counts on, ${story}`, () => counted() > before, LIMIT_MS);
  }
  assert.ok(inTheMiddle > 0, "no kill came in the middle of a change");
});
