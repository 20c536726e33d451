/** Links: one instance reaches one port of another under a name of its own, and nothing else of it; without a link, nothing. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { commandOf, done, listed, recorded, until } from "./life.fixture.ts";
import { NO_NAMED_NETWORKS, tryInside } from "./named-network.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

const skip = NO_NAMED_NETWORKS;

let trial: Trial;

/** Two servers on the loopback of their compartment, one that keeps its connections, and one on an abstract socket. */
const SERVERS = `
import socket, threading
def serve(listener, said, kept=None):
    while True:
        taken, _ = listener.accept()
        taken.sendall(said)
        taken.close() if kept is None else kept.append(taken)
kept = socket.create_server(("127.0.0.1", 5434))
threading.Thread(target=serve, args=(kept, b"kept", [])).start()
for port, said in ((5432, b"the database"), (5433, b"something else")):
    listener = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=serve, args=(listener, said)).start()
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\\0skerry-linked")
abstract.listen()
print("serving", flush=True)
serve(abstract, b"abstract")
`;

function deploy(name: string, more: string): void {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  const text = `skerry: deployment/1\nrecipe: dev-shell\nisolation: container\n${more}`;
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, text);
}

before(async () => {
  if (skip !== false) return;
  trial = makeTrial();
  deploy("server", "");
  deploy("other", "");
  deploy("linked", "links: [{ to: server, port: 5432, as: db.internal }]\n");
  deploy("alone", "");
  deploy("named", "answers: { network: { answer: subset, allow: ['example.org:443'] } }\n");
  await serve();
});

after(async () => {
  if (skip === false) await trial.close();
});

async function serve(name = "server"): Promise<void> {
  const servers = name === "server" ? SERVERS : SERVERS.replace("the database", `the database of ${name}`);
  await done(trial, ["start", "-q", name, "--", "-c", `exec python3 -c '${servers}'`]);
  await until("it serves", async () => (await done(trial, ["logs", name])).stdout.includes("serving"));
}

async function killAgent(): Promise<void> {
  const info = await trial.client.call<{ readonly pid?: number }>("Info", {});
  assert.ok(info.ok && info.value.pid !== undefined);
  const { pid } = info.value;
  process.kill(pid, "SIGKILL");
  await until("the agent is gone", () => commandOf(pid) === "");
}

/** What a program in a running app gets from a port under that name; the name of the error where there is none. */
async function said(name: string, host: string, port: number): Promise<string> {
  const code = `
import socket
try:
    print(socket.create_connection((${JSON.stringify(host)}, ${port}), 30).recv(99).decode())
except OSError as error:
    print(type(error).__name__)
`;
  return (await done(trial, ["exec", name, "--", "python3", "-c", code])).stdout.trim();
}

/** A program in a running app that holds a connection, until it is cut and it says so. */
async function hold(name: string, host: string): Promise<() => Promise<string>> {
  const code = `
import socket
client = socket.create_connection((${JSON.stringify(host)}, 5434), 30)
client.settimeout(300)
print(client.recv(99).decode(), flush=True)
try:
    print("closed" if client.recv(99) == b"" else "more")
except OSError as error:
    print(type(error).__name__)
`;
  const holder = trial.begin(["exec", name, "--", "python3", "-c", code]);
  let heard = "";
  holder.stdout?.on("data", (piece) => (heard += String(piece)));
  const ended = new Promise((resolve) => holder.once("close", resolve));
  await until("the connection", () => heard.includes("kept"));
  return async () => {
    await ended;
    return heard.trim();
  };
}

const TARGETS = ["tcp:db.internal:5432", "tcp:db.internal:5433", "tcp:server:5432", "tcp:127.0.0.1:5432"];

test("the linked port is reached by its name, and nothing else of the other", { skip }, async () => {
  const seen = await tryInside(trial, "linked", TARGETS);
  assert.equal(seen["tcp:db.internal:5432"], "the database");
  assert.match(seen["tcp:db.internal:5433"] ?? "", /^ECONN(?:RESET|REFUSED)$/);
  assert.equal(seen["tcp:server:5432"], "no such name");
  assert.match(seen["tcp:127.0.0.1:5432"] ?? "", /^ECONNREFUSED$/);
  await until("it is on record", async () =>
    (await recorded(trial, "linked")).some(
      ({ kind, facts }) => kind === "net-allowed" && facts["to"] === "db.internal:5432/tcp",
    ),
  );
});

test("without a link there is no way, with a network by rules neither", { skip }, async () => {
  for (const name of ["alone", "named"]) {
    const seen = await tryInside(trial, name, TARGETS);
    for (const [target, said] of Object.entries(seen))
      assert.match(said, /^(?:E[A-Z]+|no such name)$/, `${name}: ${target}`);
  }
});

test("an abstract socket of another instance is in nobody's reach", { skip }, async () => {
  const look = `import socket
try:
    socket.socket(socket.AF_UNIX).connect("\\0skerry-linked")
    print("reached")
except OSError as error:
    print(type(error).__name__)
`;
  for (const name of ["linked", "alone"]) {
    const ended = await done(trial, ["run", "-q", name, "--", "-c", "exec python3 -"], { input: look });
    assert.equal(ended.stdout, "ConnectionRefusedError\n");
  }
});

test("a link leads to the other's next start as well, and to nobody while it does not run", { skip }, async () => {
  await done(trial, ["start", "-q", "linked", "--", "-c", "exec sleep 1000"]);
  const connect = async () => {
    const code = 'import socket; print(socket.create_connection(("db.internal", 5432), 20).recv(99).decode())';
    return (await trial.skerry(["exec", "linked", "--", "python3", "-c", code])).stdout;
  };
  assert.equal(await connect(), "the database\n");
  await done(trial, ["kill", "server"]);
  assert.equal(await connect(), "");
  await serve();
  assert.equal(await connect(), "the database\n");
  assert.equal((await done(trial, ["apply", "linked"])).stdout.includes("links:"), false);
  await done(trial, ["kill", "linked"]);
});

test("links of a running app are added, changed and taken out at once, and open connections cut", {
  skip,
}, async () => {
  await serve("other");
  deploy("live", "links: [{ to: server, port: 5432, as: db.internal }]\n");
  await done(trial, ["start", "-q", "live", "--", "-c", "exec sleep 1000"]);
  assert.equal(await said("live", "db.internal", 5432), "the database");
  assert.equal(await said("live", "second", 5434), "gaierror");

  const both = (to: string) =>
    `links: [{ to: server, port: 5432, as: db.internal }, { to: ${to}, port: 5434, as: second }]\n`;
  deploy("live", both("server"));
  assert.match(
    (await done(trial, ["apply", "live"])).stdout,
    /links: live now reaches db\.internal:5432 of server, second:5434 of server\n/,
  );
  const first = await hold("live", "second");
  deploy("live", both("other"));
  assert.match((await done(trial, ["apply", "live"])).stdout, /second:5434 of other; one connection was ended/);
  assert.equal(await first(), "kept\nConnectionResetError");
  assert.equal(await said("live", "db.internal", 5432), "the database", "the other link is as it was");

  const second = await hold("live", "second");
  await killAgent();
  // A killed agent takes its connections along; the next one connects what was linked last.
  assert.match(await second(), /^kept\n(?:closed|ConnectionResetError)$/);
  await until("the next agent", async () => (await said("live", "db.internal", 5432)) === "the database");
  const third = await hold("live", "second");
  deploy("live", "");
  assert.match((await done(trial, ["apply", "live"])).stdout, /live now reaches nobody; one connection was ended/);
  assert.equal(await third(), "kept\nConnectionResetError");
  assert.equal(await said("live", "second", 5434), "gaierror");
  assert.equal(await said("live", "db.internal", 5432), "gaierror");
  await until("it is on record", async () =>
    (await recorded(trial, "live")).some(
      ({ kind, facts }) => kind === "live-change" && facts["request"] === "links" && facts["gets"] === "nobody",
    ),
  );
  deploy("live", "links: [{ to: alone, port: 1, as: db.internal }]\n");
  assert.match((await done(trial, ["apply", "live"])).stdout, /alone does not run, .*: skerry start alone/);
  await done(trial, ["kill", "live"]);
});

test("an app with rules gets links while it runs; one without any network at its next start", { skip }, async () => {
  const named = "answers: { network: { answer: subset, allow: ['example.org:443'] } }\n";
  const link = "links: [{ to: server, port: 5432, as: db.internal }]\n";
  for (const name of ["named", "alone"]) await done(trial, ["start", "-q", name, "--", "-c", "exec sleep 1000"]);
  deploy("named", named + link);
  await done(trial, ["apply", "named"]);
  assert.equal(await said("named", "db.internal", 5432), "the database");
  deploy("alone", link);
  assert.match(
    (await done(trial, ["apply", "alone"])).stdout,
    /links: take effect at the next start of alone \(skerry restart alone\), since it runs without a network/,
  );
  assert.equal(await said("alone", "db.internal", 5432), "gaierror");
  for (const name of ["named", "alone"]) await done(trial, ["kill", name]);
  assert.equal((await tryInside(trial, "alone", TARGETS))["tcp:db.internal:5432"], "the database");
});

test("a link beside a real network is refused with the way out", { skip }, async () => {
  deploy("both", "links: [{ to: server, port: 5432 }]\nanswers: { network: real }\n");
  const { stderr } = await trial.skerry(["run", "-q", "both", "--", "-c", "true"]);
  assert.match(stderr, /a link to a port beside a real network: give it a network by rules/);
});

test("one that is there on demand comes up when it is connected to, and goes when nobody needs it", {
  skip,
}, async () => {
  const text =
    "skerry: deployment/1\nrecipe: radicale\nisolation: container\non-demand: { stop-after: 1s }\n" +
    "answers: { network: deny }\n";
  writeFileSync(`${trial.home}/config/deployments/calendar.yaml`, text);
  deploy("reader", "links: [{ to: calendar, port: 5232, as: calendar }]\n");
  const runs = async () => (await listed(trial)).some(({ name, state }) => name === "calendar" && state === "running");
  const started = await done(trial, ["start", "reader", "--", "-c", "exec sleep 1000"]);
  assert.doesNotMatch(started.stdout + started.stderr, /calendar was started/);
  assert.equal(await runs(), false);
  const code = `
import urllib.request
print(urllib.request.urlopen("http://calendar:5232/.web/", timeout=60).status)
`;
  const ask = async () => (await trial.skerry(["exec", "reader", "--", "python3", "-c", code])).stdout.trim();
  assert.equal(await ask(), "200");
  await until("nobody needs it", async () => !(await runs()));
  await until("it is on record", async () => (await recorded(trial, "calendar")).some(({ kind }) => kind === "unused"));
  assert.deepEqual(await Promise.all([ask(), ask()]), ["200", "200"]);
  await until("nobody needs it", async () => !(await runs()));
  await done(trial, ["start", "-q", "calendar"]);
  await done(trial, ["stop", "calendar"]);
  assert.equal(await ask(), "", "what its owner has stopped stays down");
  await done(trial, ["kill", "reader"]);
});
