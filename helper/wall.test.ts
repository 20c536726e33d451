import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { seccompProgram } from "../src/backends/container/seccomp.ts";
import {
  APP,
  bubblewrap,
  CANNOT_HERE,
  closeWorkshop,
  IS_ROOT,
  missing,
  openWorkshop,
  outputOf,
  refused,
  runHelper,
  until,
  wall,
} from "./helper.fixture.ts";

/** pasta makes the namespace's device as the app's user. */
const CANNOT_CONNECT =
  missing(["/usr/bin/pasta", "/dev/net/tun"]) || (tunIsOpen() ? false : "cannot here: /dev/net/tun is closed to users");

function tunIsOpen(): boolean {
  if (IS_ROOT) return (statSync("/dev/net/tun").mode & 0o006) === 0o006;
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Empty where there is no such file, as between the two steps of a turn of the log. */
function wordsIn(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** False while a process that has just ended is still counted. */
function removed(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}

describe("wall", { skip: CANNOT_HERE }, () => {
  const workshop = openWorkshop();
  after(() => closeWorkshop(workshop));
  const at = (...parts: readonly string[]) => join(workshop.folder, ...parts);

  const sh = (script: string, more: readonly string[] = []) => bubblewrap(more, ["/bin/sh", "-c", script]);

  test("writes who it is, then what bubblewrap says, into the status file", () => {
    const status = at("status");
    assert.equal(runHelper(workshop, wall(["--status", status], sh("exit 7"))).status, 7);
    const [first, second, third] = readFileSync(status, "utf8").trim().split("\n");
    assert.deepEqual(Object.keys(JSON.parse(first ?? "")), ["wall-pid", "start-ticks"]);
    assert.match(second ?? "", /"child-pid": \d+/);
    assert.deepEqual(JSON.parse(third ?? ""), { "exit-code": 7 });
    assert.equal(statSync(status).mode & 0o777, 0o600);
  });

  test("leaves no capability, no way to one, and no open file to the app", () => {
    writeFileSync(at("filter"), seccompProgram(process.arch === "arm64" ? "arm64" : "amd64", { ownSandbox: false }));
    const inherited = openSync("/etc/passwd", "r");
    const words = wall(
      ["--user-namespace", "--status", at("s2"), "--seccomp", at("filter")],
      sh("grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status; echo /proc/self/fd/*"),
    );
    const done = spawnSync(workshop.helper, words, {
      stdio: ["ignore", "pipe", "pipe", inherited, inherited],
      encoding: "utf8",
    });
    assert.equal(done.status, 0, done.stderr);
    const zero = "0".repeat(16);
    const capabilities = ["Inh", "Prm", "Eff", "Bnd", "Amb"].map((set) => `Cap${set}:\t${zero}\n`).join("");
    /* The shell itself holds the folder that it lists. */
    assert.match(
      done.stdout,
      new RegExp(`^${capabilities}NoNewPrivs:\t1\nSeccomp:\t2\n(/proc/self/fd/[0-3] ?){3,4}\n$`),
    );
  });

  test("keeps the host's paths off the command line that the app can read", () => {
    const words = bubblewrap(["--setenv", "WORD", "--", "--ro-bind", at("."), "/mnt"], ["/bin/cat", "/proc/1/cmdline"]);
    const output = outputOf(workshop, wall([], words));
    assert.match(output, /^\/usr\/bin\/bwrap\0--args\0\d+\0--\0\/bin\/cat\0\/proc\/1\/cmdline\0$/);
    assert.equal(outputOf(workshop, wall([], bubblewrap([], ["/bin/echo", "--", "a b"]))), "-- a b\n");
    for (const bwrap of [
      ["/usr/bin/bwrap", "--ro-bind", "/", "/", "true"],
      ["/usr/bin/bwrap", "--"],
    ]) {
      refused(workshop, wall([], bwrap), "wall: /usr/bin/bwrap: its own -- is missing, or a command behind it");
    }
  });

  test("counts tasks for this compartment alone, and a nested user namespace does not get past it", () => {
    const script = "i=0; while [ $i -lt 60 ]; do sleep 1 & i=$((i+1)); done 2>/dev/null; echo unreachable";
    const nested = `unshare -Ur sh -c '${script}'`;
    for (const inside of [script, nested]) {
      const done = runHelper(
        workshop,
        wall(["--tasks", "30"], sh(`(${inside}) 2>/dev/null; ls -d /proc/[0-9]* | wc -l`)),
      );
      const tasks = Number(/(\d+)\n$/.exec(done.stdout)?.[1] ?? "0");
      /* Where even the counting cannot be started any more there is no number, and the limit held as well. */
      assert.ok(tasks <= 30, done.stdout);
      assert.ok(!done.stdout.includes("unreachable"), done.stdout);
    }
    assert.equal(outputOf(workshop, wall(["--tasks", "30"], sh("sleep 0 & wait; echo fine"))), "fine\n");
  });

  test("gives the app a network with nothing but its own loopback", () => {
    const output = outputOf(
      workshop,
      wall(
        ["--network-namespace"],
        sh(
          "cat /proc/net/dev | tail -n +3 | cut -d: -f1; cat /proc/net/route | wc -l; grep -c 127.0.0.1 /proc/net/fib_trie",
        ),
      ),
    );
    assert.match(output, /^ +lo\n1\n[1-9]\d*\n$/);
  });

  test("runs commands inside, then outside, then the app; the app owns neither network nor filter", () => {
    const order = at("order");
    writeFileSync(order, "");
    chmodSync(order, 0o666);
    const say = (text: string) => `echo ${text} $(id -u) $(readlink /proc/self/ns/net) >>${order}`;
    const options = [
      ...[
        "--network-namespace",
        "--outside",
        "/bin/sh",
        "-c",
        `${say("outside")}; readlink /proc/$0/ns/net >>${order}`,
        "{pid}",
        ";",
      ],
      ...["--inside", "/bin/sh", "-c", say("inside"), ";"],
    ];
    const network = outputOf(workshop, wall(options, sh("readlink /proc/self/ns/net"))).trim();
    const [inside = "", outside = "", seen] = readFileSync(order, "utf8").trim().split("\n");
    assert.equal(inside, `inside 0 ${network}`);
    assert.match(outside, new RegExp(`^outside ${APP.uid} net:`));
    assert.ok(!outside.includes(network));
    assert.equal(seen, network);
  });

  test("starts no app when a command before it fails, and says which", () => {
    refused(
      workshop,
      wall(["--inside", "/bin/sh", "-c", "exit 3", ";"], sh("echo app")),
      "inside: /bin/sh: exit code 3",
    );
    refused(
      workshop,
      wall(["--outside", "/bin/sh", "-c", "kill -9 $$", ";"], sh("echo app")),
      "outside: /bin/sh: ended by signal 9",
    );
    refused(
      workshop,
      wall(["--outside", "/bin/sh", "-c", "echo why >&2; exit 1", ";"], sh("echo app")),
      /^why\nskerry-helper: outside/,
    );
    refused(
      workshop,
      wall(["--inside", "/nowhere/nft", ";"], sh("echo app")),
      "wall: /nowhere/nft: No such file or directory",
    );
  });

  test("ends what an outside command has left running, when the compartment ends and when it never starts", async () => {
    const left = at("left");
    const leave = [
      "--outside",
      "/bin/sh",
      "-c",
      `setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $! >>${left}`,
      ";",
    ];
    for (const options of [leave, [...leave, ...leave], [...leave, "--outside", "/bin/false", ";"]]) {
      writeFileSync(left, "");
      chmodSync(left, 0o666);
      runHelper(workshop, wall(options, sh("true")));
      const pids = wordsIn(left).trim().split("\n");
      assert.ok(pids.every((pid) => /^\d+$/.test(pid)));
      await until(() => pids.every((pid) => !existsSync(`/proc/${pid}`)));
    }
  });

  test("loads a packet filter that the app cannot see or change", { skip: missing(["/usr/sbin/nft"]) }, () => {
    const rules = "table inet skerry {\n chain out {\n type filter hook output priority 0; policy drop;\n }\n}\n";
    writeFileSync(at("rules"), rules, { mode: 0o644 });
    const options = ["--network-namespace", "--inside", "/usr/sbin/nft", "-f", at("rules"), ";"];
    const script =
      "/usr/sbin/nft flush ruleset 2>/dev/null || echo refused; bash -c 'echo >/dev/udp/127.0.0.1/9' 2>&1; true";
    assert.match(outputOf(workshop, wall(options, sh(script))), /^refused\n.*: Operation not permitted\n$/);
  });

  test("connects the network of a compartment, and what connects it ends with it", {
    skip: CANNOT_CONNECT,
  }, async () => {
    const tasks = at("pasta.pid");
    const pasta = [
      "/usr/bin/pasta",
      "--config-net",
      "--no-map-gw",
      "-t",
      "none",
      "-u",
      "none",
      "-T",
      "none",
      "-U",
      "none",
      "-q",
      "-P",
      tasks,
      "{pid}",
    ];
    writeFileSync(tasks, "");
    chmodSync(tasks, 0o666);
    const output = outputOf(
      workshop,
      wall(["--network-namespace", "--outside", ...pasta, ";"], sh("tail -n +3 /proc/net/dev | wc -l; sleep 1")),
    );
    assert.equal(output, "2\n");
    const pid = readFileSync(tasks, "utf8").trim();
    assert.match(pid, /^\d+$/);
    await until(() => !existsSync(`/proc/${pid}`));
  });

  test("keeps a background app's words in a log, without a terminal and without our input", async () => {
    const script =
      "echo out; echo err >&2; cat; readlink /proc/self/fd/0; (echo </dev/tty) 2>/dev/null || echo no terminal; seq 20000";
    const done = runHelper(workshop, wall(["--log", at("log"), "8192"], sh(script)), "typed");
    assert.equal(done.status, 0);
    assert.equal(done.stdout + done.stderr, "");
    await until(() => wordsIn(at("log")).endsWith("20000\n"));
    assert.ok(readFileSync(at("log"), "utf8").endsWith("\n20000\n"));
    assert.ok(statSync(at("log")).size + statSync(at("log.1")).size <= 8192);

    runHelper(workshop, wall(["--log", at("short"), "8192"], sh(script.replace("; seq 20000", ""))), "typed");
    await until(() => wordsIn(at("short")).includes("terminal"));
    assert.equal(readFileSync(at("short"), "utf8"), "out\nerr\n/dev/null\nno terminal\n");
    refused(
      workshop,
      wall(["--log", at("nowhere/log"), "8192"], sh("true")),
      `log: ${at("nowhere/log")}: No such file or directory`,
    );
    refused(
      workshop,
      wall(["--log", at("log"), "8192", "--inside", "/bin/false", ";"], sh("true")),
      "inside: /bin/false: exit code 1",
    );
  });

  test("puts the compartment into control groups before it gives up root", {
    skip:
      IS_ROOT && existsSync("/sys/fs/cgroup/pids/cgroup.procs")
        ? false
        : "cannot here: no cgroup of version 1 that this user may write",
  }, async () => {
    const group = `/sys/fs/cgroup/pids/skerry-helper-test-${process.pid}`;
    mkdirSync(group);
    try {
      const bwrap = bubblewrap([], ["/bin/cat", "/proc/self/cgroup"]).filter((word) => word !== "--unshare-cgroup");
      assert.match(
        outputOf(workshop, wall(["--cgroup", group], bwrap)),
        new RegExp(`pids:/skerry-helper-test-${process.pid}\n`),
      );
    } finally {
      await until(() => removed(group));
    }
  });

  test("complains in one line about what it does not understand, and does nothing", () => {
    const end = ["--", "/usr/bin/bwrap", "--", "/bin/true"];
    const cases: readonly (readonly [readonly string[], string])[] = [
      [["wall", "--bogus", ...end], "wall: --bogus: unknown option"],
      [["wall", "--tasks", "12x", ...end], "--tasks: 12x: not a decimal number"],
      [["wall", "--tasks", "0", ...end], "--tasks: 0: number out of range"],
      [["wall", "--tasks", "5", "--tasks", "6", ...end], "wall: --tasks: given too often"],
      [["wall", "--status"], "wall: --status: words are missing behind it"],
      [["wall", "--inside", ";", ...end], "wall: --inside: words are missing behind it"],
      [["wall", "--inside", "/bin/true"], "wall: --inside: words are missing behind it"],
      [["wall", "--inside", "true", ";", ...end], "wall: true: a command is named by its absolute path"],
      [["wall", "--"], "wall: --: must come behind the options, and a command behind it"],
      [["wall", "--", "bwrap"], "wall: -- BWRAP: the absolute path of bubblewrap must follow --"],
      [["wall", "--", "/nowhere/a\nb"], "wall: /nowhere/a?b: No such file or directory"],
      [["wall", "--uid", "5", ...end], "wall: --uid and --gid: both are needed"],
      [["wall", "--uid", "0", "--gid", "5", ...end], "--uid: 0: number out of range"],
      [
        ["walls"],
        "start: walls: not a sub-command; there are wall, enter, log, sockets, guest, begin, reseed, slot, unpack, ask, version",
      ],
      [
        [],
        "start: : not a sub-command; there are wall, enter, log, sockets, guest, begin, reseed, slot, unpack, ask, version",
      ],
    ];
    for (const [words, complaint] of cases) refused(workshop, words, complaint);
    assert.equal(runHelper(workshop, ["version"]).stdout, "skerry-helper 1\n");
  });
});
