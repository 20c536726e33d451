/** Closed doors of a machine: what a hostile program tries against a container's wall, tried in a machine, in one boot. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, release } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Answers, allRefused, knockFromOutside, type Listeners, listenOutside } from "./doors.fixture.ts";
import { lacksForMachines, makeTrial, type Trial, VM_DEPLOYMENT } from "./trial.fixture.ts";

type Kernel = Readonly<
  Record<"mounts" | "namespaces" | "kernel" | "set-id" | "devices" | "sockets" | "files", Answers>
>;

/** Of what fixtures/surroundings.py looks at, what is asked here. */
interface Surroundings {
  readonly processes: Readonly<Record<string, readonly string[]>>;
  readonly statuses: Readonly<Record<string, Answers>>;
  readonly signals: Answers;
  readonly traces: Answers;
  readonly paths: Readonly<Record<string, Answers>>;
  readonly walk: Readonly<Record<"found" | "set-id" | "devices" | "capable", readonly string[]>>;
  readonly endpoints: readonly string[];
  readonly interfaces: readonly string[];
  readonly routes: readonly string[];
  readonly queue: string;
  readonly "shared memory": string;
  readonly environment: Answers;
  readonly descriptors: readonly number[];
  readonly host: string;
  readonly machine: string;
  readonly shadow: string;
  readonly "/dev": readonly string[];
  readonly "/sys": readonly string[];
  readonly "/home": readonly string[];
  readonly root: Answers;
}

const skip = lacksForMachines();

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 300_000;

const SECRET = `skerry-secret-${process.pid}`;
const SHARED = `/dev/shm/${SECRET}`;

let trial: Trial;
let listeners: Listeners;
let kernel: Kernel;
let seen: Surroundings;
let hostPaths: readonly string[];

before(async () => {
  if (skip !== false) return;
  trial = makeTrial();
  listeners = await listenOutside();
  const hostFile = `${trial.files}/${SECRET}`;
  for (const file of [hostFile, SHARED]) writeFileSync(file, SECRET);
  chmodSync(hostFile, 0o644);
  hostPaths = [
    ...[hostFile, SHARED, import.meta.filename, process.execPath],
    ...["config", "data", "state", "run/agent.sock", "run"].map((part) => `${trial.home}/${part}`),
  ];
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  writeFileSync(`${trial.home}/config/deployments/hostile.yaml`, VM_DEPLOYMENT);
  const argument = {
    paths: hostPaths,
    names: [SECRET, "agent.sock"],
    // The machine has numbers of its own; these are none of them.
    pids: [process.pid, Number(execFileSync("/bin/sh", ["-c", "echo $PPID"], { encoding: "utf8" }))],
    endpoints: listeners.endpoints,
  };
  const [first, second] = ["kernel.py", "surroundings.py"].map((file) =>
    readFileSync(join(import.meta.dirname, "fixtures", file), "utf8"),
  );
  const line = 'python3 -c "$1" "{}" && echo ===== && exec python3 -c "$2" "$3"';
  const words = ["-c", line, "look", first ?? "", second ?? "", JSON.stringify(argument)];
  const ended = await trial.skerry(["run", "--quiet", "hostile", "--", ...words], {
    timeoutMs: LIMIT_MS,
    environment: { SKERRY_SECRET: SECRET },
  });
  assert.equal(ended.code, 0, ended.stderr);
  // What the programs print is their own, and each test knows the shape of it.
  const [one = "", other = ""] = ended.stdout.split("=====\n");
  kernel = JSON.parse(one);
  seen = JSON.parse(other);
});

after(async () => {
  rmSync(SHARED, { force: true });
  await listeners?.close();
  await trial?.close();
});

test("in a machine the kernel's doors are shut as they are in a container", { skip }, () => {
  const { "bits now": bits = "", ...tried } = kernel["set-id"];
  assert.equal(bits, "0o0");
  allRefused(tried, 10);
  allRefused(kernel.mounts, 19);
  allRefused(kernel.namespaces, 19);
  allRefused(kernel.kernel, 26);
  allRefused(kernel.files, 35);
  allRefused(kernel.devices, 6);
  allRefused(kernel.sockets, 12);
});

test("no process in a machine that the app sees has a right, or is anybody else's", { skip }, () => {
  for (const [pid, status] of Object.entries(seen.statuses)) {
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      assert.equal(status[set], "0000000000000000", `${set} of process ${pid}`);
    assert.deepEqual([status["NoNewPrivs"], status["Seccomp"]], ["1", "2"], `process ${pid}`);
  }
  const names = Object.values(seen.processes).map(([first = ""]) => first);
  assert.deepEqual(names.toSorted(), ["/bin/bwrap", "python3"]);
  for (const answers of [seen.signals, seen.traces])
    assert.deepEqual([...new Set(Object.values(answers))], ["ESRCH"], JSON.stringify(answers));
});

test("no file, memory or password of the host is in a machine", { skip }, () => {
  assert.deepEqual(seen.paths, Object.fromEntries(hostPaths.map((path) => [path, {}])));
  assert.deepEqual(seen.walk.found, []);
  assert.deepEqual([seen["shared memory"], seen.queue], ["ENOENT", "ENOENT"]);
  assert.deepEqual([seen["/home"], seen["/sys"], seen.descriptors], [["app"], [], []]);
  assert.deepEqual(
    seen.shadow.split("\n").filter((line) => /^[^:]+:[^:*!]/.test(line)),
    [],
  );
  assert.ok(!JSON.stringify(seen.environment).includes(SECRET));
});

test("in a machine the root is read-only, and its devices are those that programs need", { skip }, () => {
  allRefused(seen.root, 9);
  assert.deepEqual([seen.walk["set-id"], seen.walk.capable], [[], []]);
  const devices = ["full", "null", "pts/ptmx", "random", "tty", "urandom", "zero"].map((name) => `/dev/${name}`);
  assert.deepEqual(seen.walk.devices.toSorted(), devices);
});

test("from a machine nobody who listens on the host is reached", { skip }, async () => {
  assert.ok(listeners.endpoints.length >= 5);
  for (const endpoint of listeners.endpoints)
    assert.equal(await knockFromOutside(endpoint), listeners.greeting, "reached outside");
  for (const [index, answer] of seen.endpoints.entries())
    assert.match(answer, /^E[A-Z]+$/, String(listeners.endpoints[index]));
  assert.deepEqual([seen.interfaces, seen.routes], [["lo"], []]);
});

test("a machine's kernel, name and id are its own", { skip }, () => {
  assert.equal(seen.host, "hostile");
  assert.notEqual(seen.host, hostname());
  assert.match(seen.machine, /^[0-9a-f]{32}$/);
  assert.ok(!JSON.stringify(seen).includes(release()));
});
