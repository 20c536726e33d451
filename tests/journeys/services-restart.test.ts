/** Restart policies: what ends is started again as its deployment says, and what its owner stops is not. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, afterEach, test } from "node:test";
import { commandOf, done, json, listed, processesSaying, recorded, until } from "./life.fixture.ts";
import { dataOf, deployed } from "./services.fixture.ts";
import { makeTrial } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());
afterEach(async () => {
  // It may have ended by itself meanwhile.
  for (const { name } of await listed(trial)) await trial.skerry(["kill", name]);
});

const QUICK = "{ when: on-failure, delay: 100ms, longest-delay: 400ms }";

/** Counts its starts in a file of its volume; then what the script says. */
const counting = (script: string) => ["-c", `echo x >> ~/data/starts; ${script}`];

function startsOf(name: string): number {
  const file = `${dataOf(trial, name)}/starts`;
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").length : 0;
}

const start = async (name: string, script: string) =>
  await done(trial, ["start", "-q", name, "--", ...counting(script)]);

async function row(name: string) {
  return (await listed(trial)).find((one) => one.name === name);
}

async function agentPid(): Promise<number> {
  const info = await trial.client.call<{ readonly pid?: number }>("Info", {});
  return info.ok ? (info.value.pid ?? 0) : 0;
}

async function killAgent(): Promise<void> {
  const pid = await agentPid();
  process.kill(pid, "SIGKILL");
  await until("the agent is gone", () => commandOf(pid) === "");
}

test("what fails is started again, with the same words, until it ends well", async () => {
  await deployed(trial, "dev-shell", "failing", { restart: QUICK });
  await start("failing", "[ $(wc -l < ~/data/starts) -ge 4 ]");
  await until("it has ended well", async () => startsOf("failing") === 4 && (await row("failing")) === undefined);
  const kinds = (await recorded(trial, "failing")).map(({ kind }) => kind);
  assert.deepEqual(
    kinds.filter((kind) => kind === "start" || kind === "restart" || kind === "end"),
    ["start", "end", ...["restart", "start", "end"], ...["restart", "start", "end"], ...["restart", "start", "end"]],
  );
  const described = await json(trial, ["describe", "failing"]);
  assert.equal(Object(described).service.state, "down");
});

test("without a policy what fails stays down", async () => {
  await deployed(trial, "dev-shell", "plain", {});
  await start("plain", "exit 3");
  await done(trial, ["wait", "plain"], { code: 3 });
  // Of its end others hear first.
  await until("it is down", async () => Object(await json(trial, ["describe", "plain"])).service.state === "down");
  assert.equal(startsOf("plain"), 1);
});

test("what its owner stops or kills is not started again, not even by another agent", async () => {
  await deployed(trial, "dev-shell", "stopped", { restart: QUICK.replace("on-failure", "always") });
  for (const act of ["stop", "kill"]) {
    const before = startsOf("stopped");
    await start("stopped", "exec sleep 1000");
    await until("it runs", () => startsOf("stopped") === before + 1);
    await done(trial, [act, "stopped"]);
    assert.equal(Object(await json(trial, ["describe", "stopped"])).service.state, "down");
    await trial.client.shutdown();
    assert.equal(Object(await json(trial, ["describe", "stopped"])).service.state, "down");
    assert.equal(startsOf("stopped"), before + 1);
  }
});

test("between two starts it is listed as waiting, and stop keeps it down", async () => {
  await deployed(trial, "dev-shell", "waiting", { restart: "{ when: always, delay: 1h, longest-delay: 2h }" });
  await start("waiting", "exit 4");
  const waiting = await until("it waits", async () => {
    const seen = Object(await row("waiting"));
    return seen.service?.state === "waiting" && seen;
  });
  assert.deepEqual([waiting.state, waiting.exitCode, waiting.service.restarts], ["ended", 4, 1]);
  assert.ok(Date.parse(waiting.service.due) > Date.now() + 3_000_000);
  assert.match((await done(trial, ["ps"])).stdout, /waiting +ended \(4\), starts again 20/);
  assert.match((await done(trial, ["stop", "waiting"])).stdout, /exit code 4/);
  assert.equal(await row("waiting"), undefined);
});

test("a start by its owner while it waits begins anew", async () => {
  await deployed(trial, "dev-shell", "anew", { restart: "{ when: always, delay: 1h, longest-delay: 2h }" });
  await start("anew", "exit 4");
  await until("it waits", async () => Object(await row("anew")).service?.state === "waiting");
  await start("anew", "exec sleep 1000");
  assert.deepEqual(Object(await row("anew")).service, { state: "up" });
});

test("what ends too often is given up, which ps, describe and the audit say; a start tries it again", async () => {
  await deployed(trial, "dev-shell", "hopeless", {
    restart: "{ when: always, delay: 100ms, longest-delay: 100ms, most: 2 in 1h }",
  });
  await start("hopeless", "exit 5");
  await until("it is given up", async () => Object(await row("hopeless")).service?.state === "given-up");
  assert.equal(startsOf("hopeless"), 3);
  assert.match((await done(trial, ["ps"])).stdout, /hopeless +ended \(5\), given up/);
  assert.match((await done(trial, ["describe", "hopeless"])).stdout, /given up/);
  assert.deepEqual((await recorded(trial, "hopeless")).at(-1)?.facts, { most: 2, withinMs: 3_600_000 });
  await start("hopeless", "exec sleep 1000");
  assert.equal(Object(await row("hopeless")).service.state, "up");
});

test("a frozen app has not ended", async () => {
  await deployed(trial, "dev-shell", "frozen", { restart: QUICK });
  await start("frozen", "exec sleep 1000");
  const before = await row("frozen");
  await done(trial, ["freeze", "frozen"]);
  assert.deepEqual([(await row("frozen"))?.id, (await row("frozen"))?.state], [before?.id, "frozen"]);
  await done(trial, ["thaw", "frozen"]);
  assert.equal((await row("frozen"))?.id, before?.id);
});

test("after a kill of the agent the next one goes on: an end that nobody saw is followed by its restart", async () => {
  await deployed(trial, "dev-shell", "orphan", { restart: QUICK });
  const mark = `mark-${randomBytes(6).toString("hex")}`;
  await start("orphan", `: ${mark}; until [ -e ~/data/end ]; do sleep 0.05; done; rm ~/data/end; exit 6`);
  await until("it runs", () => startsOf("orphan") === 1);
  await killAgent();
  writeFileSync(`${dataOf(trial, "orphan")}/end`, "");
  await until("it has ended", () => processesSaying(mark).length === 0);
  // The next command starts an agent, whatever it asks.
  await done(trial, ["ps"]);
  await until("it runs again", () => startsOf("orphan") === 2);
});

test("after a kill of the agent the next one goes on: what waits for its next start gets it", async () => {
  await deployed(trial, "dev-shell", "later", { restart: "{ when: always, delay: 2s, longest-delay: 2s }" });
  await start("later", "[ -e ~/data/up ] && exec sleep 1000; exit 7");
  await until("it waits", async () => Object(await row("later")).service?.state === "waiting");
  writeFileSync(`${dataOf(trial, "later")}/up`, "");
  await killAgent();
  await until("it runs again", async () => (await row("later"))?.state === "running");
});

test("stop reaches an app whose next start waits for what it links to", async () => {
  await deployed(trial, "dev-shell", "needed", { ready: "{ file: /home/app/data/up, within: 1h }" });
  await deployed(trial, "dev-shell", "needing", { restart: QUICK, links: "[{ to: needed }]" });
  const starting = ["start", "-q", "needed", "--no-wait", "--", "-c", "exec sleep 1000"];
  await done(trial, starting);
  writeFileSync(`${dataOf(trial, "needed")}/up`, "");
  await start("needing", "exec sleep 1000");
  await done(trial, ["kill", "needed"]);
  rmSync(`${dataOf(trial, "needed")}/up`);
  await done(trial, starting);
  process.kill((await row("needing"))?.pid ?? 0, "SIGKILL");
  await until("it is being started again", async () => (await recorded(trial, "needing")).at(-1)?.kind === "restart");
  await done(trial, ["stop", "needing"]);
  assert.equal(await row("needing"), undefined);
  writeFileSync(`${dataOf(trial, "needed")}/up`, "");
  await until("the other one is ready", async () => Object(await row("needed")).ready === "ready");
  assert.equal(await row("needing"), undefined);
  assert.equal(startsOf("needing"), 1);
});

test("what runs for the sake of one command is never started again", async () => {
  await deployed(trial, "dev-shell", "front", { restart: QUICK });
  await done(trial, ["run", "-q", "front", "--", ...counting("exit 8")], { code: 8 });
  assert.equal(Object(await json(trial, ["describe", "front"])).service, undefined);
  assert.equal(startsOf("front"), 1);
});

test("undeploy takes an instance away that waits for its next start", async () => {
  await deployed(trial, "dev-shell", "gone", { restart: "{ when: always, delay: 1h, longest-delay: 2h }" });
  await start("gone", "exit 4");
  await until("it waits", async () => Object(await row("gone")).service?.state === "waiting");
  await done(trial, ["undeploy", "gone", "--with-data"]);
  assert.equal(await row("gone"), undefined);
  assert.ok(!existsSync(`${trial.home}/state/services/gone.json`));
});

test("restart ends an app in the background and starts it with its words and what is granted by now, or leaves it as it is", async () => {
  await deployed(trial, "dev-shell", "renewed", {});
  const folder = `${trial.files}/granted`;
  mkdirSync(folder, { mode: 0o755 });
  writeFileSync(`${folder}/note`, "granted\n");
  await start("renewed", "cat /work/note; exec sleep 1000");
  await until("it has begun", () => startsOf("renewed") === 1);
  const first = await row("renewed");
  const file = `${trial.home}/config/deployments/renewed.yaml`;
  const before = readFileSync(file, "utf8");
  writeFileSync(file, before.replace(/^ {2}project: .*$/m, `  project: { answer: subset, folder: ${folder} }`));
  assert.match((await done(trial, ["restart", "renewed"])).stdout, /^renewed runs again$/m);
  await until("it has begun again", () => startsOf("renewed") === 2);
  const second = await row("renewed");
  assert.notEqual(second?.pid, first?.pid);
  await until("it reads the folder", async () => /^granted$/m.test((await done(trial, ["logs", "renewed"])).stdout));
  // What could not start is not ended.
  writeFileSync(file, `${before}nonsense: 1\n`);
  const refused = await done(trial, ["restart", "renewed"], { code: 65 });
  assert.match(refused.stderr, /renewed was not restarted, and runs on: .*nonsense/);
  assert.equal((await row("renewed"))?.pid, second?.pid);
  writeFileSync(file, before);
  assert.match((await done(trial, ["restart", "nobody"], { code: 1 })).stderr, /nobody does not run/);
});
