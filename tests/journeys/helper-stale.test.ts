/** An update of the sources leaves a helper that is older than they are: it is built anew, or nothing starts. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { until } from "./life.fixture.ts";
import { type Ended, endOf, environmentFor, makeTrial, ROOT } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

/** A Skerry of the test's own, whose sources it may change. */
const PROGRAM = `${trial.home}/program`;
mkdirSync(PROGRAM, { mode: 0o755 });
for (const name of ["src", "helper", "recipes", "os-bases", "tools", "package.json", "package-lock.json", "skerry"])
  cpSync(`${ROOT}/${name}`, `${PROGRAM}/${name}`, { recursive: true });
for (const name of ["node_modules", ".node"])
  if (existsSync(`${ROOT}/${name}`)) symlinkSync(`${ROOT}/${name}`, `${PROGRAM}/${name}`);

const SKIP = existsSync("/usr/bin/cc") ? false : "cannot here: no C compiler is installed";

const SOURCE = `${PROGRAM}/helper/common.c`;

async function skerry(...words: readonly string[]): Promise<Ended> {
  const child = spawn(`${PROGRAM}/skerry`, words, {
    cwd: trial.files,
    env: environmentFor(trial.home),
    stdio: ["ignore", "pipe", "pipe"],
  });
  return await endOf(child, 120_000);
}

const log = () => readFileSync(`${trial.home}/run/agent.log`, "utf8");

test("a helper that is older than its sources is built anew before anything starts, and that is logged", {
  skip: SKIP,
}, async () => {
  appendFileSync(SOURCE, "/* An update. */\n");
  const ended = await skerry("run", "-q", "dev-shell", "--", "-c", "echo here");
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(ended.stdout, "here\n");
  assert.match(log(), /^the helper is older than its sources; building it$/m);
});

test("where it cannot be built nothing starts, neither by the agent nor by a launcher", { skip: SKIP }, async () => {
  const launcher = `${trial.home}/run/instances/dev-shell/launcher/start`;
  // An agent gives it up where what it looks at never settles, as when others fill the store; a start asks for it again.
  await until("there is a launcher", async () => {
    const there = until("this one", () => existsSync(launcher), 15_000).then(() => true);
    if (await there.catch(() => false)) return true;
    await skerry("run", "-q", "dev-shell", "--", "-c", "true");
    return false;
  });
  const whole = readFileSync(SOURCE, "utf8");
  appendFileSync(SOURCE, "this is no C\n");
  assert.ok(existsSync(launcher));
  for (const words of [["run"], ["start"]]) {
    const ended = await skerry(...words, "dev-shell", "--", "-c", "echo here");
    assert.notEqual(ended.code, 0);
    assert.equal(ended.stdout, "");
    assert.match(
      ended.stderr,
      /skerry-helper was built from other sources than lie here; nothing is started with it\n.*run \.\/skerry setup/,
    );
  }
  assert.match(log(), /it cannot be built: [^]*common\.c/);
  writeFileSync(SOURCE, whole);
  const ended = await skerry("run", "-q", "dev-shell", "--", "-c", "echo here");
  assert.equal(ended.stdout, "here\n", ended.stderr);
});
