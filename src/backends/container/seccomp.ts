/**
 * Seccomp: makes the filter that stands between an app and the kernel.
 *
 * Not a policy: what is refused and why is the table in seccomp-refused.ts. This file turns it into a program of the
 * kernel's packet filter machine, in the form that bubblewrap's --seccomp and the helper's `enter` load: `struct
 * sock_filter` of 8 bytes each, little endian.
 *
 * Invariants
 * - Calls of another architecture end the process; their numbers mean something else.
 * - A call that is newer than this table answers ENOSYS, as on an older kernel.
 * - Arguments are tested first and flat refusals last, and no block falls through into the next one.
 *
 * Source: seccomp(2), the kernel's networking/filter.rst.
 */
import { unreachable } from "../../result.ts";
import {
  CALL_NUMBERS,
  type CallName,
  NEWEST_CALL,
  type SeccompArchitecture,
  UNASSIGNED_CALLS,
} from "./seccomp-calls.ts";
import { type ArgumentTest, ERRORS, type ErrorName, REFUSED, type Refused } from "./seccomp-refused.ts";

export type { SeccompArchitecture } from "./seccomp-calls.ts";
export { REFUSED, type Refused } from "./seccomp-refused.ts";

export interface SeccompOptions {
  /** The program brings a sandbox of its own, made of namespaces inside ours. */
  readonly ownSandbox: boolean;
  /** The program is in the process group of the one that started it, and not in a session of its own. */
  readonly inHostsGroup?: boolean;
}

interface Instruction {
  readonly code: number;
  readonly jumpIfTrue: number;
  readonly jumpIfFalse: number;
  readonly value: number;
}

/** bpf_common.h: load a word at a fixed place, the four jumps on a constant, return a constant. */
const LOAD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_GREATER = 0x25;
const JUMP_IF_AT_LEAST = 0x35;
const JUMP_IF_ANY_BIT = 0x45;
const RETURN = 0x06;

/** seccomp.h. */
const KILL_PROCESS = 0x80000000;
const ERROR = 0x00050000;
const ALLOW = 0x7fff0000;

/** struct seccomp_data: the call's number, the architecture, the instruction pointer, six arguments of 8 bytes. */
const OFFSET_OF_NUMBER = 0;
const OFFSET_OF_ARCHITECTURE = 4;
const OFFSET_OF_ARGUMENTS = 16;

/** audit.h. */
const AUDIT_ARCHITECTURES = { amd64: 0xc000003e, arm64: 0xc00000b7 } as const;

/** On amd64, calls of the x32 kind have the same architecture and this bit in their number. */
const X32_BIT = 0x40000000;

/**
 * The filter for one architecture.
 *
 * @example
 * seccompProgram("amd64", { ownSandbox: false }).byteLength % 8 // 0
 */
export function seccompProgram(architecture: SeccompArchitecture, options: SeccompOptions): Uint8Array {
  const refused = REFUSED.filter(
    (entry) =>
      !(options.ownSandbox && entry.unlessOwnSandbox === true) &&
      (entry.inHostsGroup !== true || options.inHostsGroup === true),
  );
  return encode([
    ...checkArchitecture(architecture),
    ...checkNumber(architecture),
    ...byCall(refused.filter(({ when }) => when !== undefined)).flatMap(([call, entries]) =>
      block(CALL_NUMBERS[call][architecture], [...entries.flatMap(refuseIfAllHold), answer(ALLOW)]),
    ),
    ...byCall(refused.filter(({ when }) => when === undefined)).flatMap(([call, entries]) =>
      block(
        CALL_NUMBERS[call][architecture],
        entries.slice(0, 1).map(({ error }) => answer(failWith(error))),
      ),
    ),
    answer(ALLOW),
  ]);
}

/** Leaves the call's number in the accumulator, where all later blocks expect it. */
function checkArchitecture(architecture: SeccompArchitecture): readonly Instruction[] {
  return [
    load(OFFSET_OF_ARCHITECTURE),
    jump(JUMP_IF_EQUAL, AUDIT_ARCHITECTURES[architecture], 1, 0),
    answer(KILL_PROCESS),
    load(OFFSET_OF_NUMBER),
  ];
}

function checkNumber(architecture: SeccompArchitecture): readonly Instruction[] {
  const unassigned = UNASSIGNED_CALLS[architecture];
  return [
    ...(architecture === "amd64" ? [jump(JUMP_IF_AT_LEAST, X32_BIT, 0, 1), answer(failWith("ENOSYS"))] : []),
    jump(JUMP_IF_GREATER, NEWEST_CALL, 0, 1),
    answer(failWith("ENOSYS")),
    jump(JUMP_IF_AT_LEAST, unassigned.first, 0, 2),
    jump(JUMP_IF_GREATER, unassigned.last, 1, 0),
    answer(failWith("ENOSYS")),
  ];
}

/** Entries by the call that they are about: a call that several entries name is asked for once. */
function byCall(entries: readonly Refused[]): readonly (readonly [CallName, readonly Refused[]])[] {
  const calls = [...new Set(entries.flatMap((entry) => entry.calls))];
  return calls.map((call) => [call, entries.filter((entry) => entry.calls.includes(call))]);
}

/** Instructions for one call only; none where the architecture does not have it. */
function block(call: number | undefined, body: readonly Instruction[]): readonly Instruction[] {
  return call === undefined ? [] : [jump(JUMP_IF_EQUAL, call, 0, body.length), ...body];
}

/** Written from the end, since each test must know how far it is to the next entry. */
function refuseIfAllHold({ when = [], error }: Refused): readonly Instruction[] {
  return when.reduceRight<readonly Instruction[]>(
    (rest, test) => [load(OFFSET_OF_ARGUMENTS + 8 * test.argument), ...ifHolds(test, rest.length), ...rest],
    [answer(failWith(error))],
  );
}

/** Goes on with what follows where the test holds, and past `restLength` more instructions where it does not. */
function ifHolds(test: ArgumentTest, restLength: number): readonly Instruction[] {
  switch (test.is) {
    case "any-bit-of":
      return [jump(JUMP_IF_ANY_BIT, test.bits, 0, restLength)];
    case "one-of":
      return test.values.map((value, index) => {
        const left = test.values.length - 1 - index;
        return jump(JUMP_IF_EQUAL, value, left, left === 0 ? restLength : 0);
      });
    case "none-of":
      return test.values.map((value, index) =>
        jump(JUMP_IF_EQUAL, value, test.values.length - 1 - index + restLength, 0),
      );
    default:
      return unreachable(test);
  }
}

function failWith(error: ErrorName): number {
  return ERROR + ERRORS[error];
}

function load(offset: number): Instruction {
  return { code: LOAD, jumpIfTrue: 0, jumpIfFalse: 0, value: offset };
}

function jump(code: number, value: number, jumpIfTrue: number, jumpIfFalse: number): Instruction {
  return { code, jumpIfTrue, jumpIfFalse, value };
}

function answer(action: number): Instruction {
  return { code: RETURN, jumpIfTrue: 0, jumpIfFalse: 0, value: action };
}

/** A jump has one byte, so a block that outgrows it is a fault: silently cut, it would land somewhere else. */
function encode(program: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(program.length * 8));
  for (const [index, { code, jumpIfTrue, jumpIfFalse, value }] of program.entries()) {
    if (jumpIfTrue > 255 || jumpIfFalse > 255) throw new Error(`seccomp: instruction ${index} jumps too far`);
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jumpIfTrue);
    view.setUint8(index * 8 + 3, jumpIfFalse);
    view.setUint32(index * 8 + 4, value, true);
  }
  return new Uint8Array(view.buffer);
}
