/** Limits: what is written holds against a program that wants more, or nothing starts. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { bashInside } from "./doors.fixture.ts";
import { type Ended, makeTrial, type Trial } from "./trial.fixture.ts";

interface Facts {
  /** Where a limit can be set; null where it cannot. */
  readonly cgroup: Readonly<Record<"mode" | "memory" | "tasks" | "cpu", string | null>>;
  readonly systemd: { readonly user: boolean };
}

let trial: Trial;
let facts: Facts;

before(async () => {
  trial = makeTrial();
  const told = await trial.skerry(["facts", "--json"]);
  assert.equal(told.code, 0, told.stderr);
  facts = JSON.parse(told.stdout);
});

after(async () => {
  await trial?.close();
});

/** Runs a line of bash inside with these limits written in the deployment. */
async function limited(limits: string, line: string, flags: readonly string[] = []): Promise<Ended> {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  writeFileSync(
    `${trial.home}/config/deployments/dev-shell.yaml`,
    `skerry: deployment/1\nrecipe: dev-shell\nanswers: {}\nlimits: { ${limits} }\n`,
  );
  return await bashInside(trial, line, flags);
}

const enforces = (limit: "memory" | "cpu") => facts.systemd.user || facts.cgroup[limit] !== null;

test("a written limit on memory ends what goes beyond it, or the start is refused by name", async () => {
  const take = (mebibytes: number) => `exec python3 -c 'held = bytearray(${mebibytes} << 20); print(len(held) >> 20)'`;
  if (enforces("memory")) {
    assert.equal((await limited("memory: 128 MiB", take(32))).stdout, "32\n", "within it there is room");
    const beyond = await limited("memory: 128 MiB", take(512));
    assert.equal(beyond.stdout, "");
    assert.equal(beyond.code, 137, beyond.stderr);
    assert.equal((await limited("memory: 1 GiB", take(512))).stdout, "512\n", "and it is the limit that ended it");
    return;
  }
  const refused = await limited("memory: 128 MiB", "echo started");
  assert.equal(refused.code, 125);
  assert.equal(refused.stdout, "");
  assert.match(refused.stderr, /memory/);
  assert.match(refused.stderr, /--accept-weaker=memory/);
});

test("a limit that cannot be enforced can be gone without, and the record says so", async (context) => {
  if (enforces("memory")) return context.skip("cannot here: this host enforces every limit");
  const accepted = await limited("memory: 128 MiB", "echo started", ["--accept-weaker=memory"]);
  assert.deepEqual([accepted.code, accepted.stdout], [0, "started\n"]);
  const record = await trial.skerry(["audit", "--json"]);
  assert.equal(record.code, 0, record.stderr);
  const said = record.stdout.split("\n").filter((line) => line.includes('"weaker-accepted"'));
  assert.match(said.join("\n"), /"memory"/);
  const other = await limited("memory: 128 MiB", "echo started", ["--accept-weaker=cpu"]);
  assert.equal(other.code, 125, "what was accepted is one limit, not all");
});

test("defaults that cannot be kept are named once for the host, and keep nobody from starting", async () => {
  const own = makeTrial();
  try {
    const [first, second] = [
      await own.skerry(["run", "dev-shell", "--", "-c", "echo started"]),
      await own.skerry(["run", "dev-shell", "--", "-c", "echo started"]),
    ];
    assert.deepEqual([first.code, second.code], [0, 0]);
    assert.equal(first.stderr.includes("memory needs"), !enforces("memory"), first.stderr);
    assert.ok(!second.stderr.includes("memory needs"), second.stderr);
  } finally {
    await own.close();
  }
});

test("limits on speed and on space that nothing here holds are refused by name, and one can go without", async () => {
  for (const [limits, name] of [
    ["io: { read: 20 MiB/s }", "io"],
    ["io: { write-ops: 500 }", "io"],
  ] as const) {
    const refused = await limited(limits, "echo started");
    assert.deepEqual([refused.code, refused.stdout], [125, ""], limits);
    assert.match(
      refused.stderr,
      new RegExp(`the limit on ${name} cannot be enforced here.*isolation: vm.*\\n.*--accept-weaker=${name}`),
    );
    assert.equal((await limited(limits, "echo started", [`--accept-weaker=${name}`])).stdout, "started\n");
  }
  const refused = await limited("disk: 1 GiB", "echo started");
  assert.deepEqual([refused.code, refused.stdout], [125, ""], "it has a volume");
  assert.match(refused.stderr, /the limit on disk cannot be enforced here: its volumes and copies/);
  assert.equal((await limited("disk: 1 GiB", "echo started", ["--accept-weaker=disk"])).stdout, "started\n");
  // What has neither keeps nothing on disks.
  const deployment = "skerry: deployment/1\nrecipe: ripgrep\nlimits: { disk: 1 GiB }\n";
  writeFileSync(`${trial.home}/config/deployments/ripgrep.yaml`, deployment);
  const kept = await trial.skerry(["run", "ripgrep", "--", "--version"]);
  assert.equal(kept.code, 0, kept.stderr);
  const copied = await trial.skerry(["run", "ripgrep", "--folder", `${trial.files}:/mnt/work=copy`, "--", "--version"]);
  assert.equal(copied.code, 125, copied.stdout);
  assert.match(copied.stderr, /the limit on disk cannot be enforced here/);
});

const BOMB = `
import os, sys, time
made = 0
try:
    while made < 5000:
        child = os.fork()
        if child == 0:
            time.sleep(1000)
        made += 1
except OSError as error:
    print(made, error.errno)
`;

test("a program that makes processes without end is stopped at the limit, and the host goes on", async () => {
  const ended = await limited("tasks: 40", `exec python3 -c '${BOMB}'`);
  const [made = -1, why] = ended.stdout.trim().split(" ").map(Number);
  assert.ok(made > 5 && made <= 40, ended.stdout + ended.stderr);
  assert.equal(why, 11, "refused by the kernel: EAGAIN");
  // All that it made is gone with it.
  assert.ok(!execFileSync("ps", ["-eo", "args="], { encoding: "utf8" }).includes("while made < 5000"));
});

test("two compartments count their processes apart", async () => {
  const other = makeTrial();
  try {
    const many = "for i in $(seq 25); do sleep 1000 & done; echo ready; read; exit 0";
    const [one, two] = await Promise.all([
      limited("tasks: 40", many),
      (async () => {
        mkdirSync(`${other.home}/config/deployments`, { recursive: true });
        const text = readFileSync(`${trial.home}/config/deployments/dev-shell.yaml`, "utf8");
        writeFileSync(`${other.home}/config/deployments/dev-shell.yaml`, text);
        return await bashInside(other, many);
      })(),
    ]);
    assert.deepEqual([one.stdout, two.stdout], ["ready\n", "ready\n"], one.stderr + two.stderr);
  } finally {
    await other.close();
  }
});

test("a share of a processor is not passed", async (context) => {
  const spin = `exec python3 -c 'import time
began, used = time.monotonic(), time.process_time()
while time.monotonic() - began < 2: pass
print((time.process_time() - used) / (time.monotonic() - began))'`;
  if (!enforces("cpu")) {
    const refused = await limited("cpu: 20 %", "echo started");
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /cpu/);
    return context.diagnostic("refused: this host cannot enforce it");
  }
  const share = Number((await limited("cpu: 20 %", spin)).stdout);
  // Coarsely: twice the share would show that nothing holds it.
  assert.ok(share > 0 && share < 0.4, String(share));
});

test("the control groups of a compartment cannot be seen or changed from inside, and are gone with it", async () => {
  const line =
    "ls -A /sys/fs 2>&1; cat /proc/self/cgroup; find / -name 'cgroup.procs' -not -path '/proc/*' 2>/dev/null";
  const ended = await limited("tasks: 40", line);
  assert.ok(!ended.stdout.includes("cgroup.procs"));
  for (const path of ended.stdout.match(/^\d+:[^:]*:(.*)$/gm) ?? []) assert.match(path, /:\/$/);
  for (const parent of [facts.cgroup.memory, facts.cgroup.tasks, facts.cgroup.cpu]) {
    if (parent === null || !existsSync(parent)) continue;
    const left = execFileSync("ls", [parent], { encoding: "utf8" })
      .split("\n")
      .filter((name) => name.startsWith("skerry-dev-shell"));
    // Those of other trials may stand beside; ours are named in no runtime folder any more.
    const running = await trial.skerry(["ps", "--json"]);
    assert.deepEqual(
      left.filter((name) => running.stdout.includes(name.slice("skerry-".length))),
      [],
    );
  }
});
