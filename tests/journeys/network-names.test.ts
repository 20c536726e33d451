/** Networks by name: what an app reaches, seen from inside, between two servers of which one is granted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./doors.fixture.ts";
import { killAgent } from "./life.fixture.ts";
import { deployWithRules, makeNamedTrial, NO_NAMED_NETWORKS, tryInside } from "./named-network.fixture.ts";

const skip = NO_NAMED_NETWORKS;

const { trial, world } = await makeNamedTrial();
const right = await world.serve((socket) => socket.end("the right one"));
const wrong = await world.serve((socket) => socket.end("the wrong one"));
world.names.set("right.example.org", [world.address]);
world.names.set("wrong.example.org", [world.address]);

async function refusedIn(instance: string): Promise<readonly string[]> {
  const { stdout } = await trial.skerry(["audit", "--json"]);
  return stdout
    .split("\n")
    .filter((line) => line.includes('"net-refused"') && line.includes(`"${instance}"`))
    .map((line) => /"to":"([^"]*)"/.exec(line)?.[1] ?? "");
}

test("of two servers the granted one is reached by its name, and nothing else is", { skip }, async () => {
  deployWithRules(
    trial,
    world,
    "one",
    `{ answer: subset, allow: [{ to: "right.example.org:${right}", private: yes }] }`,
  );
  const seen = await tryInside(trial, "one", [
    `tcp:right.example.org:${right}`,
    `tcp:right.example.org:${wrong}`,
    `tcp:wrong.example.org:${wrong}`,
    `tcp:203.0.113.7:${right}`,
    `tcp:127.0.0.1:${right}`,
    `tcp:${world.address}:${right}`,
    `udp:right.example.org:${right}`,
    "udp:203.0.113.7:53",
    `tcp:2001:db8::7:${right}`,
    "udp:2001:db8::7:53",
    "name:right.example.org",
  ]);
  assert.equal(seen[`tcp:right.example.org:${right}`], "the right one");
  assert.equal(seen["tcp:wrong.example.org:" + String(wrong)], "no such name");
  assert.match(seen["name:right.example.org"] ?? "", /^198\.1[89]\.\S+ fd53:6b65:7279::\S+$/);
  for (const [target, said] of Object.entries(seen)) {
    if (target === `tcp:right.example.org:${right}` || target.startsWith("name:") || said === "no such name") continue;
    assert.equal(said, "ECONNREFUSED", target);
  }
  const named = [
    `right.example.org:${wrong}/tcp`,
    "wrong.example.org (name)",
    `203.0.113.7:${right}/tcp`,
    `[2001:db8::7]:${right}/tcp`,
  ];
  await until("records of what was refused", async () => {
    const refused = await refusedIn("one");
    return named.every((to) => refused.includes(to)) ? true : undefined;
  });
  assert.ok(!world.asked.has("wrong.example.org"), "what is not granted is asked of nobody");
});

/** Starts a shell in the background that waits, and runs Python in it. */
async function standing(instance: string, answer: string) {
  deployWithRules(trial, world, instance, answer);
  const started = await trial.skerry(["start", "--quiet", instance, "--", "-c", "sleep 1000"]);
  assert.equal(started.code, 0, started.stderr);
  return {
    python: async (script: string) => await trial.skerry(["exec", instance, "--", "python3", "-c", script]),
    end: async () => await trial.skerry(["kill", instance]),
  };
}

const rule = (port: number, options = "") =>
  `{ answer: subset, allow: [{ to: "right.example.org:${port}", private: yes${options} }] }`;

const ASK = (port: number) => `
import socket
client = socket.create_connection(("right.example.org", ${port}), 30)
`;

test("what a running app reached and was refused is shown with how much has passed", { skip }, async () => {
  const app = await standing("shown", rule(right));
  const asked = await app.python(`${ASK(right)}print(client.recv(100).decode())`);
  assert.equal(asked.stdout, "the right one\n", asked.stderr);
  await app.python('import socket; socket.create_connection(("192.0.2.99", 81), 30).recv(1)');
  await app.python(`
import socket
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.sendto(b"x", ("203.0.113.7", 53))
client.sendto(b"x", ("right.example.org", 9))
`);
  const shown = await until("the end of the connection, and what the kernel has refused", async () => {
    const { stdout, stderr } = await trial.skerry(["net", "shown", "--json"]);
    assert.equal(stderr, "");
    const value: {
      readonly byRules: boolean;
      readonly targets: readonly { readonly to: string; readonly allowed: boolean; readonly receivedBytes: number }[];
    } = JSON.parse(stdout);
    const passed = value.targets.some(({ receivedBytes }) => receivedBytes > 0);
    return passed && value.targets.some(({ to }) => to.endsWith("/udp")) ? value : undefined;
  });
  const of = (to: string) => shown.targets.find((target) => target.to === to);
  assert.equal(of(`right.example.org:${right}/tcp`)?.receivedBytes, "the right one".length);
  for (const to of ["192.0.2.99:81/tcp", "203.0.113.7:53/udp", "right.example.org:9/udp"])
    assert.equal(of(to)?.allowed, false, to);
  await app.end();
});

test("the end of what an app says reaches the server, and its answer comes after it", { skip }, async () => {
  const port = await world.serve((socket) => {
    let said = "";
    socket.on("data", (piece) => (said += String(piece)));
    socket.on("end", () => socket.end(`${said.length} bytes`));
  });
  const app = await standing("half", rule(port));
  const script = `${ASK(port)}client.sendall(b"x" * 3000000); client.shutdown(socket.SHUT_WR); print(client.recv(100).decode())`;
  const asked = await app.python(script);
  assert.equal(asked.stdout, "3000000 bytes\n", asked.stderr);
  await app.end();
});

test("an agent that is killed takes the network with it, and the next one gives it back", { skip }, async () => {
  const app = await standing("adopted", rule(right));
  // What it has learned before still holds afterwards.
  const script = `${ASK(right)}place = client.getpeername(); print(client.recv(100).decode(), flush=True)
import sys, time
for line in sys.stdin:
    try:
        print(socket.create_connection(place, 30).recv(100).decode(), flush=True)
    except OSError as error:
        print("refused", flush=True)
`;
  const inside = trial.begin(["exec", "adopted", "--", "python3", "-c", script]);
  let said = "";
  inside.stdout?.on("data", (piece) => (said += String(piece)));
  await until("a first answer", async () => (said === "the right one\n" ? true : undefined));
  const info = await trial.client.call<{ readonly pid?: number }>("Info", {});
  assert.ok(info.ok && info.value.pid !== undefined);
  process.kill(info.value.pid, "SIGKILL");
  await until("the end of the agent", async () => {
    inside.stdin?.write("again\n");
    return said.includes("refused") ? true : undefined;
  });
  said = "";
  await trial.skerry(["ps"]);
  await until("an answer under the next agent", async () => {
    inside.stdin?.write("again\n");
    return said.includes("the right one") ? true : undefined;
  });
  inside.stdin?.end();
  await app.end();
});

test("in an empty network every name resolves, and nothing answers", { skip }, async () => {
  deployWithRules(trial, world, "void", "empty");
  const seen = await tryInside(trial, "void", ["name:right.example.org", `tcp:right.example.org:${right}`]);
  assert.match(seen["name:right.example.org"] ?? "", /^198\./);
  assert.equal(seen[`tcp:right.example.org:${right}`], "ECONNREFUSED");
  assert.ok(!world.asked.has("void.example.org"));
});

test("with tls: same-name only a connection that asks for that name is made", { skip }, async () => {
  let hello = Buffer.alloc(0);
  const port = await world.serve((socket) => {
    socket.on("data", (piece: Buffer) => {
      hello = Buffer.concat([hello, piece]);
      socket.end("taken");
    });
  });
  const app = await standing("same", rule(port, ", tls: same-name"));
  const shake = (name: string) => `${ASK(port)}
import ssl
context = ssl.create_default_context()
end = ssl.MemoryBIO()
wants = ssl.MemoryBIO()
tls = context.wrap_bio(end, wants, server_hostname="${name}")
try:
    tls.do_handshake()
except ssl.SSLWantReadError:
    pass
client.sendall(wants.read())
try:
    print(client.recv(100).decode() or "nothing")
except OSError:
    print("reset")
`;
  assert.equal((await app.python(shake("wrong.example.org"))).stdout, "reset\n");
  assert.equal(
    (
      await app.python(`${ASK(port)}
client.sendall(b"GET / HTTP/1.0")
try:
    print(client.recv(100))
except OSError:
    print("reset")
`)
    ).stdout,
    "reset\n",
  );
  assert.equal(hello.length, 0, "the server has seen nothing of what was refused");
  const right = await app.python(shake("right.example.org"));
  assert.equal(right.stdout, "taken\n", right.stderr);
  assert.ok(hello.includes("right.example.org"), "what was read is passed on as it was");
  await app.end();
});

test("a quota ends what goes beyond it", { skip }, async () => {
  const port = await world.serve((socket) => socket.end(Buffer.alloc(3_000_000)));
  const app = await standing("quota", rule(port, ", quota: 1 MB/day"));
  const asked = await app.python(`${ASK(port)}
count = 0
try:
    while piece := client.recv(65536):
        count += len(piece)
    print("whole", count)
except OSError:
    print("cut", count <= 1000000)
`);
  assert.equal(asked.stdout, "cut True\n", `${asked.stdout}${asked.stderr}`);
  await app.end();
});

test("datagrams pass to a granted name and port, both ways, and to no other", { skip }, async () => {
  const port = await world.serveDatagrams("by datagram");
  const other = await world.serveDatagrams("the wrong one");
  deployWithRules(
    trial,
    world,
    "datagrams",
    `{ answer: subset, allow: [{ to: "right.example.org:${port}/udp", private: yes }, "${world.address}:${port}/udp"] }`,
  );
  const seen = await tryInside(trial, "datagrams", [
    `udp:right.example.org:${port}`,
    `udp:${world.address}:${port}`,
    `udp:right.example.org:${other}`,
    `udp:${world.address}:${other}`,
    `tcp:right.example.org:${port}`,
    "udp:203.0.113.7:53",
  ]);
  assert.deepEqual(Object.values(seen).slice(0, 2), ["by datagram", "by datagram"]);
  for (const said of Object.values(seen).slice(2)) assert.match(said, /^ECONN/);
});

test("what is revoked while an app runs is gone at once, also under the next agent, and comes back when granted", {
  skip,
}, async () => {
  const port = await world.serve((socket) => socket.write("held"));
  const app = await standing("live", rule(port));
  const held = trial.begin([
    ...["exec", "live", "--", "python3", "-c"],
    `${ASK(port)}print(client.recv(100).decode(), flush=True)
try:
    client.recv(100)
except OSError:
    print("reset", flush=True)
`,
  ]);
  let said = "";
  held.stdout?.on("data", (piece) => (said += String(piece)));
  await until("the connection", async () => (said.includes("held") ? true : undefined));
  const revoked = await trial.skerry(["revoke", "live", "network"]);
  assert.equal(revoked.code, 0, revoked.stderr);
  assert.match(`${revoked.stdout}${revoked.stderr}`, /one connection was ended/);
  await until("its end", async () => (said.includes("reset") ? true : undefined));
  const tries = async () => (await app.python(`${ASK(port)}print(client.recv(100).decode())`)).stdout;
  assert.equal(await tries(), "");
  await killAgent(trial);
  assert.equal(await tries(), "");
  deployWithRules(trial, world, "live", rule(port));
  const applied = await trial.skerry(["apply", "live"]);
  assert.equal(applied.code, 0, applied.stderr);
  assert.equal(await tries(), "held\n");
  await app.end();
});
