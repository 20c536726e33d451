import assert from "node:assert/strict";
import { test } from "node:test";
import type { CompartmentSpec } from "../../model/index.ts";
import { describe } from "../../step/index.ts";
import type { BackendContext } from "../backend.ts";
import { ABLE, backendContract, CONTEXT, SEALED } from "../contract.fixture.ts";
import { planWith } from "../plan-with.ts";
import { container } from "./container.ts";

backendContract(container);

function argvOf(spec: CompartmentSpec, context: BackendContext = CONTEXT): readonly string[] {
  const plan = planWith(container, spec, context);
  assert.ok(plan.ok, JSON.stringify(plan));
  return plan.value.argv;
}

/** The words behind the one that is named. */
function behind(argv: readonly string[], word: string, count: number): readonly string[] {
  const at = argv.indexOf(word);
  assert.notEqual(at, -1, `${word} in ${argv.join(" ")}`);
  return argv.slice(at + 1, at + 1 + count);
}

test("a sealed compartment unshares every namespace, has no rights, and sees its root and nothing else", () => {
  const argv = argvOf(SEALED);
  for (const word of ["user", "ipc", "pid", "uts", "cgroup", "net"])
    assert.ok(argv.includes(`--unshare-${word}`), word);
  assert.ok(!argv.includes("--unshare-all"), "it only tries the user namespace");
  assert.deepEqual(behind(argv, "--cap-drop", 1), ["ALL"]);
  assert.ok(argv.includes("--disable-userns"));
  assert.ok(argv.includes("--clearenv"));
  assert.deepEqual(
    argv.filter((_, index) => ["--bind", "--dev-bind"].includes(argv[index - 1] ?? "")),
    ["/dev/null"],
  );
  assert.deepEqual(
    argv.filter((_, index) => argv[index - 1] === "--ro-bind"),
    ["/r/compartments/viewer.0badcafe/root"],
  );
});

test("what the app is given stands untouched at the end", () => {
  assert.deepEqual(argvOf(SEALED).slice(-3), ["--", "/usr/bin/viewer", "my file.pdf"]);
});

test("bubblewrap makes the overlay itself from 0.11 on, lowest layer first", () => {
  const facts = { ...ABLE, programs: { ...ABLE.programs, bwrap: { path: "/usr/bin/bwrap", version: "0.11.0" } } };
  const argv = argvOf(SEALED, { ...CONTEXT, facts });
  const sources = argv.filter((_, index) => argv[index - 1] === "--overlay-src");
  assert.deepEqual(sources.slice(0, 2), ["/d/base", "/d/app"]);
  assert.match(sources[2] ?? "", /^\/d\/store\/mount-points\//);
  assert.deepEqual(behind(argv, "--ro-overlay", 1), ["/"]);
  assert.ok(!argv.includes("--overlay"));
});

test("before that the helper does, topmost layer first", () => {
  const [options = ""] = behind(argvOf(SEALED), "--overlay", 1);
  assert.match(options, /^userxattr,lowerdir=\/d\/store\/mount-points\/[0-9a-f]{32}:\/d\/app:\/d\/base$/);
});

test("nested user namespaces are left to programs with a sandbox of their own", () => {
  const argv = argvOf({ ...SEALED, ownSandbox: true });
  assert.ok(!argv.includes("--disable-userns"));
  // One that mounts a /proc of its own needs the whole of this one.
  assert.ok(argvOf(SEALED).includes("/proc/keys"));
  assert.ok(!argv.includes("/proc/keys"));
});

test("in the background there is a log and a session of its own, in a terminal there is neither", () => {
  assert.ok(!argvOf(SEALED).includes("--new-session"));
  const argv = argvOf(SEALED, { ...CONTEXT, streams: { log: "/s/logs/viewer.log", logBytes: 4096 } });
  assert.ok(argv.includes("--new-session"));
  assert.deepEqual(behind(argv, "--log", 2), ["/s/logs/viewer.log", "4096"]);
});

test("started by root, the app is another user, and folders are shown as that user's", () => {
  const user = { uid: 165535, gid: 165535, allocated: true };
  const contributions = [{ kind: "bind", source: "/srv/notes", target: "/work", access: "write" }] as const;
  const argv = argvOf({ ...SEALED, user, contributions });
  assert.deepEqual(behind(argv, "--idmap", 1), ["/srv/notes"]);
  const at = "/r/compartments/viewer.0badcafe/stage/1";
  assert.deepEqual(behind(argv, "--bind", 2), [at, "/work"]);
  assert.ok(argv.indexOf("--uid") < argv.indexOf("--"));
});

test("a copy is an overlay over the folder, by names that tell nothing, and the folder itself is bound nowhere", () => {
  const contributions = [{ kind: "copy", request: "place", source: "/home/owner/a,b:c", target: "/work" }] as const;
  const folder = "/r/compartments/viewer.0badcafe/copy-1";
  const argv = argvOf({ ...SEALED, contributions });
  assert.deepEqual(behind(argv, "-o", 1), [
    "nosuid,nodev,userxattr,lowerdir=lower,upperdir=own/upper,workdir=own/work",
  ]);
  const mounts = argv.slice(0, argv.indexOf("--"));
  assert.deepEqual(behind(mounts, "--bind", 3), ["/home/owner/a,b:c", `${folder}/lower`, ";"]);
  const wall = argv.slice(argv.indexOf("--") + 1);
  assert.deepEqual(behind(wall, "--bind", 2), [`${folder}/merged`, "/work"]);
  assert.ok(!wall.some((word) => word.includes("/home/owner") || word.includes("/copies/")));
  // Started by root, the folder is shown as the app's user's, and what is written belongs to that user.
  const user = { uid: 165535, gid: 165535, allocated: true };
  const plan = planWith(container, { ...SEALED, user, contributions }, CONTEXT);
  assert.ok(plan.ok);
  assert.deepEqual(behind(plan.value.argv, "--idmap", 1), ["/home/owner/a,b:c"]);
  assert.match(behind(plan.value.argv, "-o", 1)[0] ?? "", /lowerdir=\.\.\/stage\/1,/);
  assert.deepEqual(
    plan.value.steps.flatMap(describe).filter((line) => line.includes("/copies/viewer/place/")),
    [
      "make folder /d/copies/viewer/place/upper (0700 for 165535:165535)",
      "make folder /d/copies/viewer/place/work (0700 for 165535:165535)",
    ],
  );
});

test("chosen files are picked one by one, and the folder around them is read-only", () => {
  const contributions = [{ kind: "pick", source: "/home/owner", files: ["a.txt", "sub/b"], target: "/work" }] as const;
  const argv = argvOf({ ...SEALED, contributions });
  const picks = argv.flatMap((word, index) => (word === "--pick" ? [argv.slice(index + 1, index + 3)] : []));
  assert.deepEqual(picks, [
    ["/home/owner", "a.txt"],
    ["/home/owner", "sub/b"],
  ]);
  const readOnly = argv.filter((_, index) => argv[index - 1] === "--remount-ro");
  assert.deepEqual(readOnly, ["/dev", "/work"]);
});

test("every place inside has a mount point in the layer on top, so that no link of the image can lead it away", () => {
  const contributions = [
    { kind: "bind", source: "/home/owner", target: "/srv/notes", access: "read" },
    { kind: "file", target: "/etc/hostname", content: "x" },
    { kind: "memory-folder", target: "/home/app/tmp" },
  ] as const;
  const plan = planWith(container, { ...SEALED, contributions }, CONTEXT);
  assert.ok(plan.ok);
  const made = plan.value.steps.flatMap((step) =>
    "path" in step && step.path.startsWith("/d/store/mount-points/") ? [step.path.split("/").slice(5).join("/")] : [],
  );
  for (const path of ["proc", "dev", "tmp", "run", "home", "srv", "srv/notes", "etc", "etc/hostname"]) {
    assert.ok(made.includes(path), path);
  }
  assert.ok(!made.includes("home/app/tmp"), "what lies in a memory folder needs none");
});

test("limits become a systemd scope where the user's manager runs", () => {
  const facts = {
    ...ABLE,
    systemd: { system: true, user: true },
    programs: { ...ABLE.programs, "systemd-run": { path: "/usr/bin/systemd-run", version: undefined } },
  };
  const argv = argvOf({ ...SEALED, limits: { memoryBytes: 1024, tasks: 7, cpuPercent: 150 } }, { ...CONTEXT, facts });
  assert.deepEqual(argv.slice(0, 3), ["/usr/bin/env", "XDG_RUNTIME_DIR=/run/user/1000", "/usr/bin/systemd-run"]);
  for (const property of ["MemoryMax=1024", "TasksMax=7", "CPUQuota=150%", "Delegate=yes"]) {
    assert.ok(argv.includes(`--property=${property}`), property);
  }
  assert.ok(argv.indexOf("--") < argv.indexOf("/p/helper/build/skerry-helper"));
});

test("limits become control groups where this user may make them", () => {
  const cgroup = { mode: "legacy", memory: "/m", tasks: "/t", cpu: "/q", freeze: "/f" } as const;
  const plan = planWith(
    container,
    { ...SEALED, limits: { memoryBytes: 1024, tasks: 7, cpuPercent: 150 } },
    { ...CONTEXT, facts: { ...ABLE, cgroup } },
  );
  assert.ok(plan.ok);
  assert.deepEqual(plan.value.steps.filter(({ kind }) => kind === "make-cgroup").flatMap(describe), [
    "make control group /m/skerry-viewer.0badcafe",
    "  memory.limit_in_bytes = 1024",
    "make control group /t/skerry-viewer.0badcafe",
    "  pids.max = 7",
    "make control group /q/skerry-viewer.0badcafe",
    "  cpu.cfs_period_us = 100000",
    "  cpu.cfs_quota_us = 150000",
    "make control group /f/skerry-viewer.0badcafe",
  ]);
  assert.deepEqual(plan.value.weaker, []);
});

test("tasks are counted in the compartment's own namespace where there is no control group", () => {
  assert.deepEqual(behind(argvOf({ ...SEALED, limits: { ...SEALED.limits, tasks: 7 } }), "--tasks", 1), ["7"]);
});

test("a program that enters gets the filter and the user of the app, and only the environment that is named", () => {
  const wall = { spec: SEALED, childPid: 4711, startTicks: "99", cgroups: ["/f/x"] };
  const entry = { command: ["/bin/ls"], directory: "/", environment: { A: "b c" } } as const;
  const entrance = container.enter?.(wall, entry, { ...CONTEXT, node: "/n" });
  assert.ok(entrance !== undefined);
  const { steps, argv } = entrance;
  const [filter] = steps;
  assert.ok(filter?.kind === "write-file" && filter.namedByContent === true && filter.path.startsWith("/r/filters/"));
  assert.deepEqual(argv, [
    "/p/helper/build/skerry-helper",
    ...["enter", "--child", "4711", "--start-ticks", "99"],
    ...["--seccomp", filter.path, "--cgroup", "/f/x"],
    ...["--directory", "/", "--set", "A=b c", "--", "/bin/ls"],
  ]);
});
