/** Copies in bad company: applies that are killed, disks that are full, and trees that are made to harm. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { changesWall } from "../../src/agent/changes/changes-wall.ts";
import { readFacts } from "../../src/agent/facts.ts";
import { copyFolder, placesFrom } from "../../src/model/index.ts";
import { killApplies } from "./apply-killed.fixture.ts";
import { bashInside, DEADLINE_MS } from "./doors.fixture.ts";
import { done, json } from "./life.fixture.ts";
import { endOf, environmentFor, makeTrial, ROOT, type Trial } from "./trial.fixture.ts";

let trial: Trial;

before(() => {
  trial = makeTrial();
});

after(async () => {
  await trial?.close();
});

async function makeProject(name: string): Promise<string> {
  const folder = `${trial.files}/${name}`;
  mkdirSync(`${folder}/sub`, { recursive: true });
  for (const path of [folder, `${folder}/sub`]) chmodSync(path, 0o755);
  writeFileSync(`${folder}/one`, "one\n");
  await done(trial, ["deploy", "dev-shell", "--as", name]);
  return folder;
}

test("an apply that is killed loses nothing, and leaves nothing half", async () => {
  await killApplies(trial, 4);
});

test("what looks at changes sees the two trees and nothing else, and can go nowhere", async () => {
  const folder = await makeProject("walled");
  writeFileSync(`${trial.files}/neighbour`, "secret");
  await bashInside(trial, "echo x > new", ["--folder", `${folder}=copy`], "walled");
  const places = placesFrom({ SKERRY_HOME: trial.home }, process.getuid?.() ?? -1, ROOT);
  const facts = await readFacts(environmentFor(trial.home), places);
  assert.ok(facts.ok);
  const wall = {
    own: copyFolder(places, "walled", "project"),
    real: folder,
    writes: "nothing",
    hidden: ["sub"],
  } as const;
  const argv = changesWall(wall, facts.value, places, process.execPath);
  const look = `
    const { readdirSync, existsSync, readFileSync, writeFileSync } = require("node:fs");
    const { networkInterfaces } = require("node:os");
    const may = (path) => { try { writeFileSync(path, "x"); return path; } catch { return ""; } };
    console.log(JSON.stringify({
      root: readdirSync("/").sort(), real: readdirSync("/real"), hidden: readdirSync("/real/sub"),
      there: ${JSON.stringify([trial.home, trial.files, "/etc/passwd", "/root", "/home", "/var"])}.filter((path) => existsSync(path)),
      network: Object.keys(networkInterfaces()).filter((name) => name !== "lo"),
      processes: readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).length,
      written: ["/real/x", "/copy/x", "/x", "/usr/x", "/proc/sys/kernel/hostname"].map(may).join(""),
      rights: /CapEff:\\s*(\\w+)/.exec(readFileSync("/proc/self/status", "utf8"))[1],
      environment: Object.keys(process.env).sort(),
    }))`;
  const node = argv.slice(0, argv.lastIndexOf("/skerry/node") + 1);
  const [program, ...words] = [...node, "-e", look];
  const ended = await endOf(spawn(program, words), DEADLINE_MS);
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(JSON.parse(ended.stdout), {
    root: ["bin", "copy", "dev", "lib", "lib64", "proc", "real", "sbin", "skerry", "tmp", "usr"],
    real: ["one", "sub"],
    hidden: [],
    there: [],
    network: [],
    processes: 2,
    written: "",
    // As root: to read what is the app's, and to give what is made to the folder's owner (CHOWN, DAC_OVERRIDE, FOWNER).
    rights: process.getuid?.() === 0 ? "000000000000000b" : "0000000000000002",
    environment: ["LC_ALL", "PATH", "PWD"],
  });
});

test("a disk that is full leaves each thing old or new, and what was not applied waits", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("cannot here: only root can make a small file system");
  const folder = await makeProject("full");
  // The agent and all that it starts lives in the mount namespace that has the small one, and so no agent of before.
  await trial.client.shutdown();
  const small = spawn(
    "unshare",
    [
      "-m",
      "--propagation",
      "private",
      "sh",
      "-c",
      `mount -t tmpfs -o size=3m,mode=755 none "$1" && echo one > "$1/one" && shift && sh -c "$*"`,
      "sh",
      folder,
      `${ROOT}/skerry run --quiet full --folder ${folder}=copy -- -c 'for n in 1 2 3 4 5 6; do head -c 1000000 /dev/zero > file-$n; done; rm one' &&`,
      `${ROOT}/skerry changes full --apply --quiet > /dev/null; echo code $?; find ${folder} -type f -printf '%f %s\\n' | sort;`,
      `mount -o remount,size=20m ${folder}; ${ROOT}/skerry changes full --apply --quiet > /dev/null; echo code $?; find ${folder} -type f -printf '%f %s\\n' | sort`,
    ],
    { env: environmentFor(trial.home), cwd: trial.files, stdio: ["ignore", "pipe", "pipe"] },
  );
  const ended = await endOf(small, 3 * DEADLINE_MS);
  const [, before = "", afterwards = ""] = ended.stdout.split(/^code /m);
  assert.match(ended.stderr, /no space is left on the disk of .*full; what was not applied waits/);
  assert.equal(before, "1\nfile-1 1000000\nfile-2 1000000\nfile-3 1000000\none 4\n", ended.stderr);
  const all = [1, 2, 3, 4, 5, 6].map((number) => `file-${number} 1000000\n`).join("");
  assert.equal(afterwards, `0\n${all}`, ended.stderr);
  await trial.client.shutdown();
});

test("a tree that is made to harm is listed, applied as far as it can be, and thrown away", async () => {
  const folder = await makeProject("harm");
  const line = `
    for n in $(seq 3000); do : > many-$n; done
    truncate -s 1T holes
    ln -s / root; ln -s ../../../../etc etc; ln one hard
    mkdir deep; (cd deep; for n in $(seq 300); do mkdir d; cd d; done; echo x > end)
    rm -rf sub; ln -s /etc sub
    python3 -c 'import os, socket; socket.socket(socket.AF_UNIX).bind("socket")'
    mkfifo pipe; mkdir -p .config; ln -s /etc/passwd .config/x`;
  const wrote = await bashInside(trial, line, ["--folder", `${folder}=copy`], "harm");
  assert.equal(wrote.code, 0, wrote.stderr);
  const applied = await trial.skerry(["changes", "harm", "--apply", "--quiet"]);
  assert.equal(applied.code, 1);
  for (const why of [/socket: is a pipe or a socket/, /pipe: is a pipe/, /lies deeper than 200 folders/])
    assert.match(applied.stderr, why);
  const names = readdirSync(folder);
  assert.equal(names.filter((name) => name.startsWith("many-")).length, 3000);
  for (const name of ["socket", "pipe"]) assert.ok(!names.includes(name), name);
  assert.equal(statSync(`${folder}/holes`).size, 2 ** 40);
  assert.ok(statSync(`${folder}/holes`).blocks * 512 < 2 ** 24);
  assert.equal(readFileSync(`${folder}/hard`, "utf8"), "one\n");
  const left = await json(trial, ["changes", "harm"]);
  assert.equal(typeof left, "object");
  await done(trial, ["changes", "harm", "--discard"]);
  assert.deepEqual(
    readdirSync(`${copyFolder(placesFrom({ SKERRY_HOME: trial.home }, 0, ROOT), "harm", "project")}/upper`),
    [],
  );
  assert.ok(existsSync(`${folder}/one`));
});
