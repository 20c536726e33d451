/** Links: one instance reaches one port of another under a name of its own, and nothing else of it; without a link, nothing. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { done, recorded, until } from "./life.fixture.ts";
import { NO_NAMED_NETWORKS, tryInside } from "./named-network.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

const skip = NO_NAMED_NETWORKS;

let trial: Trial;

/** Two servers on the loopback of their compartment, and one on an abstract socket. */
const SERVERS = `
import socket, threading
def serve(listener, said):
    while True:
        taken, _ = listener.accept()
        taken.sendall(said)
        taken.close()
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
  deploy("linked", "links: [{ to: server, port: 5432, as: db.internal }]\n");
  deploy("alone", "");
  deploy("named", "answers: { network: { answer: subset, allow: ['example.org:443'] } }\n");
  await serve();
});

after(async () => {
  if (skip === false) await trial.close();
});

async function serve(): Promise<void> {
  writeFileSync(`${trial.files}/servers.py`, SERVERS);
  await done(trial, ["start", "-q", "server", "--", "-c", `exec python3 -c '${SERVERS}'`]);
  await until("it serves", async () => (await done(trial, ["logs", "server"])).stdout.includes("serving"));
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
  deploy("linked", "");
  assert.match((await done(trial, ["apply", "linked"])).stdout, /links: take effect at the next start of linked/);
  await done(trial, ["kill", "linked"]);
  assert.equal((await tryInside(trial, "linked", TARGETS))["tcp:db.internal:5432"], "no such name");
});

test("a link beside a real network is refused with the way out", { skip }, async () => {
  deploy("both", "links: [{ to: server, port: 5432 }]\nanswers: { network: real }\n");
  const { stderr } = await trial.skerry(["run", "-q", "both", "--", "-c", "true"]);
  assert.match(stderr, /a link to a port beside a real network: give it a network by rules/);
});
