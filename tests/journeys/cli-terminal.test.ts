/** A terminal goes through to the app: its size, its keys, its job control. Skerry itself never writes to it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { done, listed, until } from "./life.fixture.ts";
import { environmentFor, makeTrial, ROOT } from "./trial.fixture.ts";

const trial = makeTrial();
const open = new Set<ChildProcess>();
// What a failed test has left would keep this process, and the next test from running the same instance.
afterEach(async () => {
  for (const child of open) child.kill("SIGKILL");
  for (const { name } of await listed(trial)) await trial.skerry(["kill", name]);
});
after(async () => await trial.close());

/** script(1), which comes with every Debian, gives a command a terminal and shows us what it prints. */
const SCRIPT = "/usr/bin/script";
const skip = existsSync(SCRIPT) ? false : "cannot here: script(1) is not installed";

const CTRL = { c: "\u0003", d: "\u0004", z: "\u001a", backslash: "\u001c" } as const;

interface Typed {
  readonly child: ChildProcess;
  /** All that was shown so far. */
  readonly screen: () => string;
  /** Waits for the text in what was shown since the last wait. */
  readonly shows: (text: string | RegExp) => Promise<void>;
  readonly type: (keys: string) => void;
  /** Exit code of the shell around it. */
  readonly end: Promise<number | null>;
}

/** A line of the host's own shell, on a terminal of 100 columns and 30 rows. */
function onTerminal(line: string): Typed {
  const child = spawn(SCRIPT, ["--quiet", "--return", "--command", `stty cols 100 rows 30; ${line}`, "/dev/null"], {
    cwd: trial.files,
    env: { ...environmentFor(trial.home), TERM: "xterm", SHELL: "/bin/bash", SKERRY: join(ROOT, "skerry") },
    stdio: ["pipe", "pipe", "inherit"],
  });
  open.add(child);
  let [screen, seen] = ["", 0];
  child.stdout.on("data", (piece) => (screen += String(piece)));
  return {
    child,
    screen: () => screen,
    async shows(text) {
      await until(
        () => `${text} behind ${seen} characters of the screen:\n${JSON.stringify(screen)}`,
        () => {
          const rest = screen.slice(seen);
          const at = typeof text === "string" ? rest.indexOf(text) : rest.search(text);
          if (at < 0) return false;
          seen += at + 1;
          return true;
        },
      );
    },
    type: (keys) => void child.stdin.write(keys),
    end: new Promise((resolve) =>
      child.once("close", (code) => {
        open.delete(child);
        resolve(code);
      }),
    ),
  };
}

const RUN = '"$SKERRY" run -q dev-shell';

test("the app has the terminal, in its size, and its exit code comes back", { skip }, async () => {
  await done(trial, ["deploy", "dev-shell"]);
  const typed = onTerminal(`${RUN} -- -c 'test -t 0 -a -t 1 -a -t 2 && stty size && echo "$TERM"; exit 9'`);
  assert.equal(await typed.end, 9);
  assert.match(typed.screen(), /30 100\r\nxterm\r\n/);
});

test("a shell inside has job control: Ctrl-Z, jobs, fg, and Ctrl-C ends only the job", { skip }, async () => {
  const typed = onTerminal(RUN);
  await typed.shows("$ ");
  typed.type("sleep 1000\n");
  await typed.shows("sleep 1000");
  // The key counts once the job has the terminal; until then it is the shell's, which takes no notice.
  await until("the job is stopped", async () => {
    typed.type(CTRL.z);
    return typed.screen().includes("Stopped");
  });
  typed.type("echo job-$(jobs -p | wc -l)\n");
  await typed.shows("job-1");
  typed.type("fg\n");
  await typed.shows(/fg\r\n[^]*sleep 1000\r\n/);
  await until("the job is ended", async () => {
    typed.type(CTRL.c);
    typed.type("echo after-$?-$(jobs -p | wc -l)\n");
    return /after-\d+-0/.test(typed.screen());
  });
  typed.type("exit 4\n");
  assert.equal(await typed.end, 4);
});

test("Ctrl-Z at an app that does not mind it stops app and command together, and fg lets both go on", {
  skip,
}, async () => {
  const typed = onTerminal(`PS1='host> ' bash --norc -i`);
  await typed.shows("host> ");
  typed.type(`${RUN} -- -c 'echo begun; exec cat'\n`);
  await typed.shows("begun\r\n");
  typed.type("one\n");
  await typed.shows("one\r\none\r\n");
  typed.type(CTRL.z);
  await typed.shows("Stopped");
  typed.type("echo between\n");
  await typed.shows("between\r\n");
  typed.type("fg\n");
  await typed.shows(/skerry.*run/i);
  typed.type("two\n");
  await typed.shows("two\r\ntwo\r\n");
  typed.type(CTRL.d);
  typed.type("echo code-$?\n");
  await typed.shows("code-0");
  typed.type("exit\n");
  await typed.end;
});

test("a program for the whole screen draws it, scrolls, and leaves it as it was", { skip }, async () => {
  const typed = onTerminal(`${RUN} -- -c 'seq 1000 1500 | less'; stty -a | grep -o -- '-\\?icanon'`);
  await typed.shows("1028");
  typed.type(" ");
  await typed.shows("1050");
  typed.type("G");
  await typed.shows("1500");
  typed.type("q");
  await typed.shows(/[^-]icanon/);
  assert.equal(await typed.end, 0);
});

test("the app learns of a new size of the terminal", { skip }, async () => {
  const typed = onTerminal(
    `(until [ -e sized ]; do sleep 0.05; done; stty cols 77 rows 22 </dev/tty) & ${RUN} -- -c 'trap "echo got-\\$(stty size)" WINCH; echo ready; while :; do sleep 0.05; done'`,
  );
  await typed.shows("ready");
  await done(trial, ["exec", "dev-shell", "--", "true"]);
  writeFileSync(`${trial.files}/sized`, "");
  await typed.shows("got-22 77");
  typed.type(CTRL.c);
  await typed.end;
});

test("Ctrl-C ends an app that does not handle it, and 130 says so", { skip }, async () => {
  const typed = onTerminal(`${RUN} -- -c 'echo ready; exec sleep 1000'`);
  await typed.shows("ready");
  typed.type(CTRL.c);
  assert.equal(await typed.end, 130);
  assert.deepEqual(await listed(trial), []);
});

test("Ctrl-C at a Python prompt is Python's: it complains and goes on", { skip }, async () => {
  const typed = onTerminal(`${RUN} -- -c 'PYTHON_BASIC_REPL=1 exec python3 -q'`);
  await typed.shows(">>> ");
  typed.type("import time; print('begun'); time.sleep(1000)\n");
  await typed.shows("begun\r\n");
  typed.type(CTRL.c);
  await typed.shows("KeyboardInterrupt");
  typed.type("print(40 + 2)\n");
  await typed.shows("42\r\n");
  typed.type("exit(3)\n");
  assert.equal(await typed.end, 3);
});

test("shell and exec have the terminal too, and leave it to the caller afterwards", { skip }, async () => {
  await done(trial, ["start", "dev-shell", "--", "-c", "exec sleep 1000"]);
  const typed = onTerminal(`"$SKERRY" shell dev-shell; echo code-$?; read line && echo "back $line"`);
  await typed.shows("$ ");
  typed.type("stty size; hostname\n");
  await typed.shows("30 100\r\ndev-shell\r\n");
  typed.type("exit 6\n");
  await typed.shows("code-6");
  typed.type("here\n");
  await typed.shows("back here");
  await typed.end;
  const entered = onTerminal(`"$SKERRY" exec dev-shell -- sh -c 'test -t 0 && echo yes-a-terminal'`);
  await entered.shows("yes-a-terminal");
  assert.equal(await entered.end, 0);
  await done(trial, ["kill", "dev-shell"]);
});
