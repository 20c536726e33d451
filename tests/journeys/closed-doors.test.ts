/** Closed doors: a compartment to which nothing is granted, and what a hostile program in it comes to know and to do. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { after, before, test } from "node:test";
import {
  type Answers,
  allRefused,
  knockFromOutside,
  type Listeners,
  listenOutside,
  lookInside,
  until,
} from "./doors.fixture.ts";
import { makeTrial, ROOT, type Trial } from "./trial.fixture.ts";

interface Kernel {
  readonly mounts: Answers;
  readonly namespaces: Answers;
  readonly kernel: Answers;
  readonly "set-id": Answers;
  readonly devices: Answers;
  readonly sockets: Answers;
  readonly files: Answers;
}

interface Surroundings {
  readonly processes: Readonly<Record<string, readonly string[]>>;
  readonly statuses: Readonly<Record<string, Answers>>;
  readonly first: Readonly<Record<string, unknown>>;
  readonly signals: Answers;
  readonly traces: Answers;
  readonly paths: Readonly<Record<string, Answers>>;
  readonly walk: Readonly<Record<"found" | "set-id" | "devices" | "capable", readonly string[]>>;
  readonly endpoints: readonly string[];
  readonly interfaces: readonly string[];
  readonly routes: readonly string[];
  readonly queue: string;
  readonly "shared memory": string;
  readonly keys: string;
  readonly environment: Answers;
  readonly descriptors: readonly number[];
  readonly host: string;
  readonly machine: string;
  readonly ids: {
    readonly uid: readonly number[];
    readonly gid: readonly number[];
    readonly groups: readonly number[];
  };
  readonly maps: readonly string[];
  readonly shadow: string;
  readonly "/dev": readonly string[];
  readonly "/": readonly string[];
  readonly "/sys": readonly string[];
  readonly "/home": readonly string[];
  readonly root: Answers;
  readonly limits: Readonly<Record<string, readonly [number, number]>>;
  readonly mask: number;
}

const UID = process.getuid?.() ?? -1;

/** A variable of the host that must not come along. */
const SECRET = `skerry-secret-${process.pid}`;

/** In the command line of a process of the other compartment. */
const OTHERS_MARK = `others-mark-${process.pid}`;

/** A folder in memory that all programs of the host share. */
const SHARED = `/dev/shm/${SECRET}`;

let trial: Trial;
let listeners: Listeners;
let kernel: Kernel;
let seen: Surroundings;
let others: Surroundings;
let hostPaths: readonly string[];
let outsiders: readonly number[];

/** Memory and a queue that any process of this user on the host can open by their well-known names. */
const OUTSIDE_OBJECTS = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
memory = libc.shmget(0x536B6572, 4096, 0o1666)
queue = libc.mq_open(b"/skerry-outside", os.O_CREAT | os.O_RDWR, 0o666, None)
assert memory >= 0 and queue >= 0
libc.shmget.restype = ctypes.c_int
print("ready", flush=True)
sys.stdin.read()
libc.shmctl(memory, 0, None)
libc.mq_unlink(b"/skerry-outside")
`;

let endObjects: () => void = () => {};

before(async () => {
  trial = makeTrial();
  listeners = await listenOutside();
  const holder = spawn("/usr/bin/python3", ["-c", OUTSIDE_OBJECTS], { stdio: ["pipe", "pipe", "inherit"] });
  endObjects = () => void holder.stdin.end();
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  const hostFile = `${trial.files}/${SECRET}`;
  writeFileSync(hostFile, SECRET);
  writeFileSync(SHARED, SECRET);
  chmodSync(hostFile, 0o644);
  await must(["deploy", "dev-shell", "--as", "other"]);
  const holds = `echo ${OTHERS_MARK} > data/${OTHERS_MARK}; echo ${OTHERS_MARK} > /tmp/${OTHERS_MARK}; exec -a ${OTHERS_MARK} sleep 100000`;
  await must(["start", "other", "--", "-c", holds]);
  const listed = await until("the other compartment", async () => {
    const compartments: readonly { readonly pid?: number }[] = JSON.parse((await must(["ps", "--json"])).stdout);
    return compartments[0]?.pid === undefined || compartments[0].pid === 0 ? undefined : compartments[0].pid;
  });
  const sleeper = await until("its program", async () => {
    const found = execFileSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" }).split("\n");
    return found
      .map((line) => line.trim())
      .find((line) => line.endsWith(`${OTHERS_MARK} 100000`))
      ?.split(" ")[0];
  });
  outsiders = [process.pid, holder.pid ?? 0, listed, Number(sleeper)];
  hostPaths = [
    hostFile,
    SHARED,
    import.meta.filename,
    `${trial.home}/config`,
    `${trial.home}/data`,
    `${trial.home}/data/volumes/other/data/${OTHERS_MARK}`,
    `${trial.home}/state`,
    `${trial.home}/run/agent.sock`,
    `${trial.home}/run`,
    process.execPath,
  ];
  kernel = await lookInside<Kernel>(trial, { script: "kernel.py" });
  const argument = {
    paths: hostPaths,
    names: [SECRET, OTHERS_MARK, "agent.sock"],
    pids: outsiders,
    endpoints: listeners.endpoints,
  };
  seen = await lookInside<Surroundings>(trial, { script: "surroundings.py", argument });
  await must(["deploy", "dev-shell", "--as", "third"]);
  others = await lookInside<Surroundings>(trial, { script: "surroundings.py", argument, instance: "third" });
});

after(async () => {
  endObjects();
  rmSync(SHARED, { force: true });
  await listeners?.close();
  await trial?.close();
});

async function must(words: readonly string[]) {
  const ended = await trial.skerry(words, { environment: { SKERRY_SECRET: SECRET } });
  assert.equal(ended.code, 0, ended.stderr);
  return ended;
}

test("nothing can be mounted, unmounted or made writable", () => {
  allRefused(kernel.mounts, 19);
});

test("no namespace can be made or entered", () => {
  allRefused(kernel.namespaces, 19);
});

test("the kernel's interfaces for the host's owner are shut", () => {
  allRefused(kernel.kernel, 26);
});

test("files of the kernel that tell of the host or change it are shut", () => {
  allRefused(kernel.files, 35);
});

test("no file can be given its owner's rights", () => {
  const { "bits now": bits = "", ...tried } = kernel["set-id"];
  allRefused(tried, 10);
  assert.equal(bits, "0o0");
});

test("no device can be made, and /dev is as it is", () => {
  allRefused(kernel.devices, 6);
});

test("sockets are local, IPv4, IPv6 or ask for routes, and nothing else", () => {
  allRefused(kernel.sockets, 12);
});

test("/dev holds just what programs need", () => {
  assert.deepEqual(
    seen["/dev"].filter((name) => name !== "console"),
    [
      ...["core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom"],
      "zero",
    ],
  );
  assert.deepEqual(
    seen.walk.devices.toSorted(),
    ["full", "null", "pts/ptmx", "random", "tty", "urandom", "zero"].map((name) => `/dev/${name}`),
  );
});

test("the image has no file that runs with other rights", () => {
  assert.deepEqual(seen.walk["set-id"], []);
  assert.deepEqual(seen.walk.capable, []);
});

test("every process inside is without capabilities, without new privileges and behind the filter", () => {
  for (const [pid, status] of Object.entries(seen.statuses)) {
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      assert.equal(status[set], "0000000000000000", `${set} of process ${pid}`);
    assert.equal(status["NoNewPrivs"], "1", `process ${pid}`);
    assert.equal(status["Seccomp"], "2", `process ${pid}`);
  }
});

test("only its own processes are seen", () => {
  const names = Object.values(seen.processes).map(([first = ""]) => first);
  assert.deepEqual(names.toSorted(), ["/usr/bin/bwrap", "python3"].toSorted());
});

test("processes outside can be neither signalled nor traced, by any number", () => {
  const foreign = outsiders.filter((pid) => seen.processes[pid] === undefined).map(String);
  assert.ok(foreign.length >= 2);
  for (const pid of foreign) assert.deepEqual([seen.signals[pid], seen.traces[pid]], ["ESRCH", "ESRCH"]);
});

test("the first process inside has nothing that the program has not", () => {
  const held: unknown = seen.first["descriptors"];
  assert.ok(typeof held === "object" && held !== null, String(held));
  const beyond = Object.entries(held).filter(([fd, what]) => Number(fd) > 2 && what !== "anon_inode:[eventfd]");
  assert.deepEqual(beyond, []);
});

test("the first process's command line and environment name no path of the host", () => {
  for (const part of ["cmdline", "environ"]) {
    // Behind the lone dashes stands the program's own command line.
    const text = String(seen.first[part]).split("\0--\0")[0] ?? "";
    assert.ok(text.length > 0, part);
    for (const word of [trial.home, ROOT, SECRET]) assert.ok(!text.includes(word), `${part} names ${word}: ${text}`);
  }
});

test("no file of the host is there, by any way that processes and descriptors offer", () => {
  assert.deepEqual(seen.paths, Object.fromEntries(hostPaths.map((path) => [path, {}])));
  assert.deepEqual(seen.walk.found, []);
});

test("the homes inside are the app's own", () => {
  assert.deepEqual(seen["/home"], ["app"]);
  assert.deepEqual(seen["/sys"], []);
});

test("no password of the host is there", () => {
  // Where the image belongs to the app's own user, its shadow file can be read: it holds no password.
  const open = seen.shadow.split("\n").filter((line) => /^[^:]+:[^:*!]/.test(line));
  assert.ok(seen.shadow === "EACCES" || seen.shadow.startsWith("root:"), seen.shadow);
  assert.deepEqual(open, []);
});

test("the root is read-only everywhere", () => {
  allRefused(seen.root, 9);
});

test("nobody who listens on the host is reached, on any of its addresses", async () => {
  assert.ok(listeners.endpoints.length >= 5);
  for (const endpoint of listeners.endpoints)
    assert.equal(await knockFromOutside(endpoint), listeners.greeting, "reached outside");
  for (const [index, answer] of seen.endpoints.entries())
    assert.match(answer, /^E[A-Z]+$/, String(listeners.endpoints[index]));
  assert.deepEqual(seen.interfaces, ["lo"]);
  assert.deepEqual(seen.routes, []);
});

test("shared memory and message queues of the host are not there", () => {
  assert.equal(seen["shared memory"], "ENOENT");
  assert.equal(seen.queue, "ENOENT");
});

test("the environment is what is set, and nothing of the host's", () => {
  // The shell's own.
  const own = new Set(["SHLVL", "PWD", "OLDPWD", "_"]);
  const set = Object.fromEntries(Object.entries(seen.environment).filter(([name]) => !own.has(name)));
  assert.deepEqual(set, {
    HOME: "/home/app",
    LANG: "C.UTF-8",
    LOGNAME: "app",
    PATH: "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games",
    SHELL: "/bin/sh",
    TZ: set["TZ"],
    USER: "app",
    XDG_RUNTIME_DIR: `/run/user/${seen.ids.uid[0]}`,
  });
});

test("no file is handed down but the three streams", () => {
  assert.deepEqual(seen.descriptors, []);
});

test("the machine's name and id are the instance's own", () => {
  assert.equal(seen.host, "dev-shell");
  assert.match(seen.machine, /^[0-9a-f]{32}$/);
  assert.notEqual(seen.machine, others.machine);
  assert.notEqual(seen.machine, existsSync("/etc/machine-id") ? readFileSync("/etc/machine-id", "utf8").trim() : "");
  assert.notEqual(seen.host, hostname());
});

test("the user inside is the user outside, or one of its own when root starts it", () => {
  const [uid = -1] = seen.ids.uid;
  assert.deepEqual(new Set(seen.ids.uid).size, 1);
  assert.deepEqual(
    seen.ids.groups.filter((group) => group !== seen.ids.gid[0] && group !== 65534),
    [],
  );
  // Nobody else exists in there.
  assert.deepEqual(seen.maps.slice(2), ["1"]);
  if (UID === 0) {
    assert.ok(uid >= 65536);
    assert.notEqual(uid, others.ids.uid[0], "each instance has a user of its own");
  } else assert.equal(uid, UID);
});

test("resource limits are sane", () => {
  const { RLIMIT_NOFILE: files = [0, 0], RLIMIT_CORE: core = [1, 1], RLIMIT_NICE: nice = [1, 1] } = seen.limits;
  // Some programs close every number up to the limit one by one, and select(2) breaks above 1024.
  assert.ok(files[0] >= 256 && files[0] <= 1024, String(files));
  assert.equal(core[0], 0, "no image of the memory is left behind");
  assert.equal(nice[1], 0);
  assert.deepEqual(seen.limits["RLIMIT_RTPRIO"]?.[1], 0);
  assert.equal(seen.mask & 0o22, 0o22);
});

test("another instance of the same recipe sees nothing of it", () => {
  assert.deepEqual(others.walk.found, []);
  assert.deepEqual(others.paths, Object.fromEntries(hostPaths.map((path) => [path, {}])));
  assert.deepEqual(
    Object.values(others.processes)
      .flat()
      .filter((word) => word === OTHERS_MARK),
    [],
  );
});
