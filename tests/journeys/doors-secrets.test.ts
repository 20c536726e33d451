/** Secrets: there for the app, in memory alone, and nowhere else: no disk, no list of processes, no plan, record or log. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { placesFrom } from "../../src/model/index.ts";
import { commandOf, done, listed, processesSaying, recorded, until } from "./life.fixture.ts";
import { environmentFor, makeTrial, ROOT } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

/** In no file but those that mean to hold it; others may run this test at the same time. */
const MARK = `klabautermann-${randomBytes(6).toString("hex")}`;
const [FILE, PRINTED, KEYRING] = [`${MARK}-file`, `${MARK}-printed`, `${MARK}-keyring`];

const SOURCES = `${trial.files}/owner`;
mkdirSync(`${SOURCES}/bin`, { recursive: true });
writeFileSync(`${SOURCES}/key`, FILE, { mode: 0o600 });
writeFileSync(`${SOURCES}/value`, `${PRINTED}\n`, { mode: 0o600 });
writeFileSync(`${SOURCES}/ring`, KEYRING, { mode: 0o600 });

/** A keyring that knows one secret. The real one needs a session bus and somebody who unlocks it. */
const SECRET_TOOL = `#!/bin/sh\n[ "$*" = "lookup service mail user ada" ] || exit 1\nexec cat ${SOURCES}/ring\n`;
writeFileSync(`${SOURCES}/bin/secret-tool`, SECRET_TOOL);
chmodSync(`${SOURCES}/bin/secret-tool`, 0o755);

/** The agent is started by the first command, and has its session. */
const SESSION = { environment: { PATH: `${SOURCES}/bin:${environmentFor(trial.home)["PATH"] ?? ""}` } };

const DEPLOYMENT = `${trial.home}/config/deployments/dev-shell.yaml`;
await done(trial, ["deploy", "dev-shell"], SESSION);
const plain = readFileSync(DEPLOYMENT, "utf8");

function secrets(lines: readonly string[]): void {
  writeFileSync(DEPLOYMENT, `${plain}secrets:\n${lines.map((line) => `  ${line}\n`).join("")}`);
}

const ALL = [
  `key: { file: ${SOURCES}/key }`,
  `printed: { command: [cat, ${SOURCES}/value] }`,
  "mail: { keyring: { service: mail, user: ada } }",
];

const inside = async (script: string, code = 0) =>
  await done(trial, ["run", "-q", "dev-shell", "--", "-c", script], { ...SESSION, code });

/** Files below the folder that hold the mark, besides those of the owner's own. */
function holding(folder: string): readonly string[] {
  const { stdout } = spawnSync("/usr/bin/grep", ["-rlsFD", "skip", MARK, folder], { encoding: "utf8" });
  return stdout.split("\n").filter((path) => path !== "" && !path.startsWith(`${SOURCES}/`));
}

/** Of the folders in memory of this trial: those in which something is kept. */
function keptInMemory(): readonly string[] {
  return [...holding("/dev/shm"), ...holding(`${trial.home}/run`)];
}

const startOf = (pid: number) => readFileSync(`/proc/${pid}/environ`, "latin1");

test("without a word about secrets there are none", async () => {
  await inside("test ! -e /run/secrets");
});

test("each source gives a file that its app alone can read, and nobody can write", async () => {
  secrets(ALL);
  const seen = await inside("cd /run/secrets && ls && for each in *; do printf '<%s>' \"$(cat $each)\"; done");
  assert.equal(seen.stdout, `key\nmail\nprinted\n<${FILE}><${KEYRING}><${PRINTED}>`);
  const owner = await inside('cd /run/secrets && [ "$(stat -c "%a %u" key)" = "400 $(id -u)" ] && cat key | wc -c');
  assert.equal(owner.stdout.trim(), String(FILE.length));
  await inside("! echo x 2>/dev/null >/run/secrets/key && ! rm -f /run/secrets/key 2>/dev/null");
  await inside("grep -q ' /run/secrets/key .*ro' /proc/self/mountinfo && stat -fc %T /run/secrets/key | grep -q tmpfs");
});

test("while the app runs, its secrets are on no disk, in no list of processes, no plan, log or record", async () => {
  secrets(ALL);
  const started = await done(
    trial,
    ["start", "dev-shell", "--", "-c", "cat /run/secrets/key | wc -c; exec sleep 600"],
    SESSION,
  );
  assert.ok(!started.stderr.includes(MARK));
  await until("it has read its secret", async () => (await done(trial, ["logs", "dev-shell"])).stdout.includes("\n"));
  const entered = await done(trial, ["exec", "dev-shell", "--", "/bin/cat", "/run/secrets/printed"]);
  assert.equal(entered.stdout, PRINTED);
  for (const words of [
    ["plan", "dev-shell"],
    ["describe", "dev-shell"],
    ["audit", "--json"],
    ["logs", "dev-shell"],
    ["ps", "--json"],
  ]) {
    const { stdout, stderr } = await done(trial, words);
    assert.ok(!stdout.includes(MARK) && !stderr.includes(MARK), words.join(" "));
  }
  const astray = processesSaying(MARK).map(commandOf);
  assert.deepEqual(astray, []);
  const { pid = 0 } = (await listed(trial))[0] ?? {};
  assert.ok(pid > 0 && !startOf(pid).includes(MARK));
  const disk = ["config", "data/volumes", "state", "cache", "files"].flatMap((name) =>
    holding(`${trial.home}/${name}`),
  );
  assert.deepEqual(disk, []);
  for (const path of keptInMemory()) {
    const type = spawnSync("/usr/bin/stat", ["-fc", "%T", path], { encoding: "utf8" }).stdout.trim();
    assert.equal(type, "tmpfs", path);
    assert.equal(spawnSync("/usr/bin/stat", ["-c", "%a", path], { encoding: "utf8" }).stdout.trim(), "400");
  }
  assert.ok(keptInMemory().length > 0);
  await done(trial, ["stop", "dev-shell"]);
  await until("they are gone", () => keptInMemory().length === 0);
  const start = (await recorded(trial, "dev-shell")).findLast(({ kind }) => kind === "start");
  assert.match(JSON.stringify(start), /secret key: from a file, at \/run\/secrets\/key/);
});

/** What it has open, which variable says so, and whether any path leads there. */
const DESCRIPTORS = `
import os
for name in ("SECRET_KEY_FD", "SECRET_API_TOKEN_FD"):
    at = int(os.environ[name])
    print(name, at, os.read(at, 100).decode())
    for again, flags in (("write", os.O_WRONLY), ("both", os.O_RDWR)):
        try:
            os.open(f"/proc/self/fd/{at}", flags)
            print("opened for", again)
        except OSError as error:
            pass
    try:
        os.fchmod(at, 0o600)
        print("changed")
    except OSError:
        pass
print(os.path.exists("/run/secrets"), sorted(os.listdir("/proc/self/fd")), flush=True)
`;

test("a secret as a descriptor is open for the app, on no path, and not to be written", async () => {
  secrets([
    `key: { file: ${SOURCES}/key, as: descriptor }`,
    `api-token: { command: [cat, ${SOURCES}/value], as: descriptor }`,
  ]);
  const look = `exec python3 -c '${DESCRIPTORS}'`;
  const wanted = `SECRET_KEY_FD 100 ${FILE}\nSECRET_API_TOKEN_FD 101 ${PRINTED}\nFalse ['0', '1', '100', '101', '2', '3']\n`;
  assert.equal((await inside(look)).stdout, wanted);
  const background = `${look.replace("exec ", "")}; exec sleep 600`;
  await done(trial, ["start", "-q", "dev-shell", "--", "-c", background], SESSION);
  await until("it has read them", async () => (await done(trial, ["logs", "dev-shell"])).stdout.includes("False"));
  const { pid = 0 } = (await listed(trial))[0] ?? {};
  assert.ok(pid > 0 && !startOf(pid).includes(MARK));
  assert.deepEqual(
    processesSaying(MARK).filter((one) => !commandOf(one).includes("python3 -c")),
    [],
  );
  const entered =
    "ls /proc/self/fd; env; find / -xdev -user $(id -u) -size -2 -type f 2>&- | xargs grep -l klabauter 2>&-; true";
  const { stdout } = await done(trial, ["exec", "dev-shell", "--", "sh", "-c", entered], SESSION);
  assert.ok(!/^10[01]$|SECRET_|klabauter/m.test(stdout), stdout);
  await done(trial, ["stop", "dev-shell"]);
  await until("they are gone", () => keptInMemory().length === 0);
  assert.ok(!readdirSync(`${trial.home}/run/instances/dev-shell`).includes("launcher"));
  const start = (await recorded(trial, "dev-shell")).findLast(({ kind }) => kind === "start");
  assert.match(JSON.stringify(start), /secret key: from a file, as a descriptor/);
  secrets([`key: { file: ${SOURCES}/key, as: file }`]);
  assert.match((await inside("true", 125)).stderr, /the word descriptor/);
});

test("a secret is read anew at each start, and there is no start without an agent", async () => {
  secrets([`key: { file: ${SOURCES}/key }`]);
  writeFileSync(`${SOURCES}/key`, "another one");
  assert.equal((await inside("cat /run/secrets/key; ! ls /run/secrets | grep -q mail")).stdout, "another one");
  writeFileSync(`${SOURCES}/key`, FILE);
  assert.ok(!readdirSync(`${trial.home}/run/instances/dev-shell`).includes("launcher"));
});

test("what an agent that was killed has left is taken away by the next one", async () => {
  secrets(ALL);
  await done(trial, ["start", "dev-shell", "--", "-c", "exec sleep 600"], SESSION);
  const { pid = 0 } = (await listed(trial))[0] ?? {};
  const agent = await trial.client.call<{ readonly pid: number }>("Info", {});
  assert.ok(agent.ok);
  process.kill(agent.value.pid, "SIGKILL");
  process.kill(pid, "SIGKILL");
  await until("the next agent has cleared up", async () => {
    await trial.skerry(["ps"], SESSION);
    return keptInMemory().length === 0;
  });
});

test("what cannot be had refuses the start, and says nothing of what it is", async () => {
  const big = "x".repeat(64 * 1024);
  writeFileSync(`${SOURCES}/large`, big);
  secrets([`large: { file: ${SOURCES}/large }`]);
  assert.equal((await inside("wc -c </run/secrets/large")).stdout.trim(), "65536");
  writeFileSync(`${SOURCES}/large`, `${big}x`);
  for (const [line, because] of [
    [`large: { file: ${SOURCES}/large }`, /"large" cannot be had from its file: it is larger than 64 KiB/],
    [`none: { file: ${SOURCES}/none }`, /"none" cannot be had from its file: there is no such file/],
    [`folder: { file: ${SOURCES} }`, /"folder".*no plain file/],
    [`fails: { command: [sh, -c, "cat ${SOURCES}/value ${SOURCES}/value >&2; exit 3"] }`, /"fails".*sh ended with 3/],
    ["absent: { command: [no-such-program-here] }", /"absent".*no-such-program-here cannot be started/],
    ["ring: { keyring: { service: other } }", /"ring" cannot be had from its keyring: secret-tool ended with 1/],
  ] as const) {
    secrets([line]);
    const { stderr } = await inside("true", 125);
    assert.match(stderr, because);
    assert.ok(!stderr.includes(MARK));
  }
  assert.deepEqual(await listed(trial), []);
  assert.deepEqual(keptInMemory(), []);
  assert.ok(!(await done(trial, ["audit"])).stdout.includes(MARK));
});

test("with the last secret its folder in memory is gone as well", async () => {
  secrets(ALL);
  await inside("true");
  const { runtime } = placesFrom({ SKERRY_HOME: trial.home }, process.getuid?.() ?? -1, ROOT);
  const mark = createHash("sha256").update(runtime).digest("hex").slice(0, 12);
  const mine = () => readdirSync("/dev/shm").filter((name) => name.endsWith(mark));
  await until("it is gone", () => mine().length === 0);
});
