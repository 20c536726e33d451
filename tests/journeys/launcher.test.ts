/** Starts from a launcher: without any Node, just what the full way would do, and never from anything that has changed. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { after, afterEach, test } from "node:test";
import { done, listed, recorded, until } from "./life.fixture.ts";
import { endOf, environmentFor, makeTrial, ROOT, type RunOptions } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());
afterEach(async () => {
  // It may have ended by itself meanwhile.
  for (const { name } of await listed(trial)) await trial.skerry(["kill", name]);
});

const LAUNCHER = `${trial.home}/run/instances/dev-shell/launcher`;
const DEPLOYMENT = `${trial.home}/config/deployments/dev-shell.yaml`;

/** Runs the app until there is a launcher, then ends the agent: only the full way would start it again. */
async function withLauncher(): Promise<void> {
  // An agent gives it up where what it looks at never settles, as when others fill the store; a start asks for it again.
  for (let tries = 0; tries < 10 && !existsSync(`${LAUNCHER}/start`); tries++) {
    await done(trial, ["run", "-q", "dev-shell", "--", "-c", "true"]);
    const there = until("there is a launcher", () => existsSync(`${LAUNCHER}/start`), 15_000);
    await there.catch(() => {});
  }
  assert.ok(existsSync(`${LAUNCHER}/start`), "there is no launcher");
  await trial.client.shutdown();
}

/** Which way a start has taken. */
async function wayOf(words: readonly string[], options: RunOptions & { readonly code?: number } = {}) {
  const ended = await done(trial, words, options);
  return { ...ended, way: existsSync(`${trial.home}/run/agent.sock`) ? "full" : "launcher" };
}

const FACTS = `${trial.home}/config/facts.yaml`;

const RUN = ["run", "dev-shell", "--", "-c"] as const;

test("a launcher starts the app without an agent, with its arguments, its input and its exit code", async () => {
  await withLauncher();
  const odd = ["a b", "c'd\"e", "$(id)", "-n", "", "line\nend", "ä*?"];
  const script = 'printf "<%s>" "$@"; cat; exit 7';
  const { way, stdout } = await wayOf([...RUN, script, "sh", ...odd], { input: "fed", code: 7 });
  assert.equal(way, "launcher");
  assert.equal(stdout, `${odd.map((word) => `<${word}>`).join("")}fed`);
});

test("what a launcher has started has the same wall and the same environment as what has taken the full way", async () => {
  const look =
    "env | sort; id; cat /proc/self/mountinfo | cut -d' ' -f5-6; cat /etc/hostname /etc/machine-id; ls -a ~ /; grep -E 'Cap|Seccomp|NoNew' /proc/self/status; ulimit -a; tr '\\0' '\\n' </proc/1/environ";
  await withLauncher();
  const launched = await wayOf([...RUN, look], { environment: { SECRET: "of the caller" } });
  assert.equal(launched.way, "launcher");
  const full = await wayOf([...RUN, look], { environment: { SKERRY_LAUNCHER: "off" } });
  assert.equal(full.way, "full");
  assert.equal(launched.stdout, full.stdout);
  assert.doesNotMatch(launched.stdout, /SECRET/);
});

test("the agent hears of it afterwards: in ps, in the audit, whose chain stays whole", async () => {
  await withLauncher();
  assert.equal((await wayOf([...RUN, "exit 9", "told-later"], { code: 9 })).way, "launcher");
  const [last] = (await listed(trial, ["--all"])).slice(-1);
  assert.deepEqual([last?.state, last?.exitCode], ["ended", 9]);
  const ofStart = (await recorded(trial, "dev-shell")).filter(({ facts }) => facts["id"] === last?.id);
  assert.deepEqual(
    ofStart.map(({ kind }) => kind),
    ["start", "end"],
  );
  const [start, end] = ofStart;
  assert.deepEqual(start?.facts["command"], ["/bin/bash", "-c", "exit 9", "told-later"]);
  assert.equal(end?.facts["code"], 9);
  assert.match(String(start?.facts["grants"]), /project: deny/);
  await done(trial, ["audit", "verify"]);
  assert.deepEqual(readdirSync(`${trial.home}/state/spool`), []);
  assert.deepEqual(readdirSync(`${trial.home}/run/compartments`), []);
});

test("what a launcher has started can be listed, entered and stopped, and keeps others from starting it again", async () => {
  await withLauncher();
  const first = trial.begin([...RUN, "trap 'exit 5' TERM; touch ~/data/up; while :; do sleep 0.05; done"]);
  const ended = endOf(first, 60_000);
  await until("it is up", () => existsSync(`${trial.home}/data/volumes/dev-shell/data/up`));
  assert.ok(!existsSync(`${trial.home}/run/agent.sock`), "it has taken the full way");
  const refused = await trial.skerry([...RUN, "true"]);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /dev-shell runs already/);
  assert.equal((await listed(trial))[0]?.state, "running");
  assert.equal((await done(trial, ["exec", "dev-shell", "--", "sh", "-c", "echo $0 in"])).stdout, "sh in\n");
  await done(trial, ["stop", "dev-shell"]);
  assert.equal((await ended).code, 5);
  rmSync(`${trial.home}/data/volumes/dev-shell/data/up`);
});

test("SIGTERM to what a launcher has started is the app's", async () => {
  await withLauncher();
  const child = trial.begin([...RUN, "trap 'exit 6' TERM; echo up; while :; do sleep 0.05; done"]);
  const ended = endOf(child, 60_000);
  await new Promise((resolve) => child.stdout?.once("data", resolve));
  child.kill("SIGTERM");
  assert.equal((await ended).code, 6);
});

/** Each changes something that a launcher was made from, and answers how to change it back. */
const CHANGES: Readonly<Record<string, () => () => void>> = {
  "the deployment was edited": () => edited(DEPLOYMENT, (text) => `${text}# another line\n`),
  "an older file was moved over the deployment": () => {
    const older = `${DEPLOYMENT}.older`;
    writeFileSync(older, `${readFileSync(DEPLOYMENT, "utf8")}# older\n`, { mode: 0o600 });
    utimesSync(older, 1, 1);
    return edited(
      DEPLOYMENT,
      () => undefined,
      () => renameSync(older, DEPLOYMENT),
    );
  },
  "the deployment became a link to another text": () => {
    const other = `${trial.files}/other.yaml`;
    writeFileSync(other, `${readFileSync(DEPLOYMENT, "utf8")}# behind a link\n`);
    return edited(
      DEPLOYMENT,
      () => undefined,
      () => {
        unlinkSync(DEPLOYMENT);
        symlinkSync(other, DEPLOYMENT);
      },
    );
  },
  "a recipe of the owner's own stands before the catalogue's": () => {
    const own = `${trial.home}/config/recipes/dev-shell.yaml`;
    mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
    copyFileSync(new URL("../../recipes/dev-shell.yaml", import.meta.url), own);
    return () => unlinkSync(own);
  },
  "facts were overridden": () => {
    writeFileSync(FACTS, "skerry: facts/1\ntimeZone: Europe/Berlin\n");
    return () => unlinkSync(FACTS);
  },
  "a folder of a volume was replaced": () => {
    const data = `${trial.home}/data/volumes/dev-shell/data`;
    renameSync(data, `${data}.old`);
    mkdirSync(data);
    return () => {
      rmSync(data, { recursive: true });
      renameSync(`${data}.old`, data);
    };
  },
  "it is of another boot": () => edited(`${LAUNCHER}/start`, (text) => text.replace(/^boot_id='./m, "boot_id='x")),
  "its time is over": () => edited(`${LAUNCHER}/start`, (text) => text.replace(/^expires=.*/m, "expires=1")),
  "it is of other folders": () => edited(`${LAUNCHER}/start`, (text) => text.replace(/^places='/m, "places='/x")),
};

function edited(file: string, change: (text: string) => string | undefined, act?: () => void): () => void {
  const before = readFileSync(file, "utf8");
  const text = change(before);
  if (text !== undefined) writeFileSync(file, text);
  act?.();
  return () => {
    rmSync(file, { force: true });
    writeFileSync(file, before, { mode: 0o600 });
  };
}

for (const [what, change] of Object.entries(CHANGES)) {
  test(`a launcher is not used when ${what}`, async () => {
    await withLauncher();
    const back = change();
    try {
      const { way } = await wayOf([...RUN, "true"]);
      assert.equal(way, "full");
    } finally {
      await trial.client.shutdown();
      back();
    }
  });
}

/** An instance of its own, with a granted folder that its owner names by a link. */
async function withGrant(): Promise<{ readonly one: string; readonly two: string; readonly link: string }> {
  const [one, two, link] = [`${trial.files}/one`, `${trial.files}/two`, `${trial.files}/link`];
  for (const folder of [one, two]) {
    mkdirSync(folder);
    writeFileSync(`${folder}/name`, folder.slice(-3));
  }
  symlinkSync(one, link);
  await withLauncher();
  rmSync(LAUNCHER, { recursive: true });
  const granted = `project: { answer: real, folder: ${link} }`;
  const change = (text: string) => text.replace(/^( *)project: deny.*/m, `$1${granted}`);
  const back = edited(DEPLOYMENT, change);
  assert.match(readFileSync(DEPLOYMENT, "utf8"), /answer: real/);
  takenBack.push(back, () => {
    for (const path of [one, two, link]) rmSync(path, { recursive: true, force: true });
  });
  await withLauncher();
  assert.equal((await wayOf([...RUN, "cat /work/name"])).way, "launcher");
  return { one, two, link };
}

const takenBack: (() => void)[] = [];
afterEach(async () => {
  if (takenBack.length === 0) return;
  await trial.client.shutdown();
  for (const back of takenBack.splice(0)) back();
  rmSync(LAUNCHER, { recursive: true, force: true });
});

test("a granted folder that its owner names by a link is the one that the link leads to now", async () => {
  const { two, link } = await withGrant();
  unlinkSync(link);
  symlinkSync(two, link);
  const { way, stdout } = await wayOf([...RUN, "cat /work/name"]);
  assert.deepEqual([way, stdout], ["full", "two"]);
});

test("a granted folder that has become a link takes the full way", async () => {
  const { one, two } = await withGrant();
  rmSync(two, { recursive: true });
  renameSync(one, two);
  symlinkSync(two, one);
  assert.equal((await wayOf([...RUN, "true"])).way, "full");
});

test("what is mounted after a folder was granted is looked at the full way", async () => {
  await withGrant();
  writeFileSync(`${LAUNCHER}/mounts`, `${readFileSync(`${LAUNCHER}/mounts`, "utf8")}another\n`);
  assert.equal((await wayOf([...RUN, "true"])).way, "full");
});

test("facts that their owner keeps elsewhere, with a link to them, are read anew when they have changed", async () => {
  const kept = `${trial.files}/facts.yaml`;
  writeFileSync(kept, "skerry: facts/1\ntimeZone: Europe/Berlin\n");
  await trial.client.shutdown();
  symlinkSync(kept, FACTS);
  takenBack.push(() => unlinkSync(FACTS));
  rmSync(LAUNCHER, { recursive: true, force: true });
  await withLauncher();
  assert.equal((await wayOf([...RUN, "echo $TZ"])).stdout, "Europe/Berlin\n");
  assert.ok(!existsSync(`${trial.home}/run/agent.sock`), "it has taken the full way");
  writeFileSync(kept, "skerry: facts/1\ntimeZone: Europe/Paris\n");
  assert.deepEqual((await wayOf([...RUN, "echo $TZ"])).stdout, "Europe/Paris\n");
});

test("a runtime folder that is a link is nobody's to start from", async () => {
  await withLauncher();
  renameSync(`${trial.home}/run`, `${trial.home}/elsewhere`);
  symlinkSync(`${trial.home}/elsewhere`, `${trial.home}/run`);
  try {
    const { code, stdout, stderr } = await trial.skerry([...RUN, "echo inside"]);
    assert.deepEqual([code, stdout], [125, ""], stderr);
  } finally {
    unlinkSync(`${trial.home}/run`);
    renameSync(`${trial.home}/elsewhere`, `${trial.home}/run`);
  }
});

test("an instance is not removed between a launcher's first step and its record", async () => {
  await withLauncher();
  const claim = `${trial.home}/run/instances/dev-shell/claim`;
  const holder = spawn("/usr/bin/flock", [claim, "/bin/sh", "-c", "echo held; read line"]);
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  const undeployed = endOf(trial.begin(["undeploy", "dev-shell"]), 60_000);
  await until("the launcher is gone", () => !existsSync(LAUNCHER));
  assert.ok(existsSync(DEPLOYMENT));
  holder.stdin.end("\n");
  const { code, stderr } = await undeployed;
  assert.equal(code, 0, stderr);
  assert.ok(!existsSync(DEPLOYMENT));
});

test("a start that an agent had in the audit when it was killed is recorded once", async () => {
  await withLauncher();
  assert.equal((await wayOf([...RUN, "true"])).way, "launcher");
  const spool = `${trial.home}/state/spool`;
  const [id = ""] = readdirSync(spool);
  const text = readFileSync(`${spool}/${id}`);
  await listed(trial);
  await trial.client.shutdown();
  writeFileSync(`${spool}/${id}`, text);
  mkdirSync(`${trial.home}/run/compartments/${id}`);
  writeFileSync(`${trial.home}/run/compartments/${id}/start.json`, "{}");
  await until("it is taken in", async () => (await listed(trial, ["--all"])) && readdirSync(spool).length === 0);
  const records = await recorded(trial, "dev-shell");
  assert.equal(records.filter(({ kind, facts }) => kind === "start" && facts["id"] === id).length, 1);
});

test("half a file that a killed agent has left among the ends keeps no other agent from starting", async () => {
  await withLauncher();
  const half = `${trial.home}/state/ended/1795269507176-dev-shell.0badcafe.json.12345678.tmp`;
  writeFileSync(half, "");
  await listed(trial);
  assert.ok(!existsSync(half));
});

test("a file of the store that was put back with its old times is another file", async () => {
  await withLauncher();
  const store = `${trial.home}/data/images/dev-shell.json`;
  const before = readFileSync(store, "utf8");
  // The cache is everybody's: what others read meanwhile must be whole.
  writeFileSync(`${store}.copy`, before);
  utimesSync(`${store}.copy`, 1, 1);
  renameSync(`${store}.copy`, store);
  assert.equal((await wayOf([...RUN, "true"])).way, "full");
  rmSync(LAUNCHER, { recursive: true });
});

test("what the owner keeps elsewhere, behind a link, counts as it is there; a backup put back is another file", async () => {
  const elsewhere = `${trial.files}/facts.yaml`;
  const link = `${trial.home}/config/facts.yaml`;
  writeFileSync(elsewhere, "skerry: facts/1\ntimeZone: Europe/Berlin\n");
  spawnSync("/usr/bin/cp", ["-a", elsewhere, `${elsewhere}.backup`]);
  symlinkSync(elsewhere, link);
  rmSync(LAUNCHER, { recursive: true, force: true });
  await withLauncher();
  assert.equal((await wayOf([...RUN, "true"])).way, "launcher");
  // As long as before, and with its time put back: what stays is told by no listing.
  const { atime, mtime } = statSync(elsewhere);
  writeFileSync(elsewhere, "skerry: facts/1\ntimeZone: Europe/Madrid\n");
  utimesSync(elsewhere, atime, mtime);
  assert.equal((await wayOf([...RUN, "true"])).way, "full");
  await withLauncher();
  spawnSync("/usr/bin/cp", ["-a", `${elsewhere}.backup`, elsewhere]);
  assert.equal((await wayOf([...RUN, "true"])).way, "full");
  unlinkSync(link);
  rmSync(LAUNCHER, { recursive: true, force: true });
});

test("the same text in the same file, written again, changes nothing", async () => {
  await withLauncher();
  writeFileSync(DEPLOYMENT, readFileSync(DEPLOYMENT, "utf8"));
  assert.equal((await wayOf([...RUN, "true"])).way, "launcher");
});

test("files as input or output take the full way, which makes pipes of them", async () => {
  await withLauncher();
  const script = `exec "$0" run -q dev-shell -- -c 'readlink /proc/self/fd/1' >${trial.files}/out`;
  const ended = spawnSync("/bin/sh", ["-c", script, `${ROOT}/skerry`], { env: environmentFor(trial.home) });
  assert.equal(ended.status, 0, String(ended.stderr));
  assert.match(readFileSync(`${trial.files}/out`, "utf8"), /^(pipe|socket):/);
  assert.ok(existsSync(`${trial.home}/run/agent.sock`));
});

test("Skerry's own edit takes the launcher away first, and the next is made of the new text", async () => {
  await withLauncher();
  const claim = `${trial.home}/run/instances/dev-shell/claim`;
  const before = statSync(claim).ino;
  const editor = `${trial.files}/editor`;
  writeFileSync(editor, `#!/bin/sh\nsed -i 's/^environment: {}/environment: { COLOUR: green }/' "$1"\n`, {
    mode: 0o755,
  });
  await done(trial, ["edit", "dev-shell"], { environment: { EDITOR: editor } });
  await withLauncher();
  const { way, stdout } = await wayOf([...RUN, "echo $COLOUR"]);
  assert.deepEqual([way, stdout], ["launcher", "green\n"]);
  // Another file would be another lock.
  assert.equal(statSync(claim).ino, before);
});
