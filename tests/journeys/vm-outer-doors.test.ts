/**
 * Closed doors around a machine: a VMM that was taken over is a hostile program behind the outer wall. In its place stands
 * one that tries what tests/journeys/closed-doors.test.ts lets an app try, and finds it as shut.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Answers, allRefused, type Listeners, listenOutside } from "./doors.fixture.ts";
import {
  endOf,
  environmentFor,
  lacksForMachines,
  makeTrial,
  ROOT,
  type Trial,
  VM_DEPLOYMENT,
} from "./trial.fixture.ts";

/** Of what fixtures/ look at, what is asked here. */
interface Seen {
  readonly kernel: Readonly<
    Record<"mounts" | "namespaces" | "kernel" | "set-id" | "devices" | "sockets" | "files", Answers>
  >;
  readonly around: {
    readonly processes: Readonly<Record<string, readonly string[]>>;
    readonly statuses: Readonly<Record<string, Answers>>;
    readonly paths: Readonly<Record<string, Answers>>;
    readonly walk: Readonly<Record<"found" | "devices" | "capable", readonly string[]>>;
    readonly endpoints: readonly string[];
    readonly interfaces: readonly string[];
    readonly environment: Answers;
    readonly root: Answers;
  };
  readonly folders: readonly (readonly [string, string])[];
}

const skip =
  process.getuid?.() === 0 ? lacksForMachines() : "cannot here: only root can put a program in another's place";

const LIMIT_MS = 240_000;

const VMM = "/usr/bin/qemu-system-x86_64";

const SECRET = `skerry-secret-${process.pid}`;

/** In the place of QEMU: looks around, and leaves what it has seen in the folder that it may write. */
const TAKEN_OVER = `#!/usr/bin/python3
import errno, json, os, re, subprocess, sys
KERNEL, AROUND, ARGUMENT, VERSION = json.loads(r'''WORDS''')
if len(sys.argv) == 2:
    print(VERSION)
    sys.exit(0)
if "kvm" in sys.argv:
    sys.exit(1)
shares = re.findall(r"path=(/vm/folder\\d+),", " ".join(sys.argv))
folders = [share + part for share in shares for part in ("/here", "")]
def looked(program, *words):
    # Of places in memory there is this one here.
    program = program.replace("/tmp", "/run")
    ended = subprocess.run([sys.executable, "-c", program, *words], capture_output=True)
    sys.stderr.write(ended.stderr.decode()[-2000:])
    return json.loads(ended.stdout)
def written(folder):
    try:
        open(folder + "/written", "w").close()
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]
seen = {
    "kernel": looked(KERNEL, "{}"),
    "around": looked(AROUND, ARGUMENT),
    "folders": [[folder, written(folder)] for folder in folders],
}
for folder, said in seen["folders"]:
    if said == "done":
        with open(folder + "/seen.json", "w") as file:
            json.dump(seen, file)
sys.exit(3)
`;

let trial: Trial;
let listeners: Listeners;
let seen: Seen;
let hostPaths: readonly string[];

before(async () => {
  if (skip !== false) return;
  trial = makeTrial();
  listeners = await listenOutside();
  for (const name of ["real", "reading", "other"]) mkdirSync(`${trial.files}/${name}`);
  const hostFile = `${trial.files}/other/${SECRET}`;
  writeFileSync(hostFile, SECRET);
  chmodSync(hostFile, 0o644);
  hostPaths = [
    ...[hostFile, import.meta.filename, process.execPath, "/etc/passwd", "/root"],
    ...["config", "data", "state", "run/agent.sock", "run"].map((part) => `${trial.home}/${part}`),
  ];
  const version = spawnSync(VMM, ["--version"], { encoding: "utf8" }).stdout.trim();
  const argument = { paths: hostPaths, names: [SECRET, "agent.sock"], pids: [], endpoints: listeners.endpoints };
  const programs = ["kernel.py", "surroundings.py"].map((file) =>
    readFileSync(join(import.meta.dirname, "fixtures", file), "utf8"),
  );
  const words = JSON.stringify([...programs, JSON.stringify(argument), version]);
  writeFileSync(
    `${trial.files}/vmm`,
    TAKEN_OVER.replace("WORDS", () => words),
    { mode: 0o755 },
  );
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
  const recipe = readFileSync(join(ROOT, "recipes/dev-shell.yaml"), "utf8").split(/^(?:requests|volumes|desktop):/m)[0];
  const requests = `requests:
  real: { service: folder, why: to try, verbs: [read, write], inside: /mnt/real }
  reading: { service: folder, why: to try, inside: /mnt/reading }
`;
  writeFileSync(`${trial.home}/config/recipes/dev-shell.yaml`, `${recipe}${requests}`);
  const answers = ["real", "reading"].map((name) => `  ${name}: { answer: real, folder: ${trial.files}/${name} }\n`);
  writeFileSync(`${trial.home}/config/deployments/taken.yaml`, `${VM_DEPLOYMENT}answers:\n${answers.join("")}`);
  // Everything of this trial runs where the program has that place, and nothing else of this host does.
  const child = spawn(
    "/usr/bin/unshare",
    [
      ...["-m", "--propagation", "private", "/bin/sh", "-c", 'mount --bind "$1" "$2" && shift 2 && exec "$@"', "sh"],
      ...[`${trial.files}/vmm`, VMM, `${ROOT}/skerry`, "run", "--quiet", "taken", "--", "-c", "true"],
    ],
    {
      env: { ...environmentFor(trial.home), SKERRY_SECRET: SECRET },
      cwd: trial.files,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const ended = await endOf(child, LIMIT_MS);
  assert.equal(ended.code, 125, ended.stderr);
  assert.match(ended.stderr, /it ended before the app did \(exit code 3\)/);
  seen = JSON.parse(readFileSync(`${trial.files}/real/seen.json`, "utf8"));
});

after(async () => {
  await listeners?.close();
  await trial?.close();
});

test("to a VMM that was taken over the kernel's doors are as shut as to an app", { skip }, () => {
  const { "bits now": bits = "", ...tried } = seen.kernel["set-id"];
  assert.equal(bits, "0o0");
  allRefused(tried, 10);
  allRefused(seen.kernel.mounts, 19);
  allRefused(seen.kernel.namespaces, 19);
  allRefused(seen.kernel.kernel, 26);
  allRefused(seen.kernel.files, 35);
  allRefused(seen.kernel.devices, 6);
  allRefused(seen.kernel.sockets, 12);
});

test("it has no right, and sees no process but its own wall's", { skip }, () => {
  for (const [pid, status] of Object.entries(seen.around.statuses)) {
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      assert.equal(status[set], "0000000000000000", `${set} of process ${pid}`);
    assert.deepEqual([status["NoNewPrivs"], status["Seccomp"]], ["1", "2"], `process ${pid}`);
  }
  const names = new Set(Object.values(seen.around.processes).map(([first = ""]) => first));
  assert.deepEqual([...names].toSorted(), ["/usr/bin/bwrap", "/usr/bin/python3", "/vm/node"]);
});

test("of the host it has programs to read, and the folders of this machine as they were answered", {
  skip,
}, () => {
  assert.deepEqual(seen.around.paths, Object.fromEntries(hostPaths.map((path) => [path, {}])));
  assert.deepEqual(seen.around.walk.found, []);
  assert.ok(!JSON.stringify(seen.around.environment).includes(SECRET));
  allRefused(seen.around.root, 9);
  // What is shown by each share as it was answered, and nothing beside it.
  const answers = seen.folders.map(([folder, said]) => `${folder.replace(/^.*\d/, "")} ${said}`);
  assert.deepEqual(answers.toSorted(), [" EROFS", " EROFS", "/here EROFS", "/here done"]);
});

test("it reaches nobody who listens on the host", { skip }, () => {
  assert.ok(seen.around.endpoints.length >= 5);
  for (const answer of seen.around.endpoints) assert.match(answer, /^E[A-Z]+$/);
  assert.deepEqual(seen.around.interfaces, ["lo"]);
});
