/** Background compartments: started, looked at, frozen, entered, stopped, killed, and nothing left of them. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { after, afterEach, test } from "node:test";
import { done, json, listed, processesSaying, recorded, until } from "./life.fixture.ts";
import { endOf, makeTrial } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());
afterEach(async () => {
  // It may have ended by itself meanwhile.
  for (const { name } of await listed(trial)) await trial.skerry(["kill", name]);
});

const start = async (script: string, ...flags: readonly string[]) =>
  await done(trial, ["start", "-q", ...flags, "dev-shell", "--", "-c", script]);

const inside = async (script: string) => await done(trial, ["exec", "dev-shell", "--", "sh", "-c", script]);

/** A word that no other process of this host has on its command line. */
const newMark = () => `mark-${randomBytes(6).toString("hex")}`;

test("what was started shows in ps and stats, and stop reports how it ended", async () => {
  const started = await json(trial, ["start", "dev-shell", "-q"]);
  assert.deepEqual(Object.keys(Object(started)), ["id", "name"]);
  // A shell without input ends at once.
  assert.equal((await done(trial, ["wait", "dev-shell"])).stdout, "dev-shell has ended (exit code 0)\n");
  await start("exec sleep 1000");
  const [row] = await listed(trial);
  assert.ok(row !== undefined);
  assert.equal(row.name, "dev-shell");
  assert.equal(row.state, "running");
  assert.match(readFileSync(`/proc/${row.pid}/cmdline`, "utf8"), /\S/);
  assert.match((await done(trial, ["ps"])).stdout, /^NAME +STATE.*\ndev-shell +running +- +container /);
  const stats = await json(trial, ["stats"]);
  assert.ok(Array.isArray(stats));
  assert.deepEqual(Object.keys(stats[0]), ["name", "state", "processes", "residentBytes", "cpuMs"]);
  assert.ok(stats[0].processes >= 1 && stats[0].residentBytes > 100_000, JSON.stringify(stats));
  assert.equal((await done(trial, ["stop", "dev-shell"])).stdout, "dev-shell has ended (exit code 143)\n");
  assert.deepEqual(await listed(trial), []);
  const all = await listed(trial, ["--all"]);
  assert.deepEqual([all.at(-1)?.state, all.at(-1)?.exitCode], ["ended", 143]);
  await done(trial, ["wait", "dev-shell"], { code: 143 });
});

test("wait waits for the end and hands its code on", async () => {
  await start("read line < ~/data/go; exit 21");
  // There is no such file yet: the shell has ended with an error of its own.
  await done(trial, ["wait", "dev-shell"], { code: 21 });
  await start("until [ -e ~/data/go ]; do sleep 0.05; done; exit 22");
  const waiting = endOf(trial.begin(["wait", "dev-shell", "--json"]), 60_000);
  // From outside: a program in there would be ended together with the app, perhaps before it has ended by itself.
  writeFileSync(`${trial.home}/data/volumes/dev-shell/data/go`, "");
  const { code, stdout } = await waiting;
  assert.equal(code, 22);
  const { name, exitCode, ended } = JSON.parse(stdout);
  assert.deepEqual([name, exitCode], ["dev-shell", 22]);
  assert.ok(!Number.isNaN(Date.parse(ended)));
});

test("stop gives the app time to clear up, and does not wait for ever", async () => {
  await start('trap "echo cleared > ~/data/cleared; exit 3" TERM; touch ~/data/up; while :; do sleep 0.05; done');
  await until(
    "it is up",
    async () => (await trial.skerry(["exec", "dev-shell", "--", "test", "-e", "/home/app/data/up"])).code === 0,
  );
  assert.match((await done(trial, ["stop", "dev-shell"])).stdout, /exit code 3\)/);
  await start("cat ~/data/cleared; exec sleep 1000");
  assert.match(
    await until("the log", async () => (await done(trial, ["logs", "dev-shell"])).stdout || undefined),
    /cleared/,
  );
});

for (const act of ["stop", "kill"] as const) {
  test(`${act} ends the whole tree, also what has made itself a daemon`, async () => {
    const mark = newMark();
    // A session of its own, a parent that has ended, and signals that are ignored.
    const daemon = `setsid sh -c '(trap "" TERM HUP INT; exec -a ${mark} sleep 1000 &)' &`;
    await start(`${daemon} ${daemon} wait; exec -a ${mark} sleep 1000`.replaceAll("setsid sh", "setsid bash"));
    await until("all three run", () => processesSaying(`${mark} 1000`).length === 3);
    const [row] = await listed(trial);
    await done(trial, [act, "dev-shell"]);
    assert.deepEqual(processesSaying(mark), []);
    assert.deepEqual(readdirSync(`${trial.home}/run/compartments`), []);
    assert.equal(strayCgroups(row?.id ?? "none").length, 0);
  });
}

/** None of what has gone meanwhile, or is shut to this user. */
function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Control groups of the host whose name holds the text. */
function strayCgroups(text: string): readonly string[] {
  const all = (folder: string): readonly string[] =>
    entriesOf(folder)
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => [`${folder}/${name}`, ...all(`${folder}/${name}`)]);
  return all("/sys/fs/cgroup").filter((path) => path.includes(text));
}

test("what is frozen stands still, is shown as frozen, and goes on when thawed", async () => {
  await start("i=0; while :; do i=$((i+1)); echo $i > ~/data/count; done");
  const count = `${trial.home}/data/volumes/dev-shell/data/count`;
  const value = () => Number(existsSync(count) ? readFileSync(count, "utf8") : 0);
  await until("it counts", () => value() > 10);
  await done(trial, ["freeze", "dev-shell"]);
  const [row] = await listed(trial);
  assert.equal(row?.state, "frozen");
  const before = statSync(count).mtimeMs;
  assert.match(
    (await done(trial, ["exec", "dev-shell", "--", "true"], { code: 125 })).stderr,
    /is frozen[^]*skerry thaw/,
  );
  assert.equal(statSync(count).mtimeMs, before);
  await done(trial, ["thaw", "dev-shell"]);
  await until("it goes on", () => statSync(count).mtimeMs > before);
  assert.equal((await listed(trial))[0]?.state, "running");
  await done(trial, ["freeze", "dev-shell"]);
  await done(trial, ["stop", "dev-shell"]);
  assert.deepEqual(await listed(trial), []);
});

test("logs show what it said, also while it goes on, and as little as is asked for", async () => {
  // Who follows is done when the app is, and what an app says in its last moment may be kept later than that.
  const waits = (file: string) => `until [ -e ~/data/${file} ]; do sleep 0.05; done`;
  await start(`seq 1 100; ${waits("more")}; echo the-end >&2; ${waits("heard")}`);
  const text = await until("a hundred lines", async () => {
    const { stdout } = await trial.skerry(["logs", "dev-shell"]);
    return stdout.includes("\n100\n") && stdout;
  });
  assert.ok(text.endsWith("\n98\n99\n100\n"), text);
  assert.equal((await done(trial, ["logs", "dev-shell", "-n", "2"])).stdout, "99\n100\n");
  assert.equal((await done(trial, ["logs", "dev-shell", "-n", "0"])).stdout, "");
  const following = trial.begin(["logs", "-f", "-n", "1", "dev-shell"]);
  let said = "";
  following.stdout?.on("data", (piece) => (said += String(piece)));
  const ended = endOf(following, 60_000);
  await until("it follows", () => said.includes("100\n"));
  await inside("touch ~/data/more");
  await until("the end is heard", () => said.includes("the-end"));
  // From outside: a program in there would be ended together with the app.
  writeFileSync(`${trial.home}/data/volumes/dev-shell/data/heard`, "");
  assert.equal((await ended).code, 0);
  assert.equal(said, "100\nthe-end\n");
});

test("logs are bounded, however much is said", async () => {
  await start("yes 'a line of some length to fill the log with' | head -n 1100000; echo last-line");
  await done(trial, ["wait", "dev-shell"]);
  // Who keeps the log is a process of its own.
  await until(
    "its last line",
    async () => (await done(trial, ["logs", "-n", "1", "dev-shell"])).stdout === "last-line\n",
  );
  const limit = 4 * 1024 * 1024;
  const folder = `${trial.home}/state/logs`;
  const sizes = readdirSync(folder).map((name) => statSync(`${folder}/${name}`).size);
  assert.ok(sizes.length <= 2 && sizes.every((size) => size <= limit), String(sizes));
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) > limit / 4, "and much of it is kept");
});

test("what an app says cannot reach the terminal's own commands", async () => {
  await start("printf 'a\\033[2Jb\\033]0;title\\007c\\rd\\201\\n'; printf 'no newline'");
  await done(trial, ["wait", "dev-shell"]);
  const stdout = await until("its last words", async () => {
    const said = (await done(trial, ["logs", "-n", "2", "dev-shell"])).stdout;
    return said.endsWith("no newline\n") && said;
  });
  // oxlint-disable-next-line no-control-regex -- what must not be there
  assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  assert.match(stdout, /a\\x1b\[2Jb\\x1b\]0;title\\x07c\\x0?d?d/i);
});

test("exec runs inside, with the app's user, environment, volumes and exit codes", async () => {
  await start("echo from-the-app > ~/data/note; exec sleep 1000");
  const { stdout } = await inside(
    "until [ -s ~/data/note ]; do sleep 0.05; done; cat ~/data/note; hostname; id -un; echo $HOME; ls /proc | grep -c '^[0-9]'",
  );
  const [note, host, user, home, processes] = stdout.split("\n");
  assert.deepEqual([note, host, user, home], ["from-the-app", "dev-shell", "app", "/home/app"]);
  assert.ok(Number(processes) < 10, stdout);
  await done(trial, ["exec", "dev-shell", "--", "sh", "-c", "exit 41"], { code: 41 });
  await done(trial, ["exec", "dev-shell", "--", "/nope"], { code: 127 });
  await done(trial, ["exec", "dev-shell", "--", "/etc/passwd"], { code: 126 });
  assert.equal((await done(trial, ["exec", "--directory", "/etc", "dev-shell", "--", "pwd"])).stdout, "/etc\n");
  const words = ["a b", "", "--", "*", "ü"];
  const echoed = await done(trial, ["exec", "dev-shell", "--", "printf", "%s|", ...words]);
  assert.equal(echoed.stdout, words.map((word) => `${word}|`).join(""));
  assert.equal(
    (await done(trial, ["shell", "dev-shell"], { input: "echo in-$0\nexit 5\n", code: 5 })).stdout,
    "in-/bin/bash\n",
  );
});

test("SIGTERM to exec ends the program that it has started, and not the app", async () => {
  await start("exec sleep 1000");
  const mark = newMark();
  const child = trial.begin(["exec", "dev-shell", "--", "bash", "-c", `exec -a ${mark} sleep 999`]);
  const ended = endOf(child, 60_000);
  await until("it runs", () => processesSaying(`${mark} 999`).length > 0);
  child.kill("SIGTERM");
  assert.equal((await ended).code, 143);
  assert.deepEqual(processesSaying(mark), []);
  assert.equal((await listed(trial)).length, 1);
});

test("cp brings files and folders in and out, with bytes and modes as they are", async () => {
  await start("exec sleep 1000");
  const folder = `${trial.files}/tree`;
  const bytes = randomBytes(300_000);
  mkdirSync(`${folder}/deep`, { recursive: true });
  writeFileSync(`${folder}/deep/bytes`, bytes);
  writeFileSync(`${folder}/run.sh`, "#!/bin/sh\n", { mode: 0o755 });
  symlinkSync("deep/bytes", `${folder}/link`);
  await done(trial, ["cp", folder, "dev-shell:/home/app/data"]);
  assert.match(
    (await inside("stat -c %a ~/data/tree/run.sh; readlink ~/data/tree/link")).stdout,
    /^755\ndeep\/bytes\n$/,
  );
  await done(trial, ["cp", "dev-shell:/home/app/data/tree", `${trial.files}/back`]);
  assert.deepEqual(readFileSync(`${trial.files}/back/deep/bytes`), bytes);
  assert.equal(statSync(`${trial.files}/back/run.sh`).mode & 0o777, 0o755);
  const again = await done(trial, ["cp", "dev-shell:/home/app/data/tree/run.sh", `${trial.files}/back/run.sh`], {
    code: 1,
  });
  assert.match(again.stderr, /is there already; nothing is overwritten/);
  assert.match((await done(trial, ["cp", "dev-shell:/nope", "x"], { code: 1 })).stderr, /nothing was copied: .*nope/);
  assert.ok(!existsSync(`${trial.files}/x`));
});

test("cp takes no link that leads out of what is copied, and no device or pipe", async () => {
  await start("mkdir -p ~/data/evil; ln -s /etc/passwd ~/data/evil/link; mkfifo ~/data/pipe; exec sleep 1000");
  await until(
    "they are there",
    async () => (await trial.skerry(["exec", "dev-shell", "--", "test", "-p", "/home/app/data/pipe"])).code === 0,
  );
  for (const [what, words] of [
    ["evil", /leads out of/],
    ["pipe", /only files, folders and links/],
  ] as const) {
    const refused = await done(trial, ["cp", `dev-shell:/home/app/data/${what}`, `${trial.files}/${what}`], {
      code: 1,
    });
    assert.match(refused.stderr, words);
    assert.deepEqual(
      readdirSync(trial.files).filter((name) => name.includes(what)),
      [],
    );
  }
});

test("the audit says who was started with what, entered and stopped, and is whole", async () => {
  await done(trial, ["deploy", "ripgrep", "--as", "seen"]);
  await done(trial, ["run", "-q", "seen", "--", "--version"]);
  await until("its end is on record", async () => (await recorded(trial, "seen")).some(({ kind }) => kind === "end"));
  const records = await recorded(trial, "seen");
  assert.deepEqual(
    records.map(({ kind }) => kind),
    ["deploy", "start", "end"],
  );
  assert.deepEqual(records[1]?.facts["command"], ["/usr/bin/rg", "--version"]);
  assert.deepEqual(records[2]?.facts["code"], 0);
  const lines = await done(trial, ["audit", "seen"]);
  assert.match(lines.stdout, / {2}start {2}seen {2}.*command=\[\/usr\/bin\/rg --version\]/);
  assert.doesNotMatch((await done(trial, ["audit"])).stdout, /\[object/);
  const refused = await trial.skerry(["run", "--folder", "/no/such/folder=real", "seen", "--", "x"]);
  assert.equal(refused.code, 125);
  assert.match((await done(trial, ["audit", "seen"])).stdout, /refused {2}seen {2}.*\/no\/such\/folder/);
  const head = (await done(trial, ["audit", "head"])).stdout;
  writeFileSync(`${trial.files}/head.json`, head);
  await done(trial, ["run", "-q", "seen", "--", "--version"]);
  assert.match(
    (await done(trial, ["audit", "verify", "--head", `${trial.files}/head.json`])).stdout,
    /is whole.*\n.*nothing up to there/,
  );
});

test("instances that are first started at the same moment are each somebody else", async () => {
  const names = ["one", "two", "three", "four"];
  for (const name of names) await done(trial, ["deploy", "dev-shell", "--as", name]);
  const words = ["--", "-c", "exec sleep 1000"];
  await Promise.all(names.map(async (name) => await done(trial, ["start", "-q", name, ...words])));
  const states = names.map((name) => JSON.parse(readFileSync(`${trial.home}/state/instances/${name}.json`, "utf8")));
  assert.equal(new Set(states.map(({ machineId }) => machineId)).size, names.length);
  // Of an ordinary user all are that user; of root each has an id of its own.
  const users = new Set(states.map(({ uid }) => uid));
  assert.equal(users.size, process.getuid?.() === 0 ? names.length : 1, [...users].join(" "));
});
