/** A disk that is full in the middle of each operation: it is said, all stays as it was, and with room again all works. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { after, before, test } from "node:test";
import {
  type Archive,
  type BuildTrial,
  makeArchive,
  makeBuildTrial,
  NO_GPG,
} from "../hostile/packages/archive.fixture.ts";
import { wholeStore } from "../hostile/packages/killing.fixture.ts";
import { done, listed, recorded, until } from "./life.fixture.ts";
import type { Ended } from "./trial.fixture.ts";

let archive: Archive;
let trial: BuildTrial;

const CANNOT = process.getuid?.() === 0 ? NO_GPG : "cannot here: a small disk of one's own takes root";

const options = { skip: CANNOT };

/** What is written: deployments, volumes and the store, records. All on one disk. */
const PLACES = ["config", "data", "state"] as const;

const BIG = "some bytes\n".repeat(100_000);

before(async () => {
  if (CANNOT !== false) return;
  archive = await makeArchive([{ name: "one", files: [{ name: "./version", content: `1${BIG}` }] }]);
  trial = makeBuildTrial(archive);
  const recipe =
    "skerry: recipe/1\nsummary: made for a test\nbase: trial\npackages: [one]\nprograms: { sh: { command: [/bin/bash], arguments: any } }\nvolumes: { data: { class: data, inside: /data } }\n";
  writeFileSync(`${trial.home}/config/recipes/app.yaml`, recipe);
  writeFileSync(`${trial.files}/editor`, `#!/bin/sh\necho '# more' >> "$1"\n`, { mode: 0o755 });
  const disk = `${trial.home}/disk`;
  mkdirSync(disk);
  act("mount", "-t", "tmpfs", "-o", "size=200m,mode=0755", "skerry-full", disk);
  for (const place of PLACES) {
    mkdirSync(`${trial.home}/${place}`, { recursive: true });
    act("cp", "-a", `${trial.home}/${place}`, `${disk}/${place}`);
    act("mount", "--bind", `${disk}/${place}`, `${trial.home}/${place}`);
  }
});

after(async () => {
  if (CANNOT !== false) return;
  await trial.client.shutdown();
  for (const place of [...PLACES, "disk"]) spawnSync("/usr/bin/umount", ["-l", `${trial.home}/${place}`]);
  await trial.close();
  await archive.close();
});

function act(program: string, ...words: readonly string[]): void {
  const ended = spawnSync(`/usr/bin/${program}`, words);
  assert.equal(ended.status, 0, String(ended.stderr));
}

/** Not a byte is left until it is over. */
async function withoutRoom<Value>(work: () => Promise<Value>): Promise<Value> {
  const path = `${trial.home}/disk/filler`;
  const file = openSync(path, "w");
  try {
    for (let bytes = 1024 * 1024; bytes >= 1; )
      try {
        writeSync(file, Buffer.alloc(bytes));
      } catch {
        bytes = Math.floor(bytes / 2);
      }
    return await work();
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

async function refusedForRoom(...words: readonly string[]): Promise<void> {
  const environment = { EDITOR: `${trial.files}/editor` };
  const ended = await withoutRoom(async () => await trial.skerry(words, { environment }));
  assert.equal(ended.code, 75, `skerry ${words.join(" ")}: ${ended.stdout}${ended.stderr}`);
  assert.match(ended.stderr, /no space is left on the disk/);
}

const text = (name: string) => readFileSync(`${trial.home}/${name}`, "utf8");

test("a deployment is written whole or not at all", options, async () => {
  await refusedForRoom("deploy", "app");
  assert.ok(!existsSync(`${trial.home}/config/deployments/app.yaml`));
  await done(trial, ["deploy", "app"]);
  const before = text("config/deployments/app.yaml");
  await refusedForRoom("edit", "app");
  assert.equal(text("config/deployments/app.yaml"), before);
});

test("a build leaves nothing half, and then succeeds", options, async () => {
  await refusedForRoom("build", "app");
  assert.ok(!existsSync(`${trial.home}/data/images/app.json`));
  assert.deepEqual(trial.stored("building"), []);
  await done(trial, ["build", "app"]);
  wholeStore(trial);
});

test("a start without room for its record does not happen", options, async () => {
  const run = ["run", "-q", "app", "--", "-c", "echo ran", "told-apart"] as const;
  await done(trial, ["run", "-q", "app", "--", "-c", "echo x > /data/x"]);
  // A record may find room in the last page of its file, but not many do.
  const long = [...run, ...Array.from({ length: 15 }, () => "x".repeat(200))];
  const ends = await withoutRoom(async () => {
    const all: Ended[] = [];
    for (let count = 0; count < 4; count++) all.push(await trial.skerry(long));
    return all;
  });
  assert.ok(
    ends.some(({ code }) => code === 125),
    JSON.stringify(ends),
  );
  const ran = ends.filter(({ stdout }) => stdout !== "").length;
  const starts = async () =>
    (await recorded(trial, "app")).filter(
      ({ kind, facts }) => kind === "start" && String(facts["command"]).includes("told-apart"),
    ).length;
  // What a launcher has started is on record once an agent has looked.
  await until(`${ran} starts are on record`, async () => (await starts()) >= ran);
  assert.deepEqual(await listed(trial), []);
  assert.equal((await done(trial, run)).stdout, "ran\n");
});

test("what runs goes on, can be looked at and be ended", options, async () => {
  await done(trial, ["start", "-q", "app", "--", "-c", "exec sleep 1000"]);
  await withoutRoom(async () => {
    assert.deepEqual(
      (await listed(trial)).map(({ name }) => name),
      ["app"],
    );
    await trial.skerry(["kill", "app"]);
  });
  await trial.skerry(["kill", "app"]);
  assert.deepEqual(await listed(trial), []);
});

test("an upgrade and a rollback leave the image that was there", options, async () => {
  archive.publish({ add: [{ name: "one", version: "2.0", files: [{ name: "./version", content: `2${BIG}` }] }] });
  const before = [text("data/locks/app.json"), text("data/images/app.json")];
  await refusedForRoom("upgrade", "app");
  assert.deepEqual([text("data/locks/app.json"), text("data/images/app.json")], before);
  await done(trial, ["upgrade", "app"]);
  const upgraded = [text("data/locks/app.json"), text("data/images/app.json")];
  await refusedForRoom("rollback", "app");
  assert.deepEqual([text("data/locks/app.json"), text("data/images/app.json")], upgraded);
  await done(trial, ["images", "verify"]);
});

test("an export and an import leave nothing half, and images can be verified", options, async () => {
  const target = `${trial.home}/disk/app.tar`;
  await refusedForRoom("images", "export", "app", target);
  assert.deepEqual(
    readdirSync(`${trial.home}/disk`).filter((name) => !(PLACES as readonly string[]).includes(name)),
    [],
  );
  await done(trial, ["images", "export", "app", `${trial.files}/app`]);
  await refusedForRoom("images", "import", `${trial.files}/app`, "--as", "taken");
  assert.ok(!existsSync(`${trial.home}/config/recipes/taken.yaml`));
  assert.ok(!existsSync(`${trial.home}/data/images/taken.json`));
  assert.deepEqual(trial.stored("building"), []);
  await withoutRoom(async () => await done(trial, ["images", "verify"]));
});

test("a full disk can be given room again by a purge", options, async () => {
  await withoutRoom(async () => await trial.skerry(["purge", "app", "--with-packages"]));
  assert.ok(!existsSync(`${trial.home}/data/images/app.json`));
  assert.ok(!existsSync(`${trial.home}/data/store/going`));
  assert.equal(text("data/volumes/app/data/x"), "x\n");
});

test("the audit is whole after all of it", options, async () => {
  assert.match((await done(trial, ["audit", "verify"])).stdout, /is whole/);
  await withoutRoom(async () => await trial.skerry(["undeploy", "app"]));
  await trial.skerry(["undeploy", "app"]);
  assert.ok(!existsSync(`${trial.home}/config/deployments/app.yaml`));
});
