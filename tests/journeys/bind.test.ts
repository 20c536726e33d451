/** Bind: another folder or another instance provides it, in the file and in the running app; the answer stays as it was. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { done, recorded, until } from "./life.fixture.ts";
import { NO_NAMED_NETWORKS } from "./named-network.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

const AS_ROOT = process.getuid?.() === 0;

let trial: Trial;

const fileOf = (name: string) => `${trial.home}/config/deployments/${name}.yaml`;

function deploy(name: string, more: string): void {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  writeFileSync(fileOf(name), `skerry: deployment/1\nrecipe: dev-shell\nisolation: container\n${more}`);
}

before(() => {
  trial = makeTrial();
  for (const name of ["one", "two"]) {
    mkdirSync(`${trial.files}/${name}`);
    chmodSync(`${trial.files}/${name}`, 0o755);
    writeFileSync(`${trial.files}/${name}/name`, name);
    writeFileSync(`${trial.files}/${name}/other`, name);
  }
});

after(async () => await trial?.close());

const requests = "requests: { docs: { service: folder, why: to read, verbs: [read], inside: /mnt/docs } }\n";

test("a folder request gets another folder, with its answer and options as they were", async () => {
  const answers = (folder: string) =>
    `answers:\n  docs: { answer: subset, folder: "${trial.files}/one", files: [name] } # only this\n`.replace(
      `"${trial.files}/one"`,
      folder,
    );
  deploy("notes", requests + answers(`"${trial.files}/one"`));
  await done(trial, ["start", "-q", "notes", "--", "-c", "cd /; exec sleep 1000"]);
  const inside = async () => (await trial.skerry(["exec", "notes", "--", "sh", "-c", "cat /mnt/docs/*"])).stdout;
  assert.equal(await inside(), "one");
  const bound = await done(trial, ["bind", "notes", "docs", `${trial.files}/two`]);
  assert.match(bound.stdout, /^notes docs: .*two/);
  assert.ok(readFileSync(fileOf("notes"), "utf8").endsWith(answers(`${trial.files}/two`)));
  if (AS_ROOT) assert.match(bound.stdout, /docs: notes now gets nothing.*since as root/);
  assert.equal(await inside(), AS_ROOT ? "" : "two");
  const records = await recorded(trial, "notes");
  const record = records.find(({ kind }) => kind === "bind");
  assert.deepEqual(
    [record?.facts["request"], record?.facts["from"], record?.facts["to"]],
    ["docs", `${trial.files}/one`, `${trial.files}/two`],
  );
  await done(trial, ["bind", "notes", "docs", `${trial.files}/two`]);
  assert.equal((await recorded(trial, "notes")).filter(({ kind }) => kind === "bind").length, 1, "nothing has changed");
  await done(trial, ["kill", "notes"]);
  assert.equal((await done(trial, ["run", "-q", "notes", "--", "-c", "cat /mnt/docs/*"])).stdout, "two");
});

test("a link leads to another instance, under the same name", { skip: NO_NAMED_NETWORKS }, async () => {
  const server = (said: string) =>
    `import socket
listener = socket.create_server(("127.0.0.1", 5432))
print("serving", flush=True)
kept = []
while True:
    taken, _ = listener.accept()
    taken.sendall(b"${said}\\n")
    kept.append(taken)
`;
  for (const name of ["first", "second"]) {
    deploy(name, "");
    await done(trial, ["start", "-q", name, "--", "-c", `exec python3 -c '${server(name)}'`]);
    await until("it serves", async () => (await done(trial, ["logs", name])).stdout.includes("serving"));
  }
  deploy("web", "links:\n  - to: first # for now\n    port: 5432\n");
  await done(trial, ["start", "-q", "web", "--", "-c", "exec sleep 1000"]);
  const hold = `import socket
client = socket.create_connection(("first", 5432), 30)
client.settimeout(300)
print(client.recv(99).decode().strip(), flush=True)
try:
    print(client.recv(99))
except OSError as error:
    print(type(error).__name__)
`;
  const holder = trial.begin(["exec", "web", "--", "python3", "-c", hold]);
  let heard = "";
  holder.stdout?.on("data", (piece) => (heard += String(piece)));
  const ended = new Promise((resolve) => holder.once("close", resolve));
  await until("the connection", () => heard.includes("first"));
  const bound = await done(trial, ["bind", "web", "first", "second"]);
  assert.match(
    bound.stdout,
    /^web first: second\nlinks: web now reaches first:5432 of second; one connection was ended\n$/,
  );
  await ended;
  assert.equal(heard.trim(), "first\nConnectionResetError");
  const ask = 'import socket; print(socket.create_connection(("first", 5432), 30).recv(99).decode().strip())';
  assert.equal((await done(trial, ["exec", "web", "--", "python3", "-c", ask])).stdout, "second\n");
  assert.match(
    readFileSync(fileOf("web"), "utf8"),
    /links:\n {2}- to: second # for now\n {4}as: first\n {4}port: 5432\n$/,
  );
});

test("what cannot be bound is refused with the way out, and the file stays as it is", async () => {
  deploy("odd", `${requests}links: [{ to: notes, port: 1, as: db }]\nanswers: { docs: deny }\n`);
  deploy("round", "links: [{ to: odd }]\n");
  const text = readFileSync(fileOf("odd"), "utf8");
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["docs", "/tmp", /is granted no folder, and bind keeps an answer as it is\n {2}skerry grant odd docs=real:FOLDER/],
    ["network", "another", /its provider is this host's agent, and there is no other yet/],
    ["dosc", "/tmp", /no request and no link named "dosc"; did you mean docs\?/],
    ["db", "nobody", /there is no deployment named "nobody"/],
    ["db", "round", /these wait for each other: odd → round → odd/],
    ["db", "odd", /these wait for each other: odd → odd/],
    ["db", "/tmp", /there is no deployment named "\/tmp"/],
  ];
  for (const [request, provider, said] of cases) {
    const { code, stderr } = await trial.skerry(["bind", "odd", request, provider]);
    assert.notEqual(code, 0, request);
    assert.match(stderr, said);
    assert.equal(readFileSync(fileOf("odd"), "utf8"), text);
  }
  deploy("odd", `${requests}answers: { docs: { answer: real, folder: "${trial.files}/one" } }\n`);
  for (const [provider, said] of [
    ["one", /gets a folder, and this is none/],
    ["/does/not/exist", /does not exist/],
  ] as const)
    assert.match((await trial.skerry(["bind", "odd", "docs", provider])).stderr, said);
  await done(trial, ["bind", "odd", "docs", "./two"], { directory: trial.files });
  assert.match(readFileSync(fileOf("odd"), "utf8"), /folder: \S+\/two \}/);
});
