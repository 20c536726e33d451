/** Closed doors of a machine whose app has a terminal: what can be typed, signalled and called. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { IN_TERMINAL } from "./doors.fixture.ts";
import { endOf, environmentFor, lacksForMachines, makeTrial, ROOT, VM_DEPLOYMENT } from "./trial.fixture.ts";

const skip = lacksForMachines();
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

const TYPE = `
import errno, fcntl, os, struct
def attempt(number, word):
    try:
        fcntl.ioctl(0, number, word)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"
print("typed", os.isatty(0), attempt(0x5412, b"x"), attempt(0x541C, bytes([2] + [0] * 63)), attempt(0x5423, struct.pack("i", 15)))
`;

const SCRIPT = `
python3 -c '${TYPE}'
echo signals $(grep -E '^Sig(Ign|Blk)' /proc/self/status | cut -f2)
echo keys "<$(cat /proc/keys)>"
echo 'int main(void){int r;__asm__ volatile("int $0x80":"=a"(r):"a"(20));return r<0?9:0;}' | gcc -x c -o /tmp/old - && { /tmp/old; echo called $?; }
sleep 100000 & kill -9 -1; wait
exit 7`;

test("in a machine's terminal an app types, signals and calls no further than its wall, and is told of no key", {
  skip,
}, async () => {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  writeFileSync(`${trial.home}/config/deployments/typist.yaml`, VM_DEPLOYMENT);
  const words = ["run", "--quiet", "typist", "--", "-c", SCRIPT];
  const child = spawn("/usr/bin/python3", ["-c", IN_TERMINAL, `${ROOT}/skerry`, ...words], {
    env: environmentFor(trial.home),
    cwd: trial.files,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { code, stdout: screen, stderr } = await endOf(child, LIMIT_MS);
  assert.equal(code, 7, `${screen}${stderr}`);
  const lines = screen.split(/\r?\n/);
  assert.ok(lines.includes("typed True EPERM EPERM EPERM"), screen);
  assert.ok(lines.includes("signals 0000000000000000 0000000000000000"), screen);
  assert.ok(lines.includes("keys <>"), screen);
  // 159: ended by SIGSYS. 139: the kernel has no such calls at all.
  assert.match(screen, /^called 1(59|39)\r?$/m);
});
