/** Published ports: this host reaches the one port that an owner names, at the one place; and nothing else of the app. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, lstatSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { createServer, connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { done, json, recorded, until } from "./life.fixture.ts";
import { NO_NAMED_NETWORKS, tryInside } from "./named-network.fixture.ts";
import { deployShell, firstWords, freePorts, greeting, killAgentOf, serveIn } from "./publish.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

let trial: Trial;

const deploy = (name: string, more: string) => deployShell(trial, name, more);
const serve = async (name: string) => await serveIn(trial, name);
const killAgent = async () => await killAgentOf(trial);

before(() => {
  trial = makeTrial();
});

after(async () => await trial.close());

test("a published port is reached from this host, and what is not published is not", async () => {
  const [first = 0, second = 0, third = 0] = await freePorts(3);
  const socket = `${trial.files}/web.sock`;
  deploy(
    "web",
    `publish:\n  - { port: 8080, on: "127.0.0.1:${first}" }\n  - { port: 8080, socket: ${socket} }\n  - { port: 8086, on: "127.0.0.1:${second}" }\n  - { port: 9999, on: "127.0.0.1:${third}" }\n`,
  );
  await serve("web");
  assert.equal(await greeting({ host: "127.0.0.1", port: first }), "web");
  assert.equal(await greeting({ path: socket }), "web");
  assert.equal(await greeting({ host: "127.0.0.1", port: second }), "six", "a server that listens on ::1 alone");
  assert.match(await greeting({ host: "127.0.0.1", port: third }), /^(?:ECONNRESET|closed)$/, "nothing listens inside");
  assert.equal(lstatSync(socket).mode & 0o777, 0o600);

  await done(trial, ["kill", "web"]);
  assert.equal(await greeting({ host: "127.0.0.1", port: first }), "ECONNREFUSED");
  assert.equal(existsSync(socket), false, "the socket goes with the app");
});

test("a place that is taken refuses the start before the app begins, and says which and how out", async () => {
  const [busy = 0, free = 0] = await freePorts(2);
  const other = createServer().listen(busy, "127.0.0.1");
  await once(other, "listening");
  deploy(
    "late",
    `publish:\n  - { port: 8080, on: "127.0.0.1:${free}" }\n  - { port: 8080, on: "127.0.0.1:${busy}" }\n`,
  );
  const start = ["start", "-q", "late", "--", "-c", "echo began; exec sleep 1000"];
  const { stderr } = await done(trial, start, { code: 1 });
  assert.match(
    stderr,
    new RegExp(`port 8080 of late cannot be published at 127\\.0\\.0\\.1:${busy}: something else listens`),
  );
  assert.match(stderr, /skerry edit late/);
  assert.equal(await greeting({ host: "127.0.0.1", port: free }), "ECONNREFUSED", "all of them, or none");
  assert.equal(existsSync(`${trial.home}/state/logs/late.log`), false, "the app has not begun");
  await new Promise((resolve) => other.close(resolve));
  await done(trial, start);
  deploy("later", `publish: [{ port: 8080, on: "127.0.0.1:${free}" }]\n`);
  const later = await done(trial, ["start", "-q", "later", "--", "-c", "exec sleep 1000"], { code: 1 });
  assert.match(
    later.stderr,
    /late is published there; later was not started\n +stop late, or publish it at another port/,
  );
  await done(trial, ["kill", "late"]);
});

test("no file of the owner's is replaced by a socket, and what an agent has left behind is", async () => {
  const socket = `${trial.files}/own.sock`;
  deploy("local", `publish: [{ port: 8080, socket: ${socket} }]\n`);
  writeFileSync(socket, "mine");
  const start = ["start", "-q", "local", "--", "-c", "exec sleep 1000"];
  assert.match((await done(trial, start, { code: 1 })).stderr, /something is there that was not made for it/);
  assert.equal(readFileSync(socket, "utf8"), "mine");
  unlinkSync(socket);
  const foreign = createServer().listen(socket);
  await once(foreign, "listening");
  assert.match((await done(trial, start, { code: 1 })).stderr, /something is there that was not made for it/);
  assert.ok(lstatSync(socket).isSocket(), "the other's socket is there");
  await new Promise((resolve) => foreign.close(resolve));

  await serve("local");
  assert.equal(await greeting({ path: socket }), "web");
  await killAgent();
  await until("its name is there, and nobody", async () => (await greeting({ path: socket })) === "ECONNREFUSED");
  await done(trial, ["ps"]);
  await until("the next agent has taken it over", async () => (await greeting({ path: socket })) === "web");
  assert.equal(lstatSync(socket).mode & 0o777, 0o600);
  await killAgent();
  await done(trial, ["kill", "local"]);
  assert.equal(existsSync(socket), false, "an end takes it away, whoever has made it");

  for (const [path, words] of [
    [`${trial.home}/state/x.sock`, /Skerry's own folders/],
    [`${trial.files}/nowhere/x.sock`, /its folder is not there/],
    ...(process.getuid?.() === 0 ? [] : [["/x.sock", /its folder is not this user's/] as const]),
  ] as const) {
    deploy("local", `publish: [{ port: 8080, socket: ${path} }]\n`);
    assert.match((await done(trial, start, { code: 1 })).stderr, words);
  }
});

test("what its owner edits holds in the running app: opened, and closed with its connections", async () => {
  const [first = 0, second = 0] = await freePorts(2);
  deploy("live", "");
  await serve("live");
  deploy("live", `publish: [{ port: 8080, on: "127.0.0.1:${first}" }]\n`);
  assert.match(
    (await done(trial, ["apply", "live"])).stdout,
    /publish: 127\.0\.0\.1:\d+ now leads to port 8080 of live/,
  );
  const held = connect({ host: "127.0.0.1", port: first });
  assert.equal(await firstWords(held), "web");
  assert.doesNotMatch((await done(trial, ["apply", "live"])).stdout, /publish:/, "nothing changes by asking twice");

  await killAgent();
  await done(trial, ["ps"]);
  await until("it is open under the next agent", async () => {
    return (await greeting({ host: "127.0.0.1", port: first })) === "web";
  });
  const again = connect({ host: "127.0.0.1", port: first });
  assert.equal(await firstWords(again), "web");
  const cut = new Promise((resolve) => again.once("close", resolve));

  const busy = createServer().listen(second, "127.0.0.1");
  await once(busy, "listening");
  deploy("live", `publish: [{ port: 8081, on: "127.0.0.1:${second}" }]\n`);
  const { stdout } = await done(trial, ["apply", "live"]);
  assert.match(stdout, new RegExp(`publish: 127\\.0\\.0\\.1:${first} leads to live no more; one connection was ended`));
  assert.match(stdout, /cannot be opened, since something else listens there; it is tried again/);
  await cut;
  assert.equal(await greeting({ host: "127.0.0.1", port: first }), "ECONNREFUSED");
  await new Promise((resolve) => busy.close(resolve));
  await until("it is open once it can be", async () => {
    return (await greeting({ host: "127.0.0.1", port: second })) === "admin";
  });
  held.destroy();
  await done(trial, ["kill", "live"]);
});

test("another app reaches it by a rule for this host and that port, and not without", {
  skip: NO_NAMED_NETWORKS,
}, async () => {
  const [port = 0, other = 0] = await freePorts(2);
  deploy("site", `publish: [{ port: 8080, on: "127.0.0.1:${port}" }]\n`);
  await serve("site");
  const rules = (...all: readonly string[]) =>
    `answers: { network: { answer: subset, allow: [${all.map((rule) => `"${rule}"`).join(", ")}] } }\n`;
  deploy("guest", rules(`host:${port}`));
  deploy("stranger", rules("example.org:443", `host:${other}`));
  deploy("sealed", "");
  const targets = [`tcp:host:${port}`, `tcp:127.0.0.1:${port}`, `tcp:127.0.0.1:8080`];
  const guest = await tryInside(trial, "guest", targets);
  assert.match(guest[`tcp:host:${port}`] ?? "", /^web\n/);
  assert.equal(guest[`tcp:127.0.0.1:${port}`], "ECONNREFUSED", "that is its own loopback");
  for (const name of ["stranger", "sealed"])
    for (const said of Object.values(await tryInside(trial, name, targets)))
      assert.match(said, /^(?:E[A-Z]+|no such name)$/);
  // The same app in a network by rules is published as well.
  deploy("guest", `${rules("example.org:443")}publish: [{ port: 8080, on: "127.0.0.1:${other}" }]\n`);
  await serve("guest");
  assert.equal(await greeting({ host: "127.0.0.1", port: other }), "web");
  for (const name of ["guest", "site"]) await done(trial, ["kill", name]);
});

test("who connects and says nothing keeps nobody waiting, and an app that takes nobody in neither", async () => {
  const [deaf = 0, port = 0] = await freePorts(2);
  deploy("deaf", `publish: [{ port: 8080, on: "127.0.0.1:${deaf}" }]\n`);
  deploy("busy", `publish: [{ port: 8080, on: "127.0.0.1:${port}" }]\n`);
  const code =
    'import socket, time; s = socket.create_server(("127.0.0.1", 8080), backlog=1); print("serving", flush=True); time.sleep(1000)';
  await done(trial, ["start", "-q", "deaf", "--", "-c", `exec python3 -c '${code}'`]);
  await serve("busy");
  const silent: Socket[] = [];
  for (let count = 0; count < 60; count += 1)
    for (const one of [deaf, port]) {
      const socket = connect({ host: "127.0.0.1", port: one });
      socket.on("error", () => {});
      silent.push(socket);
    }
  await Promise.all(silent.map(async (socket) => (socket.connecting ? await once(socket, "connect") : undefined)));
  assert.equal(await greeting({ host: "127.0.0.1", port }), "web");
  for (const socket of silent) socket.resetAndDestroy();
  for (const name of ["deaf", "busy"]) await done(trial, ["kill", name]);
});

test("it is on record, and in every listing", async () => {
  const [port = 0] = await freePorts(1);
  const place = `127.0.0.1:${port}`;
  deploy("seen", `publish: [{ port: 8080, on: "${place}" }]\n`);
  assert.match((await done(trial, ["plan", "seen"])).stdout, new RegExp(`listen at ${place}.* port 8080 of seen`));
  await serve("seen");
  for (let count = 0; count < 3; count += 1) assert.equal(await greeting({ host: "127.0.0.1", port }), "web");
  const kept = await until("the record of what came in", async () =>
    (await recorded(trial, "seen")).find(({ kind }) => kind === "net-published"),
  );
  assert.equal(kept.facts["to"], place);
  assert.equal(kept.facts["allowed"], true);
  const start = (await recorded(trial, "seen")).find(({ kind }) => kind === "start");
  const grants = start?.facts["grants"];
  assert.ok(Array.isArray(grants));
  assert.ok(grants.includes(`publish: port 8080 at ${place} (deployments/seen.yaml:4)`), grants.join("\n"));
  assert.match((await done(trial, ["ps"])).stdout, new RegExp(`${place} → 8080`));
  assert.match(
    (await done(trial, ["describe", "seen", "--effective"])).stdout,
    new RegExp(`published ${place} → 8080`),
  );
  assert.match(
    (await done(trial, ["explain", "seen"])).stdout,
    new RegExp(`publishes port 8080 at ${place} .*seen.yaml:4`),
  );
  deploy("visitor", `answers: { network: { answer: subset, allow: ["host:${port}"] } }\n`);
  assert.match(
    (await done(trial, ["graph"])).stdout,
    new RegExp(`can hand something to seen, over port 8080 at ${place} of seen`),
  );
  const dot = (await done(trial, ["graph", "--dot"])).stdout;
  assert.match(dot, /"app visitor" -> "place seen port 8080 at [^"]*" \[label="reaches", style=dotted\]/);
  await done(trial, ["prove", "no app that is visitor can reach app seen"], { code: 1 });
  await until("what has passed is counted", async () => {
    const net = await json(trial, ["net", "seen"]);
    const [one] = publishedIn(net);
    return one?.["times"] === 3 && one["sentBytes"] === 12 && one["connections"] === 0;
  });
  await done(trial, ["kill", "seen"]);
});

function publishedIn(net: unknown): readonly Readonly<Record<string, unknown>>[] {
  assert.ok(typeof net === "object" && net !== null && "published" in net && Array.isArray(net.published));
  return net.published;
}
