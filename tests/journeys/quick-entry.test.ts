/**
 * `exec`, and `run` of a machine, with and without a Node of its own: the same in a container and in a machine, recorded
 * alike, refused alike.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, killAgent, recorded, until } from "./life.fixture.ts";
import {
  endOf,
  environmentFor,
  lacksForMachines,
  makeTrial,
  ROOT,
  type RunOptions,
  VM_DEPLOYMENT,
} from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

const SCRIPT = "/usr/bin/script";

/** No Node starts with it. */
const WITHOUT_NODE = { NODE_OPTIONS: "--no-such-option" };
const WAYS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "the quick way": WITHOUT_NODE,
  "the full way": { SKERRY_ASK: "off" },
};

const ASK_FILE = `${trial.home}/run/ask`;

mkdirSync(`${trial.home}/config/deployments`, { recursive: true });

async function start(name: string, text: string): Promise<void> {
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, text);
  await done(trial, ["start", "-q", name, "--", "-c", "echo up >/tmp/up; exec sleep 10000"], { timeoutMs: LIMIT_MS });
  const isUp = async () => (await trial.skerry(["exec", name, "--", "cat", "/tmp/up"])).code === 0;
  await until(`${name} is up`, isUp, LIMIT_MS);
}

const CONTAINER = "skerry: deployment/1\nrecipe: dev-shell\n";
const PLACES = [
  { name: "held", text: CONTAINER, skip: false },
  { name: "emulated", text: VM_DEPLOYMENT, skip: lacksForMachines() },
] as const;

for (const { name, text, skip } of PLACES) {
  test(`a command in ${name} does the same on both ways`, { skip }, async () => {
    await start(name, text);
    for (const [way, environment] of Object.entries(WAYS)) await sameIn(name, way, environment);
    const records = (await recorded(trial, name)).filter(
      ({ kind, facts }) => kind === "exec" && JSON.stringify(facts["command"]).includes("exit 42"),
    );
    assert.deepEqual(
      records.map(({ facts }) => facts["command"]),
      [1, 2].map(() => ["sh", "-c", "cat; echo err >&2; exit 42"]),
    );
    await done(trial, ["audit", "verify"]);
    await done(trial, ["kill", name]);
    for (const environment of Object.values(WAYS)) {
      const gone = await trial.skerry(["exec", name, "--", "true"], {
        environment: environment === WITHOUT_NODE ? {} : environment,
      });
      assert.deepEqual([gone.code, /does not run/.test(gone.stderr)], [125, true], gone.stderr);
    }
  });
}

async function sameIn(name: string, way: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const exec = async (words: readonly string[], options: RunOptions & { readonly code?: number } = {}) =>
    await done(trial, ["exec", name, "--", ...words], { timeoutMs: LIMIT_MS, ...options, environment });
  const both = await exec(["sh", "-c", "cat; echo err >&2; exit 42"], { input: "a line\n", code: 42 });
  assert.deepEqual([both.stdout, both.stderr], ["a line\n", "err\n"], way);
  const odd = ["a b", "c'd\"e", "$(id)", "-n", "", "line\nend", "ä*?", "--"];
  assert.equal((await exec(["printf", "<%s>", ...odd])).stdout, odd.map((word) => `<${word}>`).join(""));
  const large = "0123456789abcdef".repeat(200_000);
  assert.ok((await exec(["cat"], { input: large })).stdout === large, way);
  assert.equal((await exec(["/no/such"], { code: 127 })).stdout, "", way);
  await exec(["/etc/hostname"], { code: 126 });
  await exec(["sh", "-c", "kill -9 $$"], { code: 137 });
  const look =
    "env | sort; id; pwd; grep -E 'Cap|Seccomp|NoNew' /proc/self/status; ls -l /proc/self/fd | wc -l; ulimit -n";
  const seen = (await exec(["sh", "-c", look])).stdout;
  assert.equal(seen, (views[name] ??= seen), way);

  const env = { ...environmentFor(trial.home), ...environment };
  const inShell = (line: string) =>
    spawnSync("/bin/bash", ["-c", line], { env: { ...env, S: `${ROOT}/skerry` }, encoding: "utf8", timeout: LIMIT_MS });
  // Who stops reading ends the command by its next word.
  assert.equal(inShell(`"$S" exec ${name} -- yes | head -n 2; exit "\${PIPESTATUS[0]}"`).status, 141, way);
  assert.equal(inShell(`"$S" exec ${name} -- sh -c 'cat; echo over' <&- | cat`).stdout, "over\n", way);
  const deaf = `yes | "$S" exec ${name} -- sh -c 'exec <&-; echo said; exit 3'; exit "\${PIPESTATUS[1]}"`;
  assert.deepEqual([inShell(deaf).status, inShell(deaf).stdout], [3, "said\n"], way);

  const begun = trial.begin(
    ["exec", name, "--", "sh", "-c", "trap 'exit 6' TERM; echo up; while :; do sleep 0.1; done"],
    {
      environment,
    },
  );
  const ended = endOf(begun, LIMIT_MS);
  await new Promise((resolve) => begun.stdout?.once("data", resolve));
  begun.kill("SIGTERM");
  assert.equal((await ended).code, 6, way);

  if (existsSync(SCRIPT)) await onTerminal(name, environment);

  await done(trial, ["freeze", name]);
  const frozen = await trial.skerry(["exec", name, "--", "true"], {
    environment: environment === WITHOUT_NODE ? {} : environment,
  });
  assert.deepEqual([frozen.code, /frozen/.test(frozen.stderr)], [125, true], frozen.stderr);
  await done(trial, ["thaw", name]);
}

/** On a terminal of a size of its own: it is seen inside, keys are the command's, and ours is left as it was. */
async function onTerminal(name: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const line = `stty rows 33 cols 99; "${ROOT}/skerry" exec ${name} -- bash --norc; echo "code $?"; stty -a`;
  const child = spawn(SCRIPT, ["--quiet", "--command", line, "/dev/null"], {
    env: { ...environmentFor(trial.home), ...environment, SHELL: "/bin/bash", TERM: "xterm" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = endOf(child, LIMIT_MS);
  let screen = "";
  child.stdout.on("data", (piece) => (screen += String(piece)));
  const type = async (behind: string, keys: string) => {
    await until(
      () => `the screen shows ${behind}: ${screen}`,
      () => screen.includes(behind),
      LIMIT_MS,
    );
    child.stdin.write(keys);
  };
  // What is typed is seen as well, so what a program says is written otherwise.
  await type("$ ", "stty size; echo has a $TERM\r");
  await type("has a xterm", "sh -c 'echo is-\"\"up; exec sleep 1000'\r");
  await type("is-up", "\x03");
  await type("^C", "exit 9\r");
  const { stdout } = await ended;
  assert.match(stdout, /33 99/);
  assert.match(stdout, /code 9/);
  assert.match(stdout, / icanon /);
  assert.match(stdout, /opost /);
}

/** What each app sees, however it is entered. */
const views: Record<string, string> = {};

test("a machine is started the same on both ways", { skip: lacksForMachines() }, async () => {
  const file = `${trial.home}/config/deployments/begun.yaml`;
  writeFileSync(file, VM_DEPLOYMENT);
  const script = "cat; echo err >&2; trap 'exit 6' TERM; echo \"$@\"; while :; do sleep 0.1; done";
  for (const environment of Object.values(WAYS)) {
    const begun = trial.begin(["run", "begun", "--", "-c", script, "sh", "a b", "--"], { environment });
    const ended = endOf(begun, LIMIT_MS);
    begun.stdin?.end("a line\n");
    let said = "";
    begun.stdout?.on("data", (piece) => (said += String(piece)));
    await until(
      () => `it is up: ${said}`,
      () => said.endsWith("a b --\n"),
      LIMIT_MS,
    );
    begun.kill("SIGTERM");
    const { code, stdout, stderr } = await ended;
    assert.deepEqual([code, stdout], [6, "a line\na b --\n"]);
    assert.match(stderr, /(^|\n)err\n/);
  }
  const kinds = (await recorded(trial, "begun")).map(({ kind }) => kind);
  assert.deepEqual([kinds.filter((kind) => kind === "start").length, kinds.includes("refused")], [2, false]);
  // What is refused is refused once, in the command line's words.
  writeFileSync(file, `${VM_DEPLOYMENT}limits: { memory: 1 MiB }\n`);
  for (const environment of [{}, { SKERRY_ASK: "off" }]) {
    const refused = await trial.skerry(["run", "begun"], { environment });
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /^error: /);
  }
  const refusals = (await recorded(trial, "begun")).filter(({ kind }) => kind === "refused");
  assert.equal(refusals.length, 2);
});

test("a command ends with the compartment that it runs in", async () => {
  await start("ending", CONTAINER);
  for (const environment of Object.values(WAYS)) {
    const running = trial.begin(["exec", "ending", "--", "sh", "-c", "echo up; sleep 10000"], { environment });
    const ended = endOf(running, LIMIT_MS);
    await new Promise((resolve) => running.stdout?.once("data", resolve));
    await done(trial, ["kill", "ending"]);
    assert.equal((await ended).code, 137);
    await done(trial, ["start", "-q", "ending", "--", "-c", "exec sleep 10000"]);
  }
});

test("files as streams, odd names and options go the full way; so does what has no agent, and nothing is lost", async () => {
  await start("whole", CONTAINER);
  const out = `${trial.files}/out`;
  const line = `exec "$0" exec whole -- readlink /proc/self/fd/1 >${out}`;
  const env = environmentFor(trial.home);
  assert.equal(spawnSync("/bin/sh", ["-c", line, `${ROOT}/skerry`], { env }).status, 0);
  assert.match(readFileSync(out, "utf8"), /^(pipe|socket):/);
  assert.equal((await done(trial, ["exec", "whole", "pwd", "--directory", "/tmp"])).stdout, "/tmp\n");
  assert.equal((await trial.skerry(["exec", "no-such", "--", "true"])).code, 125);
  await killAgent(trial);
  assert.equal((await done(trial, ["exec", "whole", "--", "echo", "still"])).stdout, "still\n");
  const last = (await recorded(trial, "whole")).filter(({ kind }) => kind === "exec").at(-1);
  assert.deepEqual(last?.facts["command"], ["echo", "still"]);
});

test("what tells of the helper is not believed where it is another's, a link, or of another Skerry", async () => {
  await start("told", CONTAINER);
  const quick = async () =>
    (await trial.skerry(["exec", "told", "--", "echo", "in"], { environment: WITHOUT_NODE })).stdout === "in\n";
  await until("the agent tells of the helper", quick);
  const text = readFileSync(ASK_FILE, "utf8");
  const evil = `${trial.files}/evil`;
  const mark = `${trial.files}/was-run`;
  writeFileSync(evil, `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 });
  const spoiled: Readonly<Record<string, () => void>> = {
    "another program": () => writeFileSync(ASK_FILE, `${evil}\n`),
    "a line that is more": () => writeFileSync(ASK_FILE, `$(touch ${mark}); touch ${mark}\n`),
    nothing: () => writeFileSync(ASK_FILE, ""),
    "no end of a line": () => writeFileSync(ASK_FILE, text.trimEnd()),
    "very much": () => writeFileSync(ASK_FILE, "x".repeat(1024 * 1024)),
    "zero bytes": () => writeFileSync(ASK_FILE, Buffer.alloc(100)),
    "a folder": () => {
      rmSync(ASK_FILE);
      mkdirSync(ASK_FILE);
    },
    "a link": () => {
      writeFileSync(`${trial.files}/elsewhere`, text);
      rmSync(ASK_FILE, { recursive: true });
      symlinkSync(`${trial.files}/elsewhere`, ASK_FILE);
    },
    "a pipe that nobody writes": () => {
      rmSync(ASK_FILE);
      execFileSync("/usr/bin/mkfifo", [ASK_FILE]);
    },
  };
  for (const [what, spoil] of Object.entries(spoiled)) {
    spoil();
    assert.equal(await quick(), false, what);
    assert.equal((await done(trial, ["exec", "told", "--", "echo", "in"])).stdout, "in\n", what);
  }
  rmSync(ASK_FILE, { recursive: true });
  if (process.getuid?.() === 0) {
    writeFileSync(ASK_FILE, text);
    execFileSync("/usr/bin/chown", ["65534", ASK_FILE]);
    assert.equal(await quick(), false, "somebody else's");
    rmSync(ASK_FILE);
  }
  writeFileSync(ASK_FILE, text);
  assert.equal(await quick(), true);
  renameSync(`${trial.home}/run`, `${trial.home}/elsewhere`);
  symlinkSync(`${trial.home}/elsewhere`, `${trial.home}/run`);
  assert.equal(await quick(), false, "a runtime folder that is a link");
  rmSync(`${trial.home}/run`);
  renameSync(`${trial.home}/elsewhere`, `${trial.home}/run`);
  assert.throws(() => readFileSync(mark));
});
