import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import * as fc from "fast-check";
import { REFUSED, type Refused, type SeccompArchitecture, type SeccompOptions, seccompProgram } from "./seccomp.ts";
import { CALL_NUMBERS, type CallName, NEWEST_CALL, UNASSIGNED_CALLS } from "./seccomp-calls.ts";
import { type ArgumentTest, ERRORS } from "./seccomp-refused.ts";

const ARCHITECTURES = ["amd64", "arm64"] as const;
const AUDIT = { amd64: 0xc000003e, arm64: 0xc00000b7 } as const;
const SEALED = { ownSandbox: false };
const BROWSER = { ownSandbox: true };

/** What seccomp(2) gives a filter to look at. */
interface Call {
  readonly audit: number;
  readonly number: number;
  readonly arguments: readonly bigint[];
}

/** The packet filter machine, as far as our programs use it; anything else, and a step past the end, is a failure. */
function interpret(program: Uint8Array, call: Call): number {
  const memory = new DataView(new ArrayBuffer(64));
  memory.setUint32(0, call.number, true);
  memory.setUint32(4, call.audit, true);
  for (const [index, value] of call.arguments.entries()) memory.setBigUint64(16 + 8 * index, value, true);
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  let accumulator = 0;
  for (let at = 0; at * 8 < program.byteLength; at++) {
    const code = view.getUint16(at * 8, true);
    const value = view.getUint32(at * 8 + 4, true);
    const jumpIf = (holds: boolean) => view.getUint8(at * 8 + (holds ? 2 : 3));
    if (code === 0x20) accumulator = memory.getUint32(value, true);
    else if (code === 0x15) at += jumpIf(accumulator === value);
    else if (code === 0x25) at += jumpIf(accumulator > value);
    else if (code === 0x35) at += jumpIf(accumulator >= value);
    else if (code === 0x45) at += jumpIf((accumulator & value) !== 0);
    else if (code === 0x06) return value;
    else assert.fail(`unknown instruction ${code}`);
  }
  return assert.fail("the program ran past its end");
}

function name(action: number): string {
  if (action === 0x7fff0000) return "allow";
  if (action === 0x80000000) return "kill";
  const found = Object.entries(ERRORS).find(([, number]) => action === 0x50000 + number);
  return found?.[0] ?? `unexpected ${action.toString(16)}`;
}

function ask(
  architecture: SeccompArchitecture,
  options: SeccompOptions,
  number: number,
  args: readonly bigint[] = [],
): string {
  return name(
    interpret(seccompProgram(architecture, options), { audit: AUDIT[architecture], number, arguments: args }),
  );
}

/** By the call's name on amd64; numbers as arguments. */
function askAmd64(call: CallName, ...args: readonly number[]): string {
  return ask("amd64", SEALED, CALL_NUMBERS[call].amd64 ?? assert.fail(call), args.map(BigInt));
}

describe("the filter", () => {
  for (const architecture of ARCHITECTURES) {
    test(`is a program that the kernel takes for ${architecture}: whole instructions, not too many`, () => {
      for (const options of [SEALED, BROWSER]) {
        const length = seccompProgram(architecture, options).byteLength;
        assert.equal(length % 8, 0);
        assert.ok(length / 8 <= 4096, `${length / 8} instructions`);
      }
    });

    test(`ends a process that makes a call of another architecture on ${architecture}`, () => {
      const program = seccompProgram(architecture, SEALED);
      fc.assert(
        fc.property(fc.nat(0xffffffff), fc.nat(500), (audit, number) => {
          fc.pre(audit !== AUDIT[architecture]);
          assert.equal(name(interpret(program, { audit, number, arguments: [] })), "kill");
        }),
      );
    });

    test(`answers ENOSYS on ${architecture} to every call that is newer than the table, and to gaps in it`, () => {
      for (const number of [NEWEST_CALL + 1, 512, 1000, 0x3fffffff, 0x40000000, 0x40000001, 0x80000000, 0xffffffff]) {
        assert.equal(ask(architecture, BROWSER, number), "ENOSYS", String(number));
      }
      const { first, last } = UNASSIGNED_CALLS[architecture];
      for (let number = first; number <= last; number++) assert.equal(ask(architecture, SEALED, number), "ENOSYS");
      assert.equal(ask(architecture, SEALED, first - 1), architecture === "amd64" ? "allow" : "EPERM");
      assert.equal(ask(architecture, SEALED, last + 1), "allow");
      assert.equal(ask(architecture, SEALED, NEWEST_CALL), "allow");
    });

    test(`does on ${architecture} what the table says, for any call and any arguments`, () => {
      fc.assert(
        fc.property(fc.boolean(), anyCall(architecture), anyArguments, (ownSandbox, number, args) => {
          assert.equal(
            ask(architecture, { ownSandbox }, number, args),
            byTable(architecture, ownSandbox, number, args),
          );
        }),
        { numRuns: 3000 },
      );
    });
  }

  test("has a reason for every entry, and every call has its entry, refused either always or sometimes", () => {
    for (const { because } of REFUSED) assert.ok(because.length > 15 && !because.endsWith("."), because);
    const flat = REFUSED.filter(({ when }) => when === undefined).flatMap(({ calls }) => calls);
    const tested = new Set(REFUSED.filter(({ when }) => when !== undefined).flatMap(({ calls }) => calls));
    assert.equal(new Set(flat).size, flat.length);
    assert.deepEqual(
      flat.filter((call) => tested.has(call)),
      [],
    );
    assert.deepEqual(new Set<string>([...flat, ...tested]), new Set(Object.keys(CALL_NUMBERS)));
  });
});

describe("an app", () => {
  test("cannot type into its terminal, whatever it hides in the high half of the request", () => {
    assert.equal(askAmd64("ioctl", 0, 0x5412), "EPERM");
    assert.equal(askAmd64("ioctl", 0, 0x541c), "EPERM");
    for (const architecture of ARCHITECTURES) {
      const ioctl = CALL_NUMBERS.ioctl[architecture];
      assert.equal(ask(architecture, SEALED, ioctl, [0n, 0x1_0000_5412n]), "EPERM");
      assert.equal(ask(architecture, BROWSER, ioctl, [0n, 0xffffffff_0000541cn]), "EPERM");
      assert.equal(ask(architecture, SEALED, ioctl, [0n, 0x5413n]), "allow");
    }
  });

  test("gets sockets for local, internet and routing use, and no others", () => {
    for (const family of [1, 2, 10]) assert.equal(askAmd64("socket", family, 1, 0), "allow");
    assert.equal(askAmd64("socket", 16, 3, 0), "allow");
    for (const protocol of [4, 9, 12, 15, 16]) assert.equal(askAmd64("socket", 16, 3, protocol), "EPROTONOSUPPORT");
    for (const family of [0, 3, 4, 5, 15, 17, 29, 31, 38, 40, 44])
      assert.equal(askAmd64("socket", family, 1, 0), "EAFNOSUPPORT");
    assert.equal(askAmd64("socketpair", 1, 1, 0), "allow");
    assert.equal(askAmd64("socketpair", 30, 1, 0), "EAFNOSUPPORT");
  });

  test("makes threads and processes, but no namespaces", () => {
    assert.equal(askAmd64("clone", 0x3d0f00), "allow");
    assert.equal(askAmd64("clone", 17), "allow");
    for (let bit = 25; bit <= 30; bit++) assert.equal(askAmd64("clone", 2 ** bit + 17), "EPERM", `bit ${bit}`);
    for (const bit of [7, 17, 25, 26, 27, 28, 29, 30])
      assert.equal(askAmd64("unshare", 2 ** bit), "EPERM", `bit ${bit}`);
    assert.equal(askAmd64("unshare", 0x400), "allow");
    assert.equal(askAmd64("clone3"), "ENOSYS");
    assert.equal(askAmd64("setns", 3, 0), "EPERM");
  });

  test("with a sandbox of its own makes namespaces and mounts in them, and still none of the rest", () => {
    for (const architecture of ARCHITECTURES) {
      const call = (wanted: "clone" | "unshare" | "clone3" | "mount" | "umount2" | "pivot_root" | "chroot") =>
        ask(architecture, BROWSER, CALL_NUMBERS[wanted][architecture], [0x7e020080n]);
      for (const wanted of ["clone", "unshare", "clone3", "mount", "umount2", "pivot_root", "chroot"] as const) {
        assert.equal(call(wanted), "allow", wanted);
      }
      for (const wanted of ["setns", "bpf", "keyctl", "userfaultfd", "perf_event_open"] as const) {
        assert.equal(ask(architecture, BROWSER, CALL_NUMBERS[wanted][architecture]), "EPERM", wanted);
      }
      assert.equal(ask(architecture, BROWSER, CALL_NUMBERS.fsopen[architecture]), "ENOSYS");
    }
  });

  test("makes no set-user-ID file, by whichever call, and reads files as ever", () => {
    assert.equal(askAmd64("chmod", 0, 0o4755), "EPERM");
    assert.equal(askAmd64("fchmod", 0, 0o2755), "EPERM");
    assert.equal(askAmd64("fchmodat", 0, 0, 0o6755), "EPERM");
    assert.equal(askAmd64("fchmodat2", 0, 0, 0o4000), "EPERM");
    assert.equal(askAmd64("openat", 0, 0, 0o101, 0o4755), "EPERM");
    assert.equal(askAmd64("openat", 0, 0, 0o20200001, 0o4755), "EPERM");
    assert.equal(askAmd64("openat", 0, 0, 0o101, 0o1777), "allow");
    assert.equal(askAmd64("openat", 0, 0, 0, 0o4755), "allow", "without O_CREAT the register may hold anything");
    assert.equal(askAmd64("openat2"), "ENOSYS");
    assert.equal(askAmd64("chmod", 0, 0o1777), "allow");
  });

  test("in its caller's process group cannot signal that group, and can signal its own processes", () => {
    const attached = { ownSandbox: false, inHostsGroup: true };
    for (const architecture of ["amd64", "arm64"] as const) {
      const kill = CALL_NUMBERS.kill[architecture];
      const send = CALL_NUMBERS.pidfd_send_signal[architecture];
      assert.equal(ask(architecture, attached, kill, [0n, 9n]), "EPERM");
      assert.equal(ask(architecture, attached, kill, [0xffffffff00000000n, 9n]), "EPERM");
      assert.equal(ask(architecture, attached, kill, [12n, 9n]), "allow");
      assert.equal(ask(architecture, attached, send, [3n, 9n, 0n, 4n]), "EPERM");
      assert.equal(ask(architecture, attached, send, [3n, 9n, 0n, 0n]), "allow");
      assert.equal(ask(architecture, SEALED, kill, [0n, 9n]), "allow");
    }
  });

  test("may be debugged, and may turn off random addresses for that, but not memory protection", () => {
    assert.equal(ask("amd64", SEALED, 101), "allow", "ptrace");
    for (const value of [0, 8, 0x20000, 0x20008, 0x40000, 0xffffffff])
      assert.equal(askAmd64("personality", value), "allow");
    for (const value of [0x400000, 0x440000, 1, 0x100000, 0xfffffffe])
      assert.equal(askAmd64("personality", value), "EPERM");
  });
});

describe("the numbers of calls", () => {
  const amd64 = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h";
  test("are those of this host's header for amd64", {
    skip: existsSync(amd64) ? false : `cannot here: no ${amd64}`,
  }, () => {
    compareWith("amd64", new Map(definitions(readFileSync(amd64, "utf8"))));
  });

  const generic = "/usr/include/asm-generic/unistd.h";
  test("are those of this host's generic header for arm64", {
    skip: existsSync(generic) ? false : `cannot here: no ${generic}`,
  }, () => {
    /* The header also has old calls that an architecture must ask for; arm64 asks for none of those. */
    const text = readFileSync(generic, "utf8").replaceAll(/#ifdef __ARCH_WANT_SYSCALL_\w+[^]*?#endif/g, "");
    compareWith("arm64", new Map(definitions(text)));
  });

  function definitions(text: string): [string, number][] {
    return [...text.matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)\b/gm)].map(([, call = "", number]) => [
      call,
      Number(number),
    ]);
  }

  /** A header that is older than a call cannot know it; one that knows the newest must agree on all. */
  function compareWith(architecture: SeccompArchitecture, header: ReadonlyMap<string, number>): void {
    assert.ok(header.size > 250, `${header.size} calls read`);
    const newest = Math.max(...[...header].filter(([call]) => call !== "syscalls").map(([, number]) => number));
    for (const [call, numbers] of Object.entries(CALL_NUMBERS)) {
      const ours = numbers[architecture];
      if (ours === undefined || ours <= newest) assert.equal(header.get(call), ours, call);
    }
  }
});

/** Every call with an entry, and others around them. */
function anyCall(architecture: SeccompArchitecture): fc.Arbitrary<number> {
  const named = Object.values(CALL_NUMBERS).flatMap((numbers) => numbers[architecture] ?? []);
  return fc.oneof(fc.constantFrom(...named), fc.nat(NEWEST_CALL + 5), fc.nat(0xffffffff));
}

/** Values that the table compares with, alone and with other bits set, beside random ones. */
const anyArguments = fc.array(
  fc
    .tuple(
      fc.oneof(fc.constantFrom(...REFUSED.flatMap(({ when = [] }) => when.flatMap(valuesOf))), fc.nat(0xffffffff)),
      fc.oneof(fc.constant(0), fc.nat(0xffffffff)),
    )
    .map(([low, high]) => (BigInt(high) << 32n) | BigInt(low)),
  { minLength: 6, maxLength: 6 },
);

function valuesOf(test: ArgumentTest): readonly number[] {
  return test.is === "any-bit-of" ? [test.bits >>> 0, (test.bits & -test.bits) >>> 0] : test.values;
}

/** The table read directly, without a program between. */
function byTable(
  architecture: SeccompArchitecture,
  ownSandbox: boolean,
  number: number,
  args: readonly bigint[],
): string {
  const { first, last } = UNASSIGNED_CALLS[architecture];
  if (number > NEWEST_CALL || (number >= first && number <= last)) return "ENOSYS";
  const applies = ({ calls, when = [], unlessOwnSandbox, inHostsGroup }: Refused) =>
    calls.some((call) => CALL_NUMBERS[call][architecture] === number) &&
    !(ownSandbox && unlessOwnSandbox === true) &&
    inHostsGroup !== true &&
    when.every((test) => {
      const low = Number((args[test.argument] ?? 0n) & 0xffffffffn);
      if (test.is === "any-bit-of") return (low & test.bits) !== 0;
      return test.values.includes(low) === (test.is === "one-of");
    });
  return REFUSED.find(applies)?.error ?? "allow";
}

/** Makes calls by number and prints what the kernel said; arguments are harmless where a call should get through. */
const PROBE = String.raw`
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int count, char **words) {
  for (int i = 1; i + 4 < count; i += 5) {
    errno = 0;
    long answer = syscall(strtol(words[i], 0, 0), strtoul(words[i + 1], 0, 0), strtoul(words[i + 2], 0, 0),
                          strtoul(words[i + 3], 0, 0), strtoul(words[i + 4], 0, 0), 0);
    printf("%d\n", answer < 0 ? errno : 0);
  }
}`;

describe("the kernel", () => {
  const architecture = process.arch === "x64" ? "amd64" : process.arch === "arm64" ? "arm64" : undefined;
  const missing = ["/usr/bin/bwrap", "/usr/bin/cc"].filter((path) => !existsSync(path));
  const reason =
    architecture === undefined
      ? `no filter for ${process.arch}`
      : missing.length > 0
        ? `no ${missing.join(", ")}`
        : undefined;
  const folder = reason === undefined ? mkdtempSync(join(tmpdir(), "skerry-seccomp-")) : "";
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** One line per call: the error's number, 0 for none. */
  function probe(options: { ownSandbox: boolean }, calls: readonly (readonly number[])[]): readonly number[] {
    writeFileSync(join(folder, "filter"), seccompProgram(architecture ?? "amd64", options));
    const filter = openSync(join(folder, "filter"), "r");
    const words = calls.flatMap((call) => [0, 1, 2, 3, 4].map((index) => String(call[index] ?? 0)));
    const base = [
      "--unshare-user",
      "--unshare-pid",
      "--unshare-net",
      "--unshare-ipc",
      "--cap-drop",
      "ALL",
      "--ro-bind",
      "/",
      "/",
      "--tmpfs",
      "/tmp",
    ];
    const done = spawnSync(
      "/usr/bin/bwrap",
      [...base, "--bind", folder, "/tmp", "--chdir", "/tmp", "--seccomp", "3", "--", "/tmp/probe", ...words],
      { stdio: ["ignore", "pipe", "pipe", filter], encoding: "utf8" },
    );
    assert.equal(done.status, 0, done.stderr);
    return done.stdout.trim().split("\n").map(Number);
  }

  test("takes the filter under bubblewrap and refuses what the table refuses", {
    skip: reason === undefined ? false : `cannot here: ${reason}`,
  }, () => {
    writeFileSync(join(folder, "probe.c"), PROBE);
    execFileSync("/usr/bin/cc", ["-O", "-o", join(folder, "probe"), join(folder, "probe.c")]);
    accessSync(join(folder, "probe"), constants.X_OK);
    const call = (wanted: CallName, ...args: readonly number[]) => {
      const number = CALL_NUMBERS[wanted][architecture ?? "amd64"] ?? assert.fail(wanted);
      return [number, ...args];
    };
    assert.deepEqual(
      probe(SEALED, [
        call("ioctl", 0, 0x5412),
        call("ioctl", 0, 0x1_0000_541c),
        call("socket", 17, 3, 0),
        call("socket", 40, 1, 0),
        call("socket", 16, 3, 0),
        call("socket", 16, 3, 15),
        call("socket", 1, 1, 0),
        call("unshare", 0x10000000),
        call("clone3"),
        call("clone", 0x10000011),
        call("fchmodat", 0, 0, 0o4755),
        call("keyctl", 0),
        call("io_uring_setup", 1, 0),
        call("personality", 0xffffffff),
        call("fsopen"),
        [NEWEST_CALL + 40],
      ]),
      [1, 1, 97, 97, 0, 93, 0, 1, 38, 1, 1, 1, 38, 0, 38, 38],
    );
    assert.deepEqual(
      probe(BROWSER, [call("unshare", 0x10000000), call("setns", 0), call("ioctl", 0, 0x5412)]),
      [0, 1, 1],
    );
  });
});
