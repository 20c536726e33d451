import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { seccompProgram } from "../src/backends/container/seccomp.ts";
import {
  BECOME_APP,
  bubblewrap,
  CANNOT_HERE,
  closeWorkshop,
  IS_ROOT,
  missing,
  openTerminal,
  openWorkshop,
  pullDown,
  quoted,
  runHelper,
  type Standing,
  standUp,
  startTicks,
  until,
  wall,
} from "./helper.fixture.ts";

const SPACES = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];

describe("enter", { skip: CANNOT_HERE }, () => {
  const workshop = openWorkshop();
  const filter = join(workshop.folder, "filter");
  writeFileSync(filter, seccompProgram(process.arch === "arm64" ? "arm64" : "amd64", { ownSandbox: false }));
  let standing: Standing;
  before(async () => {
    standing = await standUp(
      workshop,
      "standing",
      ["--network-namespace", "--tasks", "100", "--seccomp", filter],
      "sleep 600",
    );
  });
  after(async () => {
    await pullDown(standing);
    closeWorkshop(workshop);
  });

  const enter = (command: readonly string[], more: readonly string[] = ["--set", "PATH=/usr/bin"], to = standing) => [
    ...["enter", "--child", String(to.child), "--start-ticks", to.ticks, ...BECOME_APP],
    ...["--seccomp", filter, "--tasks", "100", ...more, "--", ...command],
  ];
  const run = (command: readonly string[], more?: readonly string[]) => runHelper(workshop, enter(command, more));

  test("stands in the same seven namespaces as the app", () => {
    const links = SPACES.map((name) => `/proc/self/ns/${name}`);
    const done = run(["readlink", ...links]);
    assert.equal(done.stderr, "");
    assert.deepEqual(
      done.stdout.trim().split("\n"),
      SPACES.map((name) => readlinkSync(`/proc/${standing.child}/ns/${name}`)),
    );
  });

  test("has the app's rights and no more: users, capabilities, filter, tasks", () => {
    const rights = ["sh", "-c", "grep -E '^(Uid|Gid|Cap|NoNew|Seccomp|Groups)' $0; grep processes /proc/self/limits"];
    const entered = run([...rights, "/proc/self/status"]);
    const app = run([...rights, "/proc/2/status"]);
    assert.equal(entered.status, 0, entered.stderr);
    assert.equal(entered.stdout, app.stdout);
    assert.match(
      entered.stdout,
      /CapEff:\t0{16}\nCapBnd:\t0{16}\nCapAmb:\t0{16}\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n/,
    );
    assert.match(entered.stdout, /Max processes +100 +100 /);
  });

  test("sees the processes of the compartment and no others", () => {
    const names = run(["sh", "-c", "cat /proc/[0-9]*/comm; true"]).stdout.trim().split("\n");
    assert.deepEqual(new Set(names), new Set(["bwrap", "sh", "sleep"]));
  });

  test("passes on the arguments, input, output and environment that were given, and no others", () => {
    const done = runHelper(
      workshop,
      enter(
        ["sh", "-c", 'cat; printf "<%s>" "$@"; echo; env', "sh", "a b", "", "$x;"],
        ["--set", "PATH=/usr/bin", "--set", "A=b=c", "--set", "E="],
      ),
      "typed\n",
    );
    assert.deepEqual(
      done.stdout.split("\n").toSorted(),
      ["", "<a b><><$x;>", "A=b=c", "E=", "PATH=/usr/bin", "PWD=/", "typed"].toSorted(),
    );
    assert.equal(
      run(["sh", "-c", "pwd; echo error >&2"], ["--set", "PATH=/usr/bin", "--directory", "/tmp"]).stderr,
      "error\n",
    );
    assert.equal(run(["pwd"], ["--set", "PATH=/usr/bin", "--directory", "/tmp"]).stdout, "/tmp\n");
    const nowhere = run(["pwd"], ["--directory", "/nowhere"]);
    assert.equal(nowhere.stderr, "skerry-helper: enter: directory: /nowhere: No such file or directory\n");
    assert.equal(nowhere.status, 125);
  });

  test("leaves no file of ours open", () => {
    const inherited = openSync("/etc/passwd", "r");
    const done = spawnSync(workshop.helper, enter(["ls", "/proc/self/fd"]), {
      stdio: ["ignore", "pipe", "inherit", inherited],
      encoding: "utf8",
    });
    assert.equal(done.stdout, "0\n1\n2\n3\n", "3 is the folder that ls lists");
  });

  test("answers with the command's own code, or with the one of a shell where it does not start", () => {
    assert.equal(run(["sh", "-c", "exit 7"]).status, 7);
    assert.equal(run(["sh", "-c", "kill -9 $$"]).status, 137);
    assert.equal(run(["sh", "-c", "kill -15 $$"]).status, 143);
    assert.equal(run(["no-such-program"]).status, 127);
    assert.equal(run(["/usr/bin/no-such-program"]).status, 127);
    assert.equal(run(["/usr/share"]).status, 126);
    assert.equal(run(["/proc/version"]).status, 126);
    assert.equal(
      run(["ls"], ["--set", "PATH=/nowhere::bin"]).status,
      127,
      "empty and relative parts of PATH do not count",
    );
    assert.equal(run(["no-such-program"]).stderr, "skerry-helper: enter: no-such-program: No such file or directory\n");
  });

  test("waits for an app that has not begun yet", async () => {
    const status = join(workshop.folder, "begins.status");
    const words = wall(["--status", status], bubblewrap(["--block-fd", "0"], ["/bin/sleep", "600"]));
    const process = spawn(workshop.helper, words, { stdio: ["pipe", "inherit", "inherit"] });
    const told = () => /"child-pid": (\d+)/.exec(existsSync(status) ? readFileSync(status, "utf8") : "")?.[1];
    await until(() => told() !== undefined);
    const child = Number(told());
    const begun = { process, child, ticks: startTicks(child), status };
    const looks = ["sh", "-c", "wc --words </proc/1/task/1/children"];
    const entering = spawn(workshop.helper, enter(looks, undefined, begun), { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    entering.stdout.on("data", (piece) => (said += String(piece)));
    const entered = new Promise((resolve) => entering.once("close", resolve));
    // Time to come in, for whoever does not wait.
    await pause(100);
    process.stdin.end("x");
    assert.equal(await entered, 0);
    assert.equal(said, "1\n", "the app is there");
    await pullDown(begun);
  });

  test("refuses a process that is not the one that was meant, or is no compartment", () => {
    const wrong = runHelper(workshop, enter(["true"], [], { ...standing, ticks: String(Number(standing.ticks) + 1) }));
    assert.equal(wrong.status, 125);
    assert.equal(
      wrong.stderr,
      `skerry-helper: enter: process: ${standing.child}: is another one by now; the compartment has ended\n`,
    );
    const ours = runHelper(
      workshop,
      enter(["true"], [], { ...standing, child: process.pid, ticks: startTicks(process.pid) }),
    );
    assert.equal(ours.status, 125);
    assert.match(ours.stderr, /^skerry-helper: enter: /);
    const gone = runHelper(workshop, enter(["true"], [], { ...standing, child: 4_194_300 }));
    assert.equal(gone.stderr, "skerry-helper: enter: process: 4194300: No such process\n");
  });

  test("hands on the signals that another process sends", async () => {
    for (const [signal, code] of [
      ["SIGTERM", 15],
      ["SIGINT", 2],
      ["SIGHUP", 1],
      ["SIGQUIT", 3],
      ["SIGUSR1", 10],
    ] as const) {
      const child = spawn(
        workshop.helper,
        enter(["sh", "-c", `trap 'exit ${code + 20}' ${code}; echo ready; while :; do sleep 0.05; done`]),
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      await new Promise((resolve) => child.stdout.once("data", resolve));
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill(signal);
      assert.equal(await ended, code + 20, signal);
    }
  });

  test("ends with the compartment", async () => {
    const short = await standUp(workshop, "short", ["--network-namespace"], "sleep 600");
    const child = spawn(
      workshop.helper,
      enter(["sh", "-c", "echo ready; sleep 600"], ["--set", "PATH=/usr/bin"], short),
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await pullDown(short);
    assert.equal(await ended, 137);
    assert.match(runHelper(workshop, enter(["true"], [], short)).stderr, /No such process|has ended/);
  });

  test("gets into a compartment without a network namespace or a wall of its own", async () => {
    const plain = await standUp(workshop, "plain", [], "sleep 600");
    try {
      const done = runHelper(workshop, enter(["readlink", "/proc/self/ns/user"], ["--set", "PATH=/usr/bin"], plain));
      assert.equal(done.stdout.trim(), readlinkSync(`/proc/${plain.child}/ns/user`), done.stderr);
    } finally {
      await pullDown(plain);
    }
  });

  test("shows the app nothing of itself on the way in", { skip: missing(["/usr/bin/strace"]) }, async () => {
    /* Held for a moment before the exec, it is a process in the compartment with its program file on the host. */
    const hold = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=execve", "-e"];
    const script = [
      "for p in /proc/[0-9]*; do read -r name <$p/comm; test $name != skerry-helper || echo $p; done",
      "for p in /proc/[0-9]*; do read -r name <$p/comm; test $name != skerry-helper || readlink $p/exe $p/cwd; done",
    ];
    let seen = "";
    // Who looks on a busy machine may miss it, and it is held for longer then.
    for (let microseconds = 300_000; seen === "" && microseconds < 30_000_000; microseconds *= 4) {
      const words = [...hold, `inject=execve:delay_enter=${microseconds}`, workshop.helper, ...enter(["true"])];
      const held = spawn("/usr/bin/strace", words, { stdio: "inherit" });
      const ended = new Promise((resolve) => held.once("exit", resolve));
      while (held.exitCode === null && seen === "") {
        await pause(20);
        seen = run(["sh", "-c", `(${script[0]}; sleep 0.1; ${script[1]}) 2>/dev/null`]).stdout;
      }
      assert.equal(await ended, 0);
    }
    assert.match(seen, /^\/proc\/\d+\n$/, "it was there, and told nothing");
  });

  test("gives a program the terminal as it is, and takes it back afterwards", {
    skip: missing(["/usr/bin/script", "/usr/bin/bash"]),
  }, () => {
    const inside = "test -t 0 && test -t 1 && test -t 2 && stty size && bash -ic 'echo shell; sleep 0.1'";
    writeFileSync(
      join(workshop.folder, "inside.sh"),
      `${["stty rows 33 cols 99;", workshop.helper, ...enter(["sh", "-c", `"${inside}"`]), "; echo code $?; head -n 1"].join(" ")}\n`,
    );
    const done = spawnSync("/usr/bin/script", ["-qec", `sh ${join(workshop.folder, "inside.sh")}`, "/dev/null"], {
      encoding: "utf8",
      input: "typed\n",
      timeout: 60_000,
    });
    assert.match(done.stdout, /33 99\r\n(.*\r\n)*.*shell\r\n.*code 0\r\n/);
  });

  test("gives the command one signal for each Ctrl-C", {
    skip: missing(["/usr/bin/script", "/bin/bash"]),
  }, async () => {
    const app = "trap 'echo caught' INT; echo ready; while ! read line; do :; done; exit 9";
    const words = quoted([workshop.helper, ...enter(["/bin/sh", "-c", app])]);
    const terminal = openTerminal(workshop, "inside", `exec ${words}\n`);
    await terminal.type("ready", "\x03");
    await terminal.type("caught", "go\n");
    assert.equal(await terminal.ended, 9);
    assert.equal(terminal.shown().split("caught").length, 2, terminal.shown());
  });

  test("has a soft limit of 1024 open files, or less where there is less", () => {
    const raise = ["-c", 'ulimit -Sn $(ulimit -Hn); exec "$@"', "sh", workshop.helper];
    const done = spawnSync("/bin/sh", [...raise, ...enter(["sh", "-c", "ulimit -Sn; ulimit -Hn"])], {
      encoding: "utf8",
    });
    const [soft, hard] = done.stdout.split("\n");
    assert.equal(Number(soft), hard === "unlimited" ? 1024 : Math.min(1024, Number(hard)), done.stderr);
  });

  test("does not go into a frozen control group, where it would stand still without a word", () => {
    for (const [file, state] of [
      ["cgroup.freeze", "1\n"],
      ["freezer.state", "FROZEN\n"],
      ["freezer.state", "FREEZING\n"],
    ] as const) {
      /* A folder with the same files: what is read is all that differs from a real one. */
      const group = mkdtempSync(join(workshop.folder, "group-"));
      writeFileSync(join(group, "cgroup.procs"), "");
      writeFileSync(join(group, file), state);
      const more = ["--set", "PATH=/usr/bin", "--cgroup", group];
      assert.equal(run(["true"], more).stderr, `skerry-helper: cgroup: ${group}: is frozen; thaw it first\n`);
      writeFileSync(join(group, file), file === "cgroup.freeze" ? "0\n" : "THAWED\n");
      assert.equal(run(["true"], more).status, 0);
      rmSync(group, { recursive: true });
    }
  });

  test("is refused at once by a control group that the kernel has frozen", {
    skip:
      IS_ROOT && existsSync("/sys/fs/cgroup/freezer/cgroup.procs")
        ? false
        : "cannot here: no freezer of version 1 that this user may write",
  }, () => {
    const group = `/sys/fs/cgroup/freezer/skerry-helper-test-${process.pid}`;
    mkdirSync(group);
    try {
      writeFileSync(join(group, "freezer.state"), "FROZEN");
      const done = run(["true"], ["--set", "PATH=/usr/bin", "--cgroup", group]);
      assert.equal(done.stderr, `skerry-helper: cgroup: ${group}: is frozen; thaw it first\n`);
      assert.equal(done.status, 125);
    } finally {
      rmdirSync(group);
    }
  });

  test("leaves nothing behind", () => {
    assert.ok(
      readdirSync(workshop.folder).every((name) => /^(skerry-helper|filter|inside\.sh|.*\.status)$/.test(name)),
    );
  });
});
