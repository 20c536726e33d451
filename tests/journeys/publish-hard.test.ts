/** Published ports when things change around them: restarts, other agents, other walls, other apps. */
import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { done, listed, recorded, until } from "./life.fixture.ts";
import { makeTwoNetworks, SKERRY, whyNoNetworks } from "./network.fixture.ts";
import { deployShell, freePorts, greeting, killAgentOf, SERVERS, serveIn } from "./publish.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

let trial: Trial;

before(() => {
  trial = makeTrial();
});

after(async () => await trial.close());

/** What a program inside hears at a Unix socket, or the name of the error. */
async function hearInside(name: string, path: string): Promise<string> {
  const input = `import socket
try:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(30)
    client.connect("${path}")
    print(client.recv(100).decode().strip() or "closed")
except OSError as error:
    print(type(error).__name__)
`;
  return (await done(trial, ["run", "-q", name, "--", "-c", "exec python3 -"], { input })).stdout.trim();
}

test("a published socket is reached by an app that is granted its folder, read-only too, and by no other", async () => {
  for (const folder of ["run", "other"]) mkdirSync(`${trial.files}/${folder}`);
  deployShell(trial, "web", `publish: [{ port: 8080, socket: ${trial.files}/run/web.sock }]\n`);
  await serveIn(trial, "web");
  const guest = (name: string, verbs: string, answer: string, folder: string) =>
    deployShell(
      trial,
      name,
      `requests: { shared: { service: folder, why: a test, verbs: [${verbs}], inside: /mnt/shared } }\nanswers: { shared: { answer: ${answer}, folder: ${trial.files}/${folder} } }\n`,
    );
  guest("reader", "read", "real", "run");
  guest("writer", "read, write", "real", "run");
  guest("apart", "read", "real", "other");
  guest("copying", "read, write", "copy", "run");
  const heard: Record<string, string> = {};
  for (const name of ["reader", "writer", "apart", "copying"])
    heard[name] = await hearInside(name, "/mnt/shared/web.sock");
  // To connect to a socket nothing is written to the folder that it lies in; and an overlay shows a socket without its server.
  const expected = { reader: "web", writer: "web", apart: "FileNotFoundError", copying: "ConnectionRefusedError" };
  assert.deepEqual(heard, expected);
  for (const name of ["reader", "writer"]) await done(trial, ["prove", `${name} can reach app web`]);
  await done(trial, ["prove", "no app that is apart can reach app web"]);
  await done(trial, ["kill", "web"]);
});

const noNetworks = whyNoNetworks();

test("an app with a real network is published as well, and one that may go to this host is kept out", {
  skip: noNetworks,
}, async () => {
  // Another host, with a tun device: its loopback is its own, and so are the places on it.
  const there = makeTrial();
  const networks = await makeTwoNetworks(there);
  try {
    deployShell(there, "online", `answers: { network: real }\npublish: [8080]\n`);
    deployShell(there, "guest", `answers: { network: { answer: real, allow: [host] } }\n`);
    const words = ["start", "-q", "online", "--", "-c", `exec python3 -c '${SERVERS}'`];
    const started = await networks.onHost([SKERRY, ...words]);
    assert.equal(started.code, 0, started.stderr);
    const code = 'import socket; print(socket.create_connection(("127.0.0.1", 8080), 20).recv(99).decode())';
    await until("it answers", async () =>
      (await networks.onHost(["/usr/bin/python3", "-c", code])).stdout.startsWith("web"),
    );
    const inside = ["run", "-q", "guest", "--", "-c", `exec python3 -c '${code}'`];
    assert.match((await networks.onHost([SKERRY, ...inside])).stderr, /ConnectionRefusedError/);
  } finally {
    await there.close();
    await networks.close();
  }
});

test("what is started again after its end is reached again", async () => {
  const [port = 0] = await freePorts(1);
  deployShell(
    trial,
    "again",
    `restart: { when: always, delay: 100ms }\npublish: [{ port: 8080, on: "127.0.0.1:${port}" }]\n`,
  );
  await serveIn(trial, "again");
  for (let count = 0; count < 3; count += 1) {
    const first = await until("it runs", async () =>
      (await listed(trial)).find(({ name, pid }) => name === "again" && pid > 0),
    );
    await until("it answers", async () => (await greeting({ host: "127.0.0.1", port })) === "web");
    process.kill(first.pid, "SIGKILL");
    await until("it is another start", async () => {
      const now = (await listed(trial)).find(({ name, state }) => name === "again" && state === "running");
      return now !== undefined && now.id !== first.id;
    });
  }
  await until("it answers", async () => (await greeting({ host: "127.0.0.1", port })) === "web");
  await done(trial, ["stop", "again"]);
  assert.equal(await greeting({ host: "127.0.0.1", port }), "ECONNREFUSED");
});

test("a place that somebody took while there was no agent is told of, and opened once it is free", async () => {
  const [port = 0] = await freePorts(1);
  deployShell(trial, "taken", `publish: [{ port: 8080, on: "127.0.0.1:${port}" }]\n`);
  await serveIn(trial, "taken");
  await killAgentOf(trial);
  const thief = createServer((socket) => socket.end("thief"));
  await until("the place is free", async () => (await greeting({ host: "127.0.0.1", port })) === "ECONNREFUSED");
  thief.listen(port, "127.0.0.1");
  await once(thief, "listening");
  await until("it is told of", async () =>
    (await done(trial, ["ps"])).stdout.includes("not open: something else listens"),
  );
  await until("it is on record", async () =>
    (await recorded(trial, "taken")).some(
      ({ kind, facts }) =>
        kind === "net-published" && facts["allowed"] === false && /is not open/.test(String(facts["because"])),
    ),
  );
  assert.equal(await greeting({ host: "127.0.0.1", port }), "thief");
  await new Promise((resolve) => thief.close(resolve));
  await until("it is open again", async () => (await greeting({ host: "127.0.0.1", port })) === "web");
  await done(trial, ["kill", "taken"]);
});

test("another port at the same place takes it over in the running app, and what is undeployed leaves nothing", async () => {
  const [port = 0] = await freePorts(1);
  const socket = `${trial.files}/moved.sock`;
  const at = (inside: number) =>
    `publish: [{ port: ${inside}, on: "127.0.0.1:${port}" }, { port: ${inside}, socket: ${socket} }]\n`;
  deployShell(trial, "moved", at(8080));
  await serveIn(trial, "moved");
  for (const place of [{ host: "127.0.0.1", port }, { path: socket }]) assert.equal(await greeting(place), "web");
  deployShell(trial, "moved", at(8081));
  await done(trial, ["apply", "moved"]);
  for (const place of [{ host: "127.0.0.1", port }, { path: socket }])
    await until("it is the other one", async () => (await greeting(place)) === "admin");
  // As a host that is switched off would leave it: neither the agent nor the app comes to its end.
  const running = (await listed(trial)).find(({ name }) => name === "moved");
  assert.ok(running !== undefined);
  await killAgentOf(trial);
  cpSync(`${trial.home}/state/published/moved.json`, `${trial.home}/kept.json`);
  process.kill(running.pid, "SIGKILL");
  linkSync(socket, `${trial.files}/kept.sock`);
  await until("it has ended", async () => !(await listed(trial)).some(({ name }) => name === "moved"));
  assert.equal(existsSync(socket), false);
  linkSync(`${trial.files}/kept.sock`, socket);
  cpSync(`${trial.home}/kept.json`, `${trial.home}/state/published/moved.json`);
  await done(trial, ["undeploy", "moved"]);
  assert.equal(existsSync(socket), false);
});

test("what is sent comes back whole, also to who has said all and still listens", async () => {
  const [port = 0] = await freePorts(1);
  const socket = `${trial.files}/echo.sock`;
  deployShell(trial, "echo", `publish: [{ port: 8080, on: "127.0.0.1:${port}" }, { port: 8080, socket: ${socket} }]\n`);
  await serveIn(trial, "echo");
  const sent = randomBytes(8 * 1024 * 1024);
  for (const place of [{ host: "127.0.0.1", port }, { path: socket }]) {
    const client = connect({ ...place, allowHalfOpen: true });
    client.end(sent);
    const pieces: Buffer[] = [];
    for await (const piece of client) pieces.push(Buffer.from(piece));
    const came = Buffer.concat(pieces);
    assert.equal(came.toString("latin1", 0, 4), "web\n");
    assert.ok(came.subarray(4).equals(sent), `${came.length} bytes came back`);
  }
  await done(trial, ["kill", "echo"]);
});

/** Takes a connection, and reads nothing from it. */
const DEAF = `
import socket, time
listener = socket.create_server(("127.0.0.1", 8080))
taken, _ = listener.accept()
print("taken", flush=True)
time.sleep(600)
`;

test("an app that takes what it is sent and reads nothing of it holds up nobody but who sends", async () => {
  const [port = 0] = await freePorts(1);
  deployShell(trial, "deaf", `publish: [{ port: 8080, on: "127.0.0.1:${port}" }]\n`);
  await done(trial, ["start", "-q", "deaf", "--", "-c", `exec python3 -c '${DEAF}'`]);
  const client = connect({ host: "127.0.0.1", port });
  client.on("error", () => {});
  let gone = 0;
  for (let count = 0; count < 1024; count += 1) client.write(Buffer.alloc(64 * 1024), () => (gone += 1));
  await until("it takes it", async () => (await done(trial, ["logs", "deaf"])).stdout.includes("taken"));
  let before = -1;
  await until("nothing more goes", async () => {
    const stands = gone === before;
    before = gone;
    await pause(300);
    return stands;
  });
  assert.ok(gone < 1024);
  // Whoever asks the agent is answered, for as long as it lasts.
  assert.ok((await done(trial, ["ps"])).stdout.includes("deaf"));
  assert.equal(client.destroyed, false);
  client.destroy();
  await done(trial, ["kill", "deaf"]);
});

test("an agent that is killed at any moment of a change leaves what the next one brings to what is written", async () => {
  const [port = 0] = await freePorts(1);
  const folder = `${trial.files}/shaken`;
  mkdirSync(folder);
  const socket = `${folder}/web.sock`;
  const places = [{ host: "127.0.0.1", port }, { path: socket }];
  const both = `publish: [{ port: 8080, on: "127.0.0.1:${port}" }, { port: 8080, socket: ${socket} }]\n`;
  deployShell(trial, "shaken", "");
  await serveIn(trial, "shaken");
  for (let round = 0; round < 8; round += 1) {
    const published = round % 2 === 0;
    deployShell(trial, "shaken", published ? both : "");
    const child = trial.begin(["apply", "shaken"]);
    const ended = once(child, "exit");
    await pause(randomInt(400));
    await killAgentOf(trial);
    await ended;
    await done(trial, ["apply", "shaken"]);
    const expected = published ? "web" : "nobody";
    for (const place of places)
      await until(`${JSON.stringify(place)} has ${expected}`, async () => {
        const said = await greeting(place);
        return published ? said === "web" : said === "ECONNREFUSED" || said === "ENOENT";
      });
    assert.deepEqual(readdirSync(folder), published ? ["web.sock"] : []);
  }
  await done(trial, ["kill", "shaken"]);
});

test("a socket that a killed agent had closed on paper is taken away by the next one", async () => {
  const folder = `${trial.files}/closed`;
  mkdirSync(folder);
  deployShell(trial, "closed", `publish: [{ port: 8080, socket: ${folder}/web.sock }]\n`);
  await serveIn(trial, "closed");
  const running = (await listed(trial)).find(({ name }) => name === "closed");
  assert.ok(running !== undefined);
  await killAgentOf(trial);
  // What a change writes first.
  writeFileSync(`${trial.home}/run/compartments/${running.id}/publish.json`, "[]");
  deployShell(trial, "closed", "");
  await done(trial, ["apply", "closed"]);
  assert.deepEqual(readdirSync(folder), []);
  await done(trial, ["kill", "closed"]);
});

test("a start in the foreground is published until it ends, and is no start without an agent", async () => {
  const [port = 0] = await freePorts(1);
  deployShell(trial, "front", `publish: [{ port: 8080, on: "127.0.0.1:${port}" }]\n`);
  const child = trial.begin(["run", "-q", "front", "--", "-c", `exec python3 -c '${SERVERS}'`]);
  await until("it answers", async () => (await greeting({ host: "127.0.0.1", port })) === "web");
  child.kill("SIGTERM");
  await once(child, "close");
  await until("it is shut", async () => (await greeting({ host: "127.0.0.1", port })) === "ECONNREFUSED");
  assert.equal(existsSync(`${trial.home}/run/instances/front/launcher/start`), false);
});
