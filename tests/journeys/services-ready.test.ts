/** Readiness and links: who waits for whom, by which sign, and what is said when it does not come. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, afterEach, test } from "node:test";
import { done, json, listed, recorded, until } from "./life.fixture.ts";
import { dataOf, deployed, rewritten } from "./services.fixture.ts";
import { endOf, makeTrial } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());
afterEach(async () => {
  // It may have ended by itself meanwhile.
  for (const { name } of await listed(trial)) await trial.skerry(["kill", name]);
});

const readyOf = async (name: string) => Object((await listed(trial)).find((one) => one.name === name)).ready;

const SERVER = "import socket,time; s=socket.socket(); s.bind(('127.0.0.1', 8642)); print('bound', flush=True)";

test("start waits until something listens on the recipe's port, and ps says so", async () => {
  const started = await done(trial, ["start", "radicale"]);
  assert.match(started.stderr, /waiting for port 5232 of radicale/);
  assert.match(started.stdout, /^radicale is ready;/m);
  assert.equal(await readyOf("radicale"), "ready");
  assert.match((await done(trial, ["ps"])).stdout, /^radicale +running +ready /m);
  assert.match((await done(trial, ["wait", "--ready", "radicale"])).stdout, /^radicale is ready$/m);
  assert.deepEqual(await json(trial, ["wait", "--ready", "radicale"]), { name: "radicale", ready: "ready" });
});

test("a port that is bound and not listened on is no sign; one that is listened on is", async () => {
  await deployed(trial, "dev-shell", "port", { ready: "{ port: 8642, within: 500ms }" });
  const wait =
    "import os\nwhile not os.path.exists('/home/app/data/go'): time.sleep(0.05)\ns.listen()\ntime.sleep(1000)";
  const script = `exec python3 -c "${SERVER}\n${wait}"`;
  const late = await done(trial, ["start", "port", "--", "-c", script], { code: 1 });
  assert.match(late.stderr, /port runs, and is not ready: waited 0\.5 s for port 8642/);
  assert.equal(await readyOf("port"), "late");
  assert.equal((await listed(trial))[0]?.state, "running");
  writeFileSync(`${dataOf(trial, "port")}/go`, "");
  await until("it is ready after all", async () => (await readyOf("port")) === "ready");
});

test("a server on the host's own loopback does not make an app ready", async () => {
  const { createServer } = await import("node:net");
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  await deployed(trial, "dev-shell", "outside", { ready: `{ port: ${address.port}, within: 300ms }` });
  await done(trial, ["start", "-q", "outside", "--", "-c", "exec sleep 1000"], { code: 1 });
  server.close();
});

test("a file inside is a sign, also through a link, and a file of the host at the same path is none", async () => {
  const host = `${trial.files}/sign`;
  writeFileSync(host, "");
  await deployed(trial, "dev-shell", "hosts", { ready: `{ file: ${host}, within: 300ms }` });
  await done(trial, ["start", "-q", "hosts", "--", "-c", `ln -s ${host} /tmp/x; exec sleep 1000`], { code: 1 });
  await deployed(trial, "dev-shell", "file", { ready: "{ file: /tmp/way/up, within: 5m }" });
  const script = "mkdir /tmp/place; ln -s ../tmp/place /tmp/way; : > /tmp/place/up; exec sleep 1000";
  assert.match((await done(trial, ["start", "file", "--", "-c", script])).stdout, /file is ready/);
  // A link that leads out leads to the inside's own place, where there is nothing.
  await deployed(trial, "dev-shell", "linked", { ready: "{ file: /tmp/out, within: 300ms }" });
  await done(trial, ["start", "-q", "linked", "--", "-c", `ln -s ${host} /tmp/out; exec sleep 1000`], { code: 1 });
});

test("a command inside is a sign when it ends with 0, and is none of the owner's acts", async () => {
  await deployed(trial, "dev-shell", "asked", {
    ready: "{ command: [/bin/sh, -c, 'test -e ~/data/up'], within: 500ms }",
  });
  await done(trial, ["start", "-q", "asked", "--", "-c", "exec sleep 1000"], { code: 1 });
  writeFileSync(`${dataOf(trial, "asked")}/up`, "");
  await until("it is ready", async () => (await readyOf("asked")) === "ready");
  assert.ok(!(await recorded(trial, "asked")).some(({ kind }) => kind === "exec"));
});

test("what ends before it is ready is told at once, and start --no-wait does not wait", async () => {
  await deployed(trial, "dev-shell", "ends", { ready: "{ port: 1, within: 1h }" });
  const ended = await done(trial, ["start", "ends", "--", "-c", "exit 9"], { code: 1 });
  assert.match(ended.stderr, /ends has ended \(exit code 9\) before it was ready/);
  await done(trial, ["start", "--no-wait", "ends", "--", "-c", "exec sleep 1000"]);
  assert.equal(await readyOf("ends"), "waiting");
  const waiting = trial.begin(["wait", "--ready", "ends"]);
  const ending = endOf(waiting, 60_000);
  await until("it is told what is waited for", async () => (await readyOf("ends")) === "waiting");
  await done(trial, ["kill", "ends"]);
  assert.equal((await ending).code, 1);
});

test("the owner's `ready: none` takes the recipe's sign away", async () => {
  await deployed(trial, "radicale", "unasked", { ready: "none" });
  assert.match((await done(trial, ["start", "unasked"])).stdout, /unasked runs;/);
  assert.equal(await readyOf("unasked"), "none");
});

test("what an instance links to is started first and is ready before it", async () => {
  await deployed(trial, "dev-shell", "store", { ready: "{ file: /home/app/data/ready, within: 60s }" });
  rewritten(trial, "store", {});
  await deployed(trial, "radicale", "middle", { links: "[{ to: store }]" });
  await deployed(trial, "dev-shell", "front", { links: "[{ to: middle }, { to: store }]" });
  // A shell without input ends at once; the volume has to be there for the sign.
  await done(trial, ["start", "--no-wait", "-q", "store", "--", "-c", "exec sleep 1000"]);
  const front = endOf(trial.begin(["start", "front", "--", "-c", "exec sleep 1000"]), 120_000);
  await until("the store runs", async () => (await readyOf("store")) === "waiting");
  assert.deepEqual(
    (await listed(trial)).map(({ name }) => name),
    ["store"],
  );
  writeFileSync(`${dataOf(trial, "store")}/ready`, "");
  const { code, stderr } = await front;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /middle was started, since front links to it/);
  const order = (await recorded(trial)).filter(({ kind }) => kind === "start").map(({ instance }) => instance);
  assert.deepEqual(order.slice(-3), ["store", "middle", "front"]);
  // The foreground has the same order, and finds all there.
  await done(trial, ["kill", "front"]);
  await done(trial, ["run", "-q", "front", "--", "-c", "exit 0"]);
  rmSync(`${dataOf(trial, "store")}/ready`);
});

test("a start is refused with the cycle, with an unknown link, and with a link that fails", async () => {
  await deployed(trial, "dev-shell", "one", { links: "[{ to: two }]" });
  await deployed(trial, "dev-shell", "two", { links: "[{ to: one }]" });
  const cycle = await done(trial, ["start", "one"], { code: 1 });
  assert.match(cycle.stderr, /these wait for each other: one → two → one/);
  rewritten(trial, "two", { links: "[{ to: nobody }]" });
  assert.match((await done(trial, ["start", "one"], { code: 1 })).stderr, /no deployment named "nobody"/);
  rewritten(trial, "two", { links: "[]", ready: "{ port: 1, within: 200ms }" });
  // Without input the shell ends before any sign.
  assert.match((await done(trial, ["start", "one"], { code: 1 })).stderr, /one needs two, which is not ready/);
  assert.match(readFileSync(`${trial.home}/config/deployments/two.yaml`, "utf8"), /^ready: \{ port: 1/m);
});
