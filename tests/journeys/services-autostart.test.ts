/** Autostart: what is to run from boot or log-in on, in the order of its links, and once for each session. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { after, afterEach, test } from "node:test";
import { done, json, listed, recorded, until } from "./life.fixture.ts";
import { dataOf, deployed, rewritten } from "./services.fixture.ts";
import { makeTrial, removeFolder } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());
afterEach(async () => {
  // It may have ended by itself meanwhile.
  for (const { name } of await listed(trial)) await trial.skerry(["kill", name]);
});

const names = async () => (await listed(trial)).map(({ name }) => name).toSorted();

const outcomes = async () => {
  const rows = await json(trial, ["autostart"]);
  assert.ok(Array.isArray(rows));
  return Object.fromEntries(rows.map(({ name, outcome }) => [name, outcome]));
};

/** All that a reboot takes: what runs, and the runtime folder. The disk stays. */
async function reboot(): Promise<void> {
  const info = await trial.client.call<{ readonly pid?: number }>("Info", {});
  assert.ok(info.ok);
  const running = (await listed(trial)).filter(({ pid }) => pid > 0);
  process.kill(info.value.pid ?? 0, "SIGKILL");
  for (const { pid } of running) process.kill(pid, "SIGKILL");
  await until("all have gone", () => running.every(({ pid }) => !existsSync(`/proc/${pid}`)));
  // A reboot takes control groups as well; here nobody else would.
  for (const { id } of running) {
    const { cgroups } = JSON.parse(readFileSync(`${trial.home}/run/compartments/${id}/start.json`, "utf8"));
    for (const path of cgroups) {
      await until("the control group is empty", () => {
        try {
          rmdirSync(path);
          return true;
        } catch {
          return !existsSync(path);
        }
      });
    }
  }
  removeFolder(`${trial.home}/run`);
}

test("autostart starts what says so, behind what it links to, and changes nothing when asked again", async () => {
  // The one that needs the other comes first by its name.
  await deployed(trial, "radicale", "a-calendar", { autostart: "true", links: "[{ to: z-calendar }]" });
  await deployed(trial, "radicale", "z-calendar", { autostart: "true" });
  await deployed(trial, "radicale", "by-hand", {});
  const first = await done(trial, ["autostart"]);
  assert.match(first.stdout, /^a-calendar: started$/m);
  assert.deepEqual(await names(), ["a-calendar", "z-calendar"]);
  const order = (await recorded(trial)).filter(({ kind }) => kind === "start").map(({ instance }) => instance);
  assert.deepEqual(order, ["z-calendar", "a-calendar"]);
  assert.deepEqual(await outcomes(), { "a-calendar": "runs", "z-calendar": "runs" });
  await done(trial, ["stop", "a-calendar"]);
  assert.deepEqual(await outcomes(), { "a-calendar": "stays-down", "z-calendar": "runs" });
});

test("after a reboot it starts all of them anew, also what its owner had stopped before", async () => {
  await done(trial, ["autostart"]);
  await done(trial, ["start", "-q", "z-calendar"]);
  await done(trial, ["start", "-q", "by-hand"]);
  await reboot();
  assert.deepEqual(await listed(trial), []);
  assert.deepEqual(await outcomes(), { "a-calendar": "started", "z-calendar": "started" });
  assert.deepEqual(await names(), ["a-calendar", "z-calendar"]);
});

test("after a reboot nothing is started again by its policy alone", async () => {
  await deployed(trial, "dev-shell", "worker", { restart: "{ when: always, delay: 100ms }" });
  await done(trial, ["start", "-q", "worker", "--", "-c", "echo x >> ~/data/starts; exec sleep 1000"]);
  await reboot();
  assert.deepEqual(await listed(trial), []);
  assert.equal(Object(await json(trial, ["describe", "worker"])).service.state, "down");
});

test("what cannot be started is named, the others are started, and its policy has it tried again", async () => {
  await reboot();
  await deployed(trial, "dev-shell", "needed", { ready: "{ file: /home/app/data/up, within: 300ms }" });
  await deployed(trial, "radicale", "broken", {
    autostart: "true",
    links: "[{ to: needed }]",
    restart: "{ when: always, delay: 300ms, longest-delay: 300ms }",
  });
  writeFileSync(`${trial.home}/config/deployments/unreadable.yaml`, "skerry: deployment/1\nautostart: true\n");
  const ended = await done(trial, ["autostart"], { code: 1 });
  assert.match(ended.stdout, /^z-calendar: started$/m);
  assert.match(ended.stderr, /broken needs needed, which is not ready/);
  assert.match(ended.stderr, /unreadable\.yaml:1:1: recipe: missing/);
  rewritten(trial, "needed", { ready: "none" });
  await until("it runs by its policy", async () => (await names()).includes("broken"), 60_000);
  assert.ok(!existsSync(`${dataOf(trial, "needed")}/up`));
});
