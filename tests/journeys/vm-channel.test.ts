/** Into a machine that runs: programs beside its app, files in and out, connections to its servers, terminals. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { openStream } from "../../src/host/channel/open-stream.ts";
import { processOf } from "../../src/host/processes.ts";
import { done, listed, until } from "./life.fixture.ts";
import { endOf, environmentFor, lacksForMachines, makeTrial, ROOT, VM_DEPLOYMENT } from "./trial.fixture.ts";

const SCRIPT = "/usr/bin/script";

const skip = lacksForMachines();
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

/** More than a monitor takes for a busy host (host/monitor/clock-watch.ts). */
const STANDS_STILL_MS = 8_000;

mkdirSync(`${trial.home}/config/deployments`, { recursive: true });

function deploy(name: string): void {
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, VM_DEPLOYMENT);
}

/** A command line of ours on a terminal of its own, what it has shown, and what is typed into it. */
function onTerminal(words: string) {
  const line = `stty rows 33 cols 99; exec "${join(ROOT, "skerry")}" ${words}`;
  const child = spawn(SCRIPT, ["--quiet", "--return", "--command", line, "/dev/null"], {
    env: { ...environmentFor(trial.home), SHELL: "/bin/bash", TERM: "xterm" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = endOf(child, LIMIT_MS);
  let screen = "";
  child.stdout.on("data", (piece) => (screen += String(piece)));
  return {
    ended,
    async type(after: string, keys: string) {
      await until(`the screen shows ${after}`, () => screen.includes(after), LIMIT_MS).catch((error: unknown) => {
        child.kill();
        throw new Error(`${String(error)}: ${screen}`);
      });
      child.stdin.write(keys);
    },
  };
}

test("programs beside the app have its rights and no more; the machine outlives the agent with its way in", {
  skip,
}, async () => {
  deploy("entered");
  const script = "trap 'exit 3' TERM; echo up >/tmp/up; while :; do sleep 0.2; done";
  await done(trial, ["start", "-q", "entered", "--", "-c", script], { timeoutMs: LIMIT_MS });
  const exec = async (inside: string, options: { readonly input?: string; readonly code?: number } = {}) =>
    await done(trial, ["exec", "entered", "--", "bash", "-c", inside], { timeoutMs: LIMIT_MS, ...options });
  await until(
    "the app is up",
    async () => (await trial.skerry(["exec", "entered", "--", "cat", "/tmp/up"], { timeoutMs: LIMIT_MS })).code === 0,
    LIMIT_MS,
  );

  const { stdout, stderr } = await exec("cat; echo err >&2; cat /tmp/up; exit 7", { input: "a line\n", code: 7 });
  assert.equal(stdout, "a line\nup\n");
  assert.match(stderr, /^err\n$/);
  const large = "0123456789abcdef".repeat(200_000);
  assert.equal((await exec("cat", { input: large })).stdout, large);

  const rights = await exec(`grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | cut -f2
    echo $(tail -n +3 /proc/net/dev | cut -d: -f1) $(ls /dev | grep -cE '^(vd|vport|ttyS)')
    [ "$(readlink /proc/self/ns/mnt)" = "$(readlink /proc/1/ns/mnt)" ] && echo same
    unshare --user true 2>/dev/null || echo no namespaces; id -u; ulimit -u`);
  const { stdout: own } = await exec("id -u");
  assert.deepEqual(rights.stdout.trim().split("\n"), [
    ...["0000000000000000", "0000000000000000", "1", "2", "lo 0", "same", "no namespaces", own.trim(), "4096"],
  ]);
  assert.equal((await trial.skerry(["exec", "entered", "--", "/no/such"])).code, 127);

  // What is begun here and left stays the owner's: its end is told by a broken pipe, and others are not harmed.
  const left = trial.begin(["exec", "entered", "--", "sleep", "1000"]);
  // The app has sleeps of its own, which are shorter.
  const sleeps = async () => (await exec("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")).stdout.includes("sleep 1000");
  await until("it sleeps", sleeps, LIMIT_MS);
  left.kill("SIGTERM");
  await endOf(left, LIMIT_MS);
  await until("it has ended", async () => !(await sleeps()), LIMIT_MS);

  writeFileSync(`${trial.files}/in.txt`, "copied\n");
  await done(trial, ["cp", "in.txt", "entered:/tmp"], { timeoutMs: LIMIT_MS });
  await exec("tr a-z A-Z </tmp/in.txt >/tmp/out.txt");
  await done(trial, ["cp", "entered:/tmp/out.txt", "."], { timeoutMs: LIMIT_MS });
  assert.equal(readFileSync(`${trial.files}/out.txt`, "utf8"), "COPIED\n");

  // A clock that is wrong is set right when the machine stood still, which nobody tells it.
  const [entered] = await listed(trial);
  const first = entered === undefined ? undefined : processOf(entered.pid);
  assert.ok(first !== undefined);
  const set = await openStream(first, "clock 1000000000");
  assert.ok(set.ok, JSON.stringify(set));
  set.value.socket.destroy();
  const time = async () => Number((await exec("date +%s")).stdout);
  await done(trial, ["freeze", "entered"]);
  await pause(STANDS_STILL_MS);
  await done(trial, ["thaw", "entered"]);
  await until("the clock is right", async () => (await time()) > 1_700_000_000, LIMIT_MS);

  const info = await trial.client.call<{ readonly pid?: number }>("Info", {});
  assert.ok(info.ok);
  process.kill(info.value.pid ?? 0, "SIGKILL");
  assert.equal((await exec("echo still")).stdout, "still\n");
  const stopped = await trial.client.call<{ readonly exitCode?: number }>("Stop", {
    name: "entered",
    graceMs: 120_000,
  });
  assert.ok(stopped.ok && stopped.value.exitCode === 3, JSON.stringify(stopped));
});

test("in a machine an app has the terminal that it is run on", { skip }, async (context) => {
  if (!existsSync(SCRIPT)) return context.skip("cannot here: script(1) is not installed");
  deploy("typed");
  const app = onTerminal("run -q typed");
  // What is typed is seen as well, so what a program says is written otherwise.
  await app.type("$ ", "stty size; tty </dev/tty >/dev/null && echo has a $TERM\r");
  await app.type("has a xterm", "read -r -p 'say'': ' x; echo heard ${x^^}\r");
  await app.type("say: ", "words\r");
  await app.type("heard WORDS", "sh -c 'echo is-\"\"one; exec sleep 1000'\r");
  await app.type("is-one", "\x03");
  await app.type("^C", "sh -c 'echo is-\"\"two; exec sleep 1000'\r");
  await app.type("is-two", "\x1a");
  await app.type("Stopped", "exec sh -c 'exit 9'\r");
  const { code, stdout } = await app.ended;
  assert.equal(code, 9, stdout);
  assert.match(stdout, /33 99/);
});
