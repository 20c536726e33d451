/**
 * Kills over all operations: does one of them, kills something of Skerry's at a random moment, and holds what is left to
 * what must be true at any time. Packages come from an archive on the loopback.
 *
 * One instance can be started by its launcher, the other has a copy of a folder, which takes the full way.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Archive, BuildTrial } from "../hostile/packages/archive.fixture.ts";
import { wholeStore } from "../hostile/packages/killing.fixture.ts";
import { processesOf } from "../hostile/packages/processes.fixture.ts";
import { haveProcesses, kill, leftOf, NAME, pidsOf, type Victim } from "./kill-loop.fixture.ts";
import { done, listed, until } from "./life.fixture.ts";

const PLAIN = NAME;
const COPIER = `${NAME}-copy`;

/** Long enough for each of the operations to be over now and then. */
const LONGEST_MS = 1_600;

/** All files of all layers are read so often, which takes longer than all else. */
const VERIFY_EVERY = 20;

const VICTIMS = ["agent", "command", "wall", "build", "everything"] as const;

const RECIPE = (packages: string) => `skerry: recipe/1
summary: made for a test
base: trial
packages: [${packages}]
programs: { sh: { command: [/bin/bash], arguments: any } }
requests: { project: { service: folder, why: to write there, need: optional, verbs: [read, write], inside: /work } }
volumes: { data: { class: data, inside: /data } }
`;

/** Slow enough that what installs it can be met. */
const SCRIPTS = { postinst: "for n in 1 2 3; do sleep 0.1; done" };

/** What the archive has at first. */
export const PACKAGES = ["one", "two"].map((name) => ({ name, files: [{ name: "./version", content: "1\n" }] }));

/** @param rounds - how often something is killed */
export async function killEverything(trial: BuildTrial, archive: Archive, rounds: number): Promise<void> {
  const mark = `mark-${randomBytes(6).toString("hex")}`;
  const content = randomBytes(16).toString("hex");
  const folder = `${trial.files}/project`;
  prepare(trial, folder);
  // Keeps the base, which takes long to build and is killed in tests/slow/build-killed.test.ts.
  await done(trial, ["build", "-q", "keeps-base"]);
  await done(trial, ["deploy", "victim", "--as", PLAIN]);
  await done(trial, ["deploy", "victim", "--as", COPIER]);
  await done(trial, ["run", "-q", PLAIN, "--", "-c", `echo ${content} > /data/kept`]);
  await done(trial, ["images", "export", "-q", "keeps-base", `${trial.files}/layout`]);
  let version = 1;
  let [exports, imports] = [0, 0];
  const app = ["--", "-c", `(setsid sleep 1000 &) ; exec -a ${mark} sleep 1000`];
  const copied = ["--folder", `${folder}=copy`];
  const write =
    "for n in 0 1 2 3 4 5 6 7 8 9; do head -c 100000 /dev/zero | tr '\\0' n > /work/$n; done; rm -rf /work/d; echo n > /work/d";
  const acts: Readonly<Record<string, () => Promise<readonly string[]>>> = {
    deploy: async () => ["deploy", "victim", "--as", PLAIN],
    edit: async () => ["edit", PLAIN],
    build: async () => ["build", "-q", "victim"],
    upgrade: async () => {
      version++;
      const files = [{ name: "./version", content: `${version}\n` }];
      archive.publish({ add: [{ name: "one", version: `${version}.0`, files, scripts: SCRIPTS }] });
      return ["upgrade", "-q", "victim"];
    },
    rollback: async () => ["rollback", "-q", "victim"],
    verify: async () => ["images", "verify", "-q", "victim"],
    export: async () => {
      exports++;
      return ["images", "export", "-q", "victim", `${trial.files}/export-${exports}.tar`];
    },
    import: async () => {
      imports++;
      return ["images", "import", "-q", `${trial.files}/layout`, "--as", `imported-${imports}`];
    },
    purge: async () => ["purge", "-q", "victim"],
    "purge all": async () => ["purge", "-q", "--unused"],
    start: async () => ["start", "-q", PLAIN, ...app],
    run: async () => ["run", "-q", PLAIN, ...app],
    "run by a launcher": async () => {
      await trial.skerry(["kill", PLAIN]);
      // Not all states allow one; then the start goes the full way.
      if ((await trial.skerry(["run", "-q", PLAIN, "--", "-c", "true"])).code === 0) await pause(3_000);
      return ["run", "-q", PLAIN, ...app];
    },
    "run with a copy": async () => ["run", "-q", COPIER, ...copied, "--", "-c", write],
    "run in passing": async () => ["run", "-q", "--rm", PLAIN, ...app],
    stop: async () => ["stop", PLAIN],
    kill: async () => ["kill", PLAIN],
    exec: async () => ["exec", PLAIN, "--", "sh", "-c", `: ${mark}; echo x`],
    apply: async () => ["changes", COPIER, "--apply", "-q"],
    discard: async () => ["changes", COPIER, "--discard", "-q"],
    undeploy: async () => ["undeploy", PLAIN],
  };
  const names = Object.keys(acts);
  const first = randomInt(names.length);
  for (let round = 0; round < rounds; round++) {
    // Each in its turn, from one that was drawn by lot.
    const act = names[(first + round) % names.length] ?? "build";
    const words = (await acts[act]?.()) ?? [];
    const victim = VICTIMS[randomInt(VICTIMS.length)] ?? "agent";
    const afterMs = randomInt(LONGEST_MS);
    const story = `round ${round}: ${act}, ${victim} killed after ${afterMs} ms`;
    const child = trial.begin(words, { environment: { EDITOR: `${trial.files}/editor` } });
    let said = "";
    child.stderr?.on("data", (piece) => (said = `${said}${String(piece)}`.slice(-2_000)));
    child.stdout?.resume();
    const ended = once(child, "exit");
    await pause(afterMs);
    for (const pid of victimsOf(trial, victim, child.pid, mark)) kill(pid);
    if (words[0] === "run") child.kill("SIGKILL");
    await ended;
    try {
      assert.doesNotMatch(said, /This is a bug in Skerry/);
      await holds(trial, mark, content, folder);
      if (round % VERIFY_EVERY === VERIFY_EVERY - 1) await verifies(trial);
    } catch (error) {
      const because = error instanceof Error ? error.message : String(error);
      throw new Error(`${story}: ${because}\nthe command said: ${said}`, { cause: error });
    }
  }
  await endsWell(trial, mark, content);
}

function prepare(trial: BuildTrial, folder: string): void {
  mkdirSync(`${folder}/d`, { recursive: true });
  for (let number = 0; number < 10; number++) writeFileSync(`${folder}/${number}`, "old\n");
  for (const path of [folder, `${folder}/d`]) chmodSync(path, 0o755);
  writeFileSync(`${trial.home}/config/recipes/victim.yaml`, RECIPE("one"));
  writeFileSync(`${trial.home}/config/recipes/keeps-base.yaml`, RECIPE("two"));
  // Turns one line into the other and back.
  const swap =
    "s/^environment: {}/environment: { COLOUR: green }/; t; s/^environment: { COLOUR: green }/environment: {}/";
  writeFileSync(`${trial.files}/editor`, `#!/bin/sh\nexec sed -i '${swap}' "$1"\n`, { mode: 0o755 });
}

function victimsOf(
  trial: BuildTrial,
  victim: Victim | "build",
  command: number | undefined,
  mark: string,
): readonly number[] {
  if (victim !== "build") return pidsOf(trial, victim, command, mark);
  const builds = processesOf(`${trial.home}/data/store`).filter(({ words }) => /bwrap|apt|dpkg|unshare/.test(words));
  const chosen = builds[builds.length === 0 ? 0 : randomInt(builds.length)];
  return chosen === undefined ? [] : [chosen.pid];
}

/** What must be true whatever was killed: a command works, and everything that has its name is whole. */
async function holds(trial: BuildTrial, mark: string, content: string, folder: string): Promise<void> {
  await done(trial, ["ps"]);
  assert.match((await done(trial, ["audit", "verify"])).stdout, /is whole/);
  const traces = async () =>
    leftOf(
      trial,
      mark,
      (await listed(trial)).map(({ id }) => id),
    );
  let left: readonly string[] = [];
  await until(
    () => `only what runs has traces; there are ${left.join(", ")}`,
    async () => (left = await traces()).length === 0,
  );
  await haveProcesses(trial);
  await until(
    () => `nothing is left half; there are ${halves(trial).join(", ")}`,
    () => halves(trial).length === 0,
  );
  wholeStore(trial);
  wholeRecords(trial);
  assert.equal(readFileSync(`${trial.home}/data/volumes/${PLAIN}/data/kept`, "utf8"), `${content}\n`);
  for (let number = 0; number < 10; number++)
    assert.match(readFileSync(`${folder}/${number}`, "utf8"), /^(old\n|n{100000})$/, `${number} is old or new`);
  for (const name of readdirSync(trial.files).filter((each) => /^export-\d+\.tar$/.test(each))) {
    const read = spawnSync("/usr/bin/tar", ["-tf", `${trial.files}/${name}`], { encoding: "utf8" });
    assert.equal(read.status, 0, `${name}: ${read.stderr}`);
    assert.match(read.stdout, /^index\.json$/m, name);
    rmSync(`${trial.files}/${name}`);
  }
  for (const name of [PLAIN, COPIER]) {
    const deployment = `${trial.home}/config/deployments/${name}.yaml`;
    if (!existsSync(deployment)) continue;
    await done(trial, ["describe", name]);
    wholeLauncher(`${trial.home}/run/instances/${name}/launcher`, deployment);
  }
}

/** What a build, a fetch, a switch or a purge has begun and nobody goes on with. */
function halves(trial: BuildTrial): readonly string[] {
  const data = `${trial.home}/data`;
  return [
    ...trial.stored("building"),
    ...trial.stored("debs").filter((name) => !/^[0-9a-f]{64}\.deb$/.test(name)),
    ...["store/going", "pending"].filter((name) => existsSync(`${data}/${name}`)),
    ...namesIn(`${data}/switching`),
    ...namesIn(`${data}/exporting`),
    ...namesIn(trial.files).filter((name) => name.endsWith(".part")),
  ];
}

/** Every lock and image is whole, and every layer that an image names is there. */
function wholeRecords(trial: BuildTrial): void {
  for (const name of namesIn(`${trial.home}/data/locks`).filter((each) => each.endsWith(".json")))
    JSON.parse(readFileSync(`${trial.home}/data/locks/${name}`, "utf8"));
  for (const name of namesIn(`${trial.home}/data/images`).filter((each) => /^[a-z0-9-]+\.json$/.test(each))) {
    const image: { readonly layers: readonly string[]; readonly imported?: unknown } = JSON.parse(
      readFileSync(`${trial.home}/data/images/${name}`, "utf8"),
    );
    for (const key of image.layers)
      assert.ok(existsSync(`${trial.home}/data/store/layers/${key}/layer.json`), `${name} has its layer ${key}`);
    if (image.imported === undefined) assert.ok(existsSync(`${trial.home}/data/locks/${name}`), `${name} has its lock`);
  }
}

/** Where there is one, it can be read to its end, and its copies are whole. */
function wholeLauncher(launcher: string, deployment: string): void {
  if (!existsSync(`${launcher}/start`)) return;
  const read = spawnSync("/bin/sh", ["-c", '. "$1/start"; type begin nothing_new stated', "sh", launcher]);
  assert.equal(read.status, 0, String(read.stderr));
  assert.ok(readFileSync(`${launcher}/recipe`, "utf8").endsWith("\n"));
  assert.equal(readFileSync(`${launcher}/deployment`, "utf8"), readFileSync(deployment, "utf8"));
}

async function verifies(trial: BuildTrial): Promise<void> {
  if (namesIn(`${trial.home}/data/images`).length > 0) await done(trial, ["images", "verify"]);
}

async function endsWell(trial: BuildTrial, mark: string, content: string): Promise<void> {
  // It may have ended by itself meanwhile.
  for (const { name } of await listed(trial)) await trial.skerry(["kill", name]);
  await until("nothing is left of any", () => leftOf(trial, mark, []).length === 0);
  if ((await trial.skerry(["describe", PLAIN])).code !== 0) await done(trial, ["deploy", "victim", "--as", PLAIN]);
  await done(trial, ["build", "-q", "victim"]);
  await verifies(trial);
  assert.equal((await done(trial, ["run", "-q", PLAIN, "--", "-c", "cat /data/kept"])).stdout, `${content}\n`);
  await until("everything is on record", () => namesIn(`${trial.home}/state/spool`).length === 0);
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
