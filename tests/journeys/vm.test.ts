/** Virtual machines: the same deployments with one word changed, and the same doors, shut and open, seen from inside. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { after, test } from "node:test";
import { done, listed, processesSaying, until } from "./life.fixture.ts";
import { lacksForMachines, makeTrial, VM_DEPLOYMENT } from "./trial.fixture.ts";

const skip = lacksForMachines();
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

const folder = `${trial.files}/project`;
const outside = `${trial.files}/outside.txt`;
mkdirSync(folder);
writeFileSync(`${folder}/given.txt`, "granted\n");
writeFileSync(outside, "not granted\n");
mkdirSync(`${trial.home}/config/deployments`, { recursive: true });

function deploy(name: string, more: string): void {
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, `${VM_DEPLOYMENT}${more}`);
}

async function bash(name: string, script: string, options: { readonly input?: string; readonly code?: number } = {}) {
  return await done(trial, ["run", "--quiet", name, "--", "-c", script], { timeoutMs: LIMIT_MS, ...options });
}

test("in a machine an app has its streams, its exit code, and a kernel of its own", { skip }, async () => {
  deploy("streams", "");
  const script = 'uname -r; read -r line; echo "got $line" >&2; head -c 3000000 /dev/zero | tr "\\\\0" x; exit 7';
  const { stdout, stderr } = await bash("streams", script, { input: "a line\n", code: 7 });
  const [kernel = "", content = ""] = stdout.split("\n");
  assert.match(kernel, /^\d+\.\d+/);
  assert.notEqual(kernel, release());
  assert.equal(content.length, 3_000_000);
  assert.match(stderr, /got a line/);
});

test("to a machine without grants nothing of the host is there", { skip }, async () => {
  deploy("sealed", "");
  const script = `
    echo interfaces: $(tail -n +3 /proc/net/dev | cut -d: -f1)
    echo outside: $(cat ${outside} 2>&1)
    echo home: $(ls -A /home) work: $(ls -A /work 2>&1 | grep -c 'Permission denied')
    touch /usr/x 2>/dev/null; echo root: $?
    echo rights: $(grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | cut -f2)
    echo disks: $(ls /dev | grep -E '^(vd|vport|ttyS)') end
    (exec 3<>/dev/tcp/127.0.0.1/22) 2>/dev/null; echo loopback: $?
    echo processes: $(ls -d /proc/[0-9]* | wc -l)
    unshare --user true 2>/dev/null; echo namespaces: $?`;
  const { stdout } = await bash("sealed", script);
  const lines = stdout.trim().split("\n");
  assert.deepEqual(lines.slice(0, 7), [
    "interfaces: lo",
    `outside: cat: ${outside}: No such file or directory`,
    "home: app work: 1",
    "root: 1",
    "rights: 0000000000000000 0000000000000000 1 2",
    "disks: end",
    "loopback: 1",
  ]);
  assert.match(lines[7] ?? "", /^processes: [1-9]$/, "those of the guest's own must not be seen");
  assert.equal(lines[8], "namespaces: 1");
});

test("a granted folder is in the machine, and what must not be written cannot be", { skip }, async () => {
  deploy("granted", `answers: { project: { answer: real, folder: ${folder} } }\n`);
  const first = await bash("granted", "pwd; cat given.txt; echo new >made.txt; echo kept >~/data/kept; ls -n made.txt");
  assert.match(first.stdout, /^\/work\ngranted\n/);
  assert.equal(readFileSync(`${folder}/made.txt`, "utf8"), "new\n");
  const again = await bash("granted", "cat ~/data/kept; ls /work/..; cat /work/../../outside.txt 2>&1; true");
  assert.match(again.stdout, /^kept\n/);
  assert.doesNotMatch(again.stdout, /not granted/);
  writeFileSync(
    `${trial.home}/config/deployments/reader.yaml`,
    `skerry: deployment/1\nrecipe: ripgrep\nisolation: vm\nanswers: { folder: { answer: real, folder: ${folder} } }\n`,
  );
  const found = await done(trial, ["run", "--quiet", "reader", "--", "granted", "."], { timeoutMs: LIMIT_MS });
  assert.equal(found.stdout, "./given.txt:granted\n");
});

test("a machine in the background outlives the agent, and is stopped by asking its app", { skip }, async () => {
  deploy("service", "");
  const script = "trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.1; done";
  await done(trial, ["start", "-q", "service", "--", "-c", script], { timeoutMs: LIMIT_MS });
  const logged = async (text: string) => (await done(trial, ["logs", "service"])).stdout.includes(text);
  await until("the app is up", async () => await logged("up"), LIMIT_MS);
  const info = await trial.client.call<{ readonly pid?: number }>("Info", {});
  assert.ok(info.ok);
  process.kill(info.value.pid ?? 0, "SIGKILL");
  await until("the agent is gone", () => !existsSync(`/proc/${info.ok ? info.value.pid : 0}`));
  const [row] = (await listed(trial)).filter(({ name }) => name === "service");
  assert.equal(row?.state, "running");
  const stopped = await trial.client.call<{ readonly exitCode?: number }>("Stop", {
    name: "service",
    graceMs: 120_000,
  });
  assert.ok(stopped.ok, JSON.stringify(stopped));
  assert.equal(stopped.value.exitCode, 3);
  // Its last words go through a keeper of their own, which outlives it.
  await until("its last words", async () => await logged("asked"), LIMIT_MS);
  assert.deepEqual(processesSaying(`skerry-${row?.id ?? "none"}`), []);
});
