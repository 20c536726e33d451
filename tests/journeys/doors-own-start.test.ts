/** Closed doors that need a start of their own: keys, signals, the terminal, other kinds of system calls. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bashInside, IN_TERMINAL } from "./doors.fixture.ts";
import { endOf, environmentFor, makeTrial, ROOT, type Trial } from "./trial.fixture.ts";

const SECRET = `skerry-secret-${process.pid}`;

/** Puts a key into the session's keyring and becomes the program that follows. */
const KEY_FIRST = `
import ctypes, os, platform, sys
libc = ctypes.CDLL(None, use_errno=True)
add, control = (248, 250) if platform.machine() == "x86_64" else (217, 219)
libc.syscall(control, 1, None)
key = libc.syscall(add, b"user", sys.argv[1].encode(), b"payload", 7, -3)
libc.syscall(control, 5, key, 0x3f3f3f3f)
if sys.argv[1] not in open("/proc/keys").read(): sys.exit(3)
os.execv(sys.argv[2], sys.argv[2:])
`;

const TYPE_INTO_TERMINAL = `
import errno, fcntl, json, os, struct, termios
def attempt(number, word):
    try:
        fcntl.ioctl(0, number, word)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"
print(json.dumps([os.isatty(0), attempt(0x5412, b"x"), attempt(0x541C, bytes([2] + [0] * 63)), attempt(0x5423, struct.pack("i", 15))]))
`;

let trial: Trial;

before(() => {
  trial = makeTrial();
});

after(async () => {
  await trial?.close();
});

test("a program in a terminal cannot type into it", async () => {
  const words = ["run", "--quiet", "dev-shell", "--", "-c", 'exec python3 -c "$1"', "look", TYPE_INTO_TERMINAL];
  const child = spawn("/usr/bin/python3", ["-c", IN_TERMINAL, `${ROOT}/skerry`, ...words], {
    env: environmentFor(trial.home),
    cwd: trial.files,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const ended = await endOf(child, 60_000);
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  // EPERM is the filter's word. A kernel that refuses by itself says EIO, and one that knows no such call ENOTTY.
  assert.deepEqual(JSON.parse(ended.stdout), [true, "EPERM", "EPERM", "EPERM"]);
});

test("the instance keeps its machine id from one start to the next", async () => {
  const [first, again] = [
    await bashInside(trial, "cat /etc/machine-id"),
    await bashInside(trial, "cat /etc/machine-id"),
  ];
  assert.match(first.stdout, /^[0-9a-f]{32}\n$/);
  assert.equal(again.stdout, first.stdout);
});

test("keys of the user's session are not even named", async () => {
  const words = ["run", "--quiet", "dev-shell", "--", "-c", "cat /proc/keys"];
  const child = spawn("/usr/bin/python3", ["-c", KEY_FIRST, SECRET, `${ROOT}/skerry`, ...words], {
    env: environmentFor(trial.home),
    cwd: trial.files,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = await endOf(child, 60_000);
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(ended.stdout, "");
});

test("signals that the program starts with are neither ignored nor blocked", async () => {
  const ended = await bashInside(trial, "exec grep -E '^Sig(Ign|Blk)' /proc/self/status");
  assert.deepEqual(ended.stdout.match(/[0-9a-f]{16}/g), ["0000000000000000", "0000000000000000"]);
});

test("a signal to everybody reaches nobody outside", async () => {
  const outside = spawn("/usr/bin/sleep", ["100000"], { stdio: "ignore" });
  const ended = await bashInside(trial, "sleep 100000 & kill -9 -1; wait; exit 7");
  assert.equal(ended.code, 7, ended.stderr);
  assert.equal(outside.exitCode ?? outside.signalCode, null);
  outside.kill();
});

/** By the machine's own instruction for 32-bit programs: the filter knows no numbers of that kind. */
test("a system call in the 32-bit way ends the program", async (context) => {
  if (process.arch !== "x64") return context.skip("cannot here: this processor has no second set of calls");
  const source = String.raw`int main(void){int r;__asm__ volatile("int $0x80":"=a"(r):"a"(20));return r<0?9:0;}`;
  const ended = await trial.skerry(
    ["run", "--quiet", "dev-shell", "--", "-c", "gcc -x c -o /tmp/old - && { /tmp/old; echo $?; }"],
    { input: source },
  );
  // 159: ended by SIGSYS. 139: the kernel has no such calls at all.
  assert.match(ended.stdout, /^1(59|39)$/m, ended.stderr);
});

test("a program that is run in a standing compartment has no more rights than the app", async () => {
  const started = await trial.skerry(["start", "dev-shell", "--", "-c", "exec sleep 100000"]);
  assert.equal(started.code, 0, started.stderr);
  try {
    const enter = async (words: readonly string[], input = "") =>
      await trial.skerry(["exec", "dev-shell", "--", ...words], { input, environment: { SKERRY_SECRET: SECRET } });
    const tried = await enter(["python3", "-"], readFileSync(join(import.meta.dirname, "fixtures/kernel.py"), "utf8"));
    assert.equal(tried.code, 0, tried.stderr);
    const groups: Readonly<Record<string, Readonly<Record<string, string>>>> = JSON.parse(tried.stdout);
    const open = Object.values(groups).flatMap((answers) =>
      Object.entries(answers).filter(([what, answer]) => what !== "bits now" && !/^E[A-Z]+$/.test(answer)),
    );
    assert.deepEqual(open, []);
    const { stdout } = await enter(["bash", "-c", "cat /proc/self/status; ls /proc/$$/fd; env; ls /proc"]);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      assert.match(stdout, new RegExp(`^${set}:\\s+0{16}$`, "m"));
    assert.match(stdout, /^NoNewPrivs:\s+1$/m);
    assert.match(stdout, /^Seccomp:\s+2$/m);
    assert.ok(!stdout.includes(SECRET));
    // bash itself keeps one for the script's end.
    assert.deepEqual(stdout.match(/^\d+$/gm)?.slice(0, 3), ["0", "1", "2"]);
    assert.ok(!stdout.includes(`\n${process.pid}\n`), "processes of the host are not seen");
  } finally {
    await trial.skerry(["kill", "dev-shell"]);
  }
});
