/** Graph and prove: claims about real deployments, with the lines of the files that show what does not hold. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { AgentClient } from "../../src/agent/client.ts";
import { placesFrom } from "../../src/model/index.ts";
import { done, json, until } from "./life.fixture.ts";
import { endOf, makeTrial, ROOT, type Trial } from "./trial.fixture.ts";

let trial: Trial;
let config: string;

before(() => {
  trial = makeTrial();
  config = `${trial.home}/config`;
  mkdirSync(`${config}/deployments`, { recursive: true });
  for (const folder of ["taxes/2024", "share/out", "music"]) mkdirSync(`${trial.files}/${folder}`, { recursive: true });
  symlinkSync(`${trial.files}/share`, `${trial.files}/exchange`);
  deployed("sums", [
    "recipe: dev-shell",
    "tags: [money]",
    "requests: { taxes: { service: folder, why: the sums, inside: /mnt/taxes } }",
    "answers:",
    `  taxes: { answer: real, folder: ${trial.files}/taxes }`,
    `  project: { answer: real, folder: ${trial.files}/exchange }`,
  ]);
  deployed("mail", [
    "recipe: radicale",
    "requests: { letters: { service: folder, why: to send them, inside: /mnt/letters } }",
    "answers:",
    `  letters: { answer: real, folder: ${trial.files}/share/out }`,
    "  network: real",
    "links: [{ to: store, port: 5432 }]",
  ]);
  deployed("store", ["recipe: radicale"]);
  deployed("player", ["recipe: ripgrep", `answers: { folder: { answer: copy, folder: ${trial.files}/music } }`]);
});

after(async () => await trial.close());

function deployed(name: string, lines: readonly string[]): void {
  writeFileSync(`${config}/deployments/${name}.yaml`, ["skerry: deployment/1", ...lines, ""].join("\n"));
}

const prove = async (claim: string, code: number) => await done(trial, ["prove", claim], { code });

test("what one app reads and another can send is found, and each step names its line", async () => {
  const { stdout } = await prove(`no app that reads folder ${trial.files}/taxes can reach network`, 1);
  const steps = stdout.split("\n").slice(2, 6);
  // What lies in the home folder is printed as its owner would write it.
  const home = process.env["HOME"] ?? "/";
  const files = trial.files.startsWith(`${home}/`) ? `~${trial.files.slice(home.length)}` : trial.files;
  const words = [
    `sums reads ${files}/taxes .*sums.yaml:6, taxes: real`,
    // As the link leads.
    `sums writes ${files}/share .*sums.yaml:7, project: real`,
    `mail reads ${files}/share/out .*mail.yaml:5, letters: real`,
    "mail reaches the internet .*mail.yaml:6, network: real",
  ];
  for (const [index, expected] of words.entries()) assert.match(steps[index] ?? "", new RegExp(expected));
  // By the link's own name it is the same folder.
  await prove(`sums can write folder ${trial.files}/exchange/out`, 0);
});

test("a link is a way in both directions, and what is not shared is none", async () => {
  await prove("no app that is mail can read volume store/data", 1);
  await prove("no app that is store can reach network", 1);
  await prove(`no app that reads folder ${trial.files}/music can reach network`, 0);
  await prove("no tag:money can write volume store/data", 1);
  await prove("no tag:money can read volume store/data", 0);
});

test("a claim that makes no sense is told from one that does not hold", async () => {
  const { stderr } = await prove("no tag:mony can reach network", 64);
  assert.match(stderr, /no deployment has the tag "mony"\. Did you mean "money"\?\n.*\n {5}\^/);
  assert.match((await prove("no app can raech network", 64)).stderr, /Did you mean "reach"\?/);
  await done(trial, ["prove"], { code: 64 });
  assert.match(
    (await prove(`no app that reads folder ${trial.files}/taxse can reach network`, 0)).stderr,
    /is about no app/,
  );
});

test("claims come from a file, and as JSON for programs", async () => {
  const file = `${trial.files}/claims.txt`;
  writeFileSync(file, "# what must stay so\n\nno tag:money can read volume store/data\nno app can reach network lan\n");
  const { stdout } = await done(trial, ["prove", "--file", file]);
  assert.equal(stdout.match(/^holds: /gm)?.length, 2);
  const ended = await done(trial, ["prove", "no app can reach network", "--json"], { code: 1 });
  const [{ holds = false, statements }] = JSON.parse(ended.stdout);
  assert.equal(holds, false);
  assert.equal(statements[0].instance, "mail");
  assert.deepEqual(statements[0].way[0].lines[0], { file: `${config}/deployments/mail.yaml`, line: 6 });
});

test("a folder that is not there yet counts against a claim, and not for it", async () => {
  deployed("later", [
    "recipe: ripgrep",
    "requests: { net: { service: network, why: to send } }",
    `answers: { folder: { answer: real, folder: ${trial.files}/diary }, net: real }`,
  ]);
  try {
    const { stderr } = await prove(`no app that reads folder ${trial.files}/diary can reach network`, 1);
    assert.match(stderr, /later cannot be started as things are: .*diary/);
    await prove(`later can read folder ${trial.files}/diary`, 1);
  } finally {
    rmSync(`${config}/deployments/later.yaml`);
  }
});

test("the graph shows each side of a link, and nothing of what is denied", async () => {
  const { stdout } = await done(trial, ["graph"]);
  assert.match(stdout, /^mail: recipe radicale\n(?: .*\n)*? {2}links to store:5432 .*mail\.yaml:7/m);
  assert.match(
    stdout,
    /^store: recipe radicale\n(?: .*\n)*? {2}can hand something to mail, over the link of mail to store:5432/m,
  );
  assert.match(stdout, /^player: recipe ripgrep\n {2}reads [^\n]*music /m);
  assert.doesNotMatch(stdout, /^store: .*\n(?: .*\n)*? {2}reaches/m);
  const graph = await json(trial, ["graph"]);
  assert.ok(typeof graph === "object" && graph !== null && "channels" in graph && Array.isArray(graph.channels));
  assert.deepEqual(
    graph.channels.map(({ from, to }: { readonly from: string; readonly to: string }) => `${from} ${to}`).toSorted(),
    ["mail store", "store mail", "sums mail"],
  );
  const { stdout: dot } = await done(trial, ["graph", "--dot"]);
  assert.match(dot, /^digraph skerry \{\n[^]*"app mail" -> "app store" \[label=":5432"\];[^]*\n\}\n$/);
});

test("while one deployment cannot be read nothing is said of all, and the graph names it", async () => {
  writeFileSync(`${config}/deployments/broken.yaml`, "skerry: deployment/1\nrecipee: x\n");
  try {
    assert.match((await prove("no app can reach network lan", 65)).stderr, /broken\.yaml:2:1: recipee/);
    assert.match((await done(trial, ["graph"])).stderr, /broken cannot be read/);
  } finally {
    rmSync(`${config}/deployments/broken.yaml`);
  }
});

test("a secret that comes from a file is read like a folder", async () => {
  writeFileSync(`${trial.files}/taxes/key`, "secret");
  deployed("sender", [
    "recipe: radicale",
    `secrets: { key: { file: ${trial.files}/taxes/key } }`,
    "answers: { network: real }",
  ]);
  try {
    const { stdout } = await prove(`no app that reads folder ${trial.files}/taxes and is sender can reach network`, 1);
    assert.match(stdout, /sender reads \S+taxes\/key +\(\S+sender\.yaml:3\)/);
  } finally {
    rmSync(`${config}/deployments/sender.yaml`);
  }
});

test("the file of a system's disk is read like a folder", async () => {
  deployed("guest", [
    "recipe: own-system",
    "isolation: vm",
    "disks:",
    `  system: { answer: copy, file: ${trial.files}/taxes/disk.qcow2 }`,
  ]);
  try {
    const { stdout } = await prove(`not guest can read folder ${trial.files}/taxes`, 1);
    assert.match(stdout, /guest reads \S+taxes\/disk\.qcow2 +\(\S+guest\.yaml:5\)/);
    await prove(`not guest can write folder ${trial.files}/taxes`, 0);
  } finally {
    rmSync(`${config}/deployments/guest.yaml`);
  }
});

test("explain gives the chain from the line that asks to what is let through, and the line that would allow it", async () => {
  deployed("caller", [
    "recipe: radicale",
    "requests: { web: { service: network, why: to look } }",
    "answers:",
    "  web:",
    "    answer: subset",
    "    allow:",
    "      - example.org:443",
    "      - lan:80",
  ]);
  try {
    const whole = (await done(trial, ["explain", "mail"])).stdout;
    assert.match(
      whole,
      /^letters: a folder, to read; optional\n {2}asked for in \S+mail\.yaml:3: to send them\n {2}answered in \S+mail\.yaml:5: real\n/m,
    );
    assert.match(whole, /lets through: \S+share\/out appears at \/mnt\/letters, read-only\n/);
    assert.match(whole, /links to store:5432 +\(\S+mail\.yaml:7\)/);
    const denied = (await done(trial, ["explain", "store", "network"])).stdout;
    assert.match(denied, /asked for in \S+recipes\/radicale\.yaml:\d+: .*\n {2}not answered, and so denied\n/);
    assert.match(denied, /write in \S+store\.yaml:\n +answers:\n +network: real\n/);

    const rule = async (target: string) => (await done(trial, ["explain", "caller", target])).stdout;
    assert.match(
      await rule("example.org:443"),
      /^caller can reach example\.org:443 by itself:\n.* reaches example\.org:443 +\(\S+caller\.yaml:8,/,
    );
    assert.match(await rule("example.org:443"), /^ {2}the broker lets it through by the rule example\.org:443$/m);
    assert.match(
      await rule("example.org:22"),
      /^ {2}the broker refuses it: it is granted with another port .*; the nearest rule is example\.org:443$/m,
    );
    assert.match(await rule("lan:80"), /reaches lan:80 +\(\S+caller\.yaml:9,/);
    const other = await rule("example.com:443");
    assert.match(other, /^caller cannot reach example\.com:443\n/);
    assert.match(other, / {2}answers\.web\.allow:\n {4}- "?example\.com:443"?\n/);
    assert.match(await rule("example.com:80"), /^caller can perhaps, .* reach example\.com:80 by itself:\n.*lan:80/);

    const over = (await done(trial, ["explain", "mail", `${trial.files}/taxes`])).stdout;
    assert.match(over, /^mail can read \S+taxes with the help of others:\n {2}sums reads [^]*\n {2}mail reads /m);
    assert.match(over, /^mail cannot write /m);
    assert.match(
      (await done(trial, ["explain", "player", "store"])).stdout,
      /^player cannot reach store\n[^]* {2}links:\n/,
    );
    assert.match((await done(trial, ["explain", "mail", "lettres"], { code: 1 })).stderr, /Did you mean "letters"/);
  } finally {
    rmSync(`${config}/deployments/caller.yaml`);
  }
});

test("a long answer comes whole through a pipe whose reader takes its time", async () => {
  const own = `${trial.home}/many`;
  mkdirSync(`${own}/config/deployments`, { recursive: true });
  const requests = Array.from(
    { length: 40 },
    (_, index) => `  r${index}: { service: folder, why: x, inside: /mnt/${index} }`,
  );
  const answers = requests.map((_, index) => `  r${index}: { answer: real, folder: ${trial.files}/music }`);
  const text = ["skerry: deployment/1", "recipe: ripgrep", "requests:", ...requests, "answers:", ...answers, ""].join(
    "\n",
  );
  for (let number = 0; number < 20; number++) writeFileSync(`${own}/config/deployments/app-${number}.yaml`, text);
  const options = { environment: { SKERRY_HOME: own } };
  try {
    const child = trial.begin(["graph", "--json"], options);
    // Until it has come to its end the pipe is full.
    await until("the first part is there", () => (child.stdout?.readableLength ?? 0) > 0);
    const { stdout, code } = await endOf(child, 60_000);
    assert.equal(code, 0);
    const { instances, rights } = JSON.parse(stdout);
    assert.equal(instances.length, 20);
    assert.equal(rights.length, 800);
  } finally {
    await new AgentClient(placesFrom({ SKERRY_HOME: own }, process.getuid?.() ?? -1, ROOT), {}).shutdown();
  }
});
