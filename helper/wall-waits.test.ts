import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import {
  bubblewrap,
  CANNOT_HERE,
  closeWorkshop,
  missing,
  openTerminal,
  openWorkshop,
  outputOf,
  pullDown,
  quoted,
  runHelper,
  type Standing,
  standUp,
  until,
  wall,
} from "./helper.fixture.ts";

const NO_TERMINAL = missing(["/usr/bin/script", "/bin/bash"]);

/** Waits for a line, although signals end the waiting. */
const READ_LINE = "while ! read line; do :; done";

function parentOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
}

/** Neither gone nor a zombie. */
function lives(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

function stateOf(pid: number): string {
  return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? "";
}

/** An app ends with the code when it is told to, however late that is. */
const untilTold = (code: number) => `>/tmp/waits; while [ -e /tmp/waits ]; do sleep 0.02; done; exit ${code}`;

/** @param child - the first process inside */
const waitsIn = (child: number) => `/proc/${child}/root/tmp/waits`;

async function tell(child: number): Promise<void> {
  await until(() => existsSync(waitsIn(child)));
  rmSync(waitsIn(child));
}

const endOf = (standing: Standing) =>
  new Promise((resolve) => standing.process.once("exit", (code, signal) => resolve(code ?? signal)));

describe("the wall, while the app runs", { skip: CANNOT_HERE }, () => {
  const workshop = openWorkshop();
  after(() => closeWorkshop(workshop));
  const at = (...parts: readonly string[]) => join(workshop.folder, ...parts);
  const sh = (script: string) => bubblewrap([], ["/bin/sh", "-c", script]);

  /** What the status file says of the end; it says so once. */
  const toldEnd = (file: string): unknown => {
    const lines = readFileSync(file, "utf8").trim().split("\n");
    const ends = lines.map((line): unknown => JSON.parse(line)).filter((line) => JSON.stringify(line).includes("exit"));
    assert.equal(ends.length, 1, lines.join("\n"));
    return ends[0];
  };
  const named = (file: string, key: string): number => {
    const found = new RegExp(`"${key}": (\\d+)`).exec(existsSync(file) ? readFileSync(file, "utf8") : "");
    return Number(found?.[1] ?? 0);
  };

  test("answers with the app's exit code, and tells it once in the status file", () => {
    for (const [script, code] of [
      ["exit 0", 0],
      ["exit 7", 7],
      ["kill -15 $$", 143],
      ["kill -9 $$", 137],
    ] as const) {
      const file = at(`code-${code}`);
      assert.equal(runHelper(workshop, wall(["--status", file], sh(script))).status, code, script);
      assert.deepEqual(toldEnd(file), { "exit-code": code });
    }
    const absent = runHelper(workshop, wall(["--status", at("absent")], bubblewrap([], ["/nowhere/app"])));
    assert.match(absent.stderr, /nowhere/);
    assert.deepEqual(toldEnd(at("absent")), { "exit-code": absent.status });
  });

  test("hands signals and limits to the app as the caller had them, but for a soft limit of 1024 open files", () => {
    const signals = "grep -E '^(SigBlk|SigIgn|SigCgt)' /proc/self/status";
    const direct = spawnSync("/bin/sh", ["-c", signals], { encoding: "utf8" });
    assert.equal(outputOf(workshop, wall([], sh(signals))), direct.stdout);
    const raised = spawnSync(
      "/bin/sh",
      ["-c", 'ulimit -Sn $(ulimit -Hn); exec "$@"', "sh", workshop.helper, ...wall([], sh("ulimit -Sn; ulimit -Hn"))],
      {
        encoding: "utf8",
      },
    );
    const hard = spawnSync("/bin/sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).stdout.trim();
    const soft = hard === "unlimited" ? 1024 : Math.min(1024, Number(hard));
    assert.equal(raised.stdout, `${soft}\n${hard}\n`);
    const low = spawnSync(
      "/bin/sh",
      ["-c", 'ulimit -n 99; exec "$@"', "sh", workshop.helper, ...wall([], sh("ulimit -Sn"))],
      {
        encoding: "utf8",
      },
    );
    assert.equal(low.stdout, "99\n");
  });

  test("waits in less than a mebibyte", async () => {
    const standing = await standUp(workshop, "small", ["--network-namespace"], "sleep 600");
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${standing.process.pid}/status`, "utf8"))?.[1];
    assert.ok(Number(resident) < 1024, `${resident} kB`);
    await pullDown(standing);
  });

  test("leaves Ctrl-C to an app that goes on after it", { skip: NO_TERMINAL }, async () => {
    const file = at("ctrl-c");
    const app = sh(`trap 'echo caught' INT; echo ready; ${READ_LINE}; echo "got $line"; exit 9`);
    const words = quoted([workshop.helper, ...wall(["--status", file], app)]);
    const terminal = openTerminal(workshop, "ctrl-c", `exec ${words}\n`);
    await terminal.type("ready", "\x03");
    await until(() => terminal.shown().includes("caught"));
    const child = named(file, "child-pid");
    await until(() => parentOf(child) === named(file, "wall-pid"));
    await terminal.type("caught", "go\n");
    assert.equal(await terminal.ended, 9, terminal.shown());
    assert.match(terminal.shown(), /got go/);
    assert.equal(terminal.shown().split("caught").length, 2, "it came once");
    assert.deepEqual(toldEnd(file), { "exit-code": 9 });
  });

  test("ends with an app that Ctrl-C ends", { skip: NO_TERMINAL }, async () => {
    for (const keys of ["\x03", "\x1c"]) {
      const file = at(`end-${keys.charCodeAt(0)}`);
      const words = quoted([workshop.helper, ...wall(["--status", file], sh("echo ready; exec sleep 600"))]);
      const terminal = openTerminal(workshop, "end", `exec ${words}\n`);
      await terminal.type("ready", keys);
      const code = keys === "\x03" ? 130 : 131;
      assert.equal(await terminal.ended, code, terminal.shown());
      assert.deepEqual(toldEnd(file), { "exit-code": code });
    }
  });

  test("stops with the app on Ctrl-Z and goes on with it", { skip: NO_TERMINAL }, async () => {
    const file = at("ctrl-z");
    const app = sh(`echo ready; ${READ_LINE}; echo "got $line"; exit 5`);
    const words = quoted([workshop.helper, ...wall(["--status", file], app)]);
    const terminal = openTerminal(
      workshop,
      "ctrl-z",
      `set -m\n${words}\necho "stopped $?"; read key; fg >/dev/null; echo "code $?"\n`,
    );
    await terminal.type("ready", "\x1a");
    await until(() => terminal.shown().includes("stopped 148"));
    assert.equal(stateOf(named(file, "wall-pid")), "T");
    await terminal.type("stopped", "\n");
    await until(() => stateOf(named(file, "wall-pid")) === "S");
    await terminal.type("", "on\n");
    await terminal.ended;
    assert.match(terminal.shown(), /got on\r\ncode 5/);
    assert.deepEqual(toldEnd(file), { "exit-code": 5 });
  });

  test("goes on without bubblewrap's monitor, and tells the end itself", async () => {
    const standing = await standUp(workshop, "monitor", [], untilTold(7));
    const ended = endOf(standing);
    process.kill(parentOf(standing.child), "SIGKILL");
    await until(() => parentOf(standing.child) === standing.process.pid);
    await tell(standing.child);
    assert.equal(await ended, 7);
    assert.deepEqual(toldEnd(standing.status), { "exit-code": 7 });
    const killed = await standUp(workshop, "killed", ["--outside", "/bin/true", ";"], "sleep 600");
    const end = endOf(killed);
    const monitor = parentOf(killed.child);
    process.kill(killed.child, "SIGKILL");
    process.kill(monitor, "SIGKILL");
    assert.equal(await end, 137);
    assert.deepEqual(toldEnd(killed.status), { "exit-code": 137 });
  });

  test("is ended by no signal that is meant for the app, and hands each on to it", async () => {
    const signals = ["INT", "QUIT", "HUP", "TERM", "USR1", "ALRM", "PIPE"] as const;
    const count = `n=$((n+1)); [ $n -lt ${signals.length} ] || exit 3`;
    // A shell looks after its signals between two commands.
    const traps = signals.map((name) => `trap '${count}' ${name}`).join("; ");
    const standing = await standUp(workshop, "deaf", [], `n=0; ${traps}; >/tmp/ready; while :; do sleep 0.02; done`);
    const ended = endOf(standing);
    await until(() => existsSync(`/proc/${standing.child}/root/tmp/ready`));
    for (const name of signals) process.kill(standing.process.pid ?? 0, `SIG${name}`);
    assert.equal(await ended, 3);
  });

  test("keeps the lock at 3 to the end, and hands it to nobody", async () => {
    const lock = at("lock");
    writeFileSync(lock, "");
    const free = () => spawnSync("/usr/bin/flock", ["-n", lock, "true"]).status === 0;
    const locked = ["--no-fork", "--nonblock", lock, workshop.helper];
    const file = at("locked");
    const child = spawn("/usr/bin/flock", [...locked, ...wall(["--status", file], sh("ls -l /proc/self/fd; read x"))]);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    await until(() => said.includes("2 -> "));
    assert.ok(!free());
    assert.ok(!said.includes(lock), said);
    child.stdin.end("\n");
    await ended;
    assert.ok(free());
  });

  test("ends what an app has left running in the compartment", async () => {
    const file = at("left-inside");
    const done = runHelper(workshop, wall(["--status", file], sh("sleep 600 >/dev/null 2>&1 & exit 4")));
    assert.equal(done.status, 4);
    assert.ok(!lives(named(file, "child-pid")));
  });

  test("lets the app go on when it is killed itself; what connects the network ends", async () => {
    const leave = ["--outside", "/bin/sh", "-c", "setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $! >&2", ";"];
    const file = at("orphan");
    const child = spawn(workshop.helper, wall(["--status", file, ...leave], sh(`echo up; ${untilTold(6)}`)), {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    await until(() => said.includes("\n") && named(file, "child-pid") > 0);
    const [daemon, app] = [Number(said.trim()), named(file, "child-pid")];
    assert.ok(lives(daemon));
    child.kill("SIGKILL");
    await until(() => !lives(daemon));
    assert.ok(lives(app));
    await tell(app);
    await until(() => !lives(app));
    await until(() => named(file, "exit-code") === 6);
  });

  const callBy = (name: string, options: readonly string[], inside: string) => {
    const file = at(name);
    const words = wall(["--status", file, ...options], sh(inside));
    const caller = spawn("/bin/sh", ["-c", '"$@"; true', "sh", workshop.helper, ...words], { stdio: "ignore" });
    return { file, caller };
  };

  test("outlives its caller", async () => {
    const { file, caller } = callBy("outlives", [], untilTold(8));
    await until(() => existsSync(waitsIn(named(file, "child-pid"))));
    caller.kill("SIGKILL");
    await pause(200);
    assert.ok(lives(named(file, "child-pid")));
    await tell(named(file, "child-pid"));
    await until(() => named(file, "exit-code") === 8);
    await until(() => !lives(named(file, "wall-pid")));
  });

  test("ends all of the compartment with its caller where it was told to", async () => {
    const daemon = ["--outside", "/bin/sh", "-c", "setsid sleep 600 </dev/null >/dev/null 2>&1 &", ";"];
    const { file, caller } = callBy("ends", ["--end-with-caller", ...daemon], "trap '' TERM INT HUP; sleep 600");
    await until(() => named(file, "child-pid") > 0);
    await pause(100);
    assert.ok(lives(named(file, "child-pid")));
    caller.kill("SIGKILL");
    await until(() => !lives(named(file, "wall-pid")));
    assert.ok(!lives(named(file, "child-pid")));
    assert.deepEqual(toldEnd(file), { "exit-code": 137 });
  });

  test("starts nothing for a caller that has ended meanwhile", async () => {
    const { file, caller } = callBy("early", ["--end-with-caller", "--inside", "/bin/sleep", "0.4", ";"], "sleep 600");
    await until(() => named(file, "wall-pid") > 0);
    caller.kill("SIGKILL");
    await until(() => !lives(named(file, "wall-pid")));
    const child = named(file, "child-pid");
    assert.ok(child === 0 || !lives(child));
    /* The wall begins after its caller's end; whoever adopted it has another session. */
    const after = "while kill -0 $$ 2>/dev/null; do sleep 0.02; done";
    const script = `setsid sh -c '(${after}; exec "$@" 2>"$0") & exit 0' "$0" "$@"`;
    const words = [workshop.helper, ...wall(["--end-with-caller"], sh("sleep 600"))];
    spawnSync("/bin/sh", ["-c", script, at("orphan-said"), ...words], { stdio: "ignore" });
    const said = "skerry-helper: wall: --end-with-caller: the caller has ended already\n";
    await until(() => existsSync(at("orphan-said")) && readFileSync(at("orphan-said"), "utf8") === said);
  });
});
