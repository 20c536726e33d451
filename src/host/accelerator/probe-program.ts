/**
 * The program of the probe boot: it enters 64-bit mode, counts, says a word on the first serial port, and ends the machine
 * through QEMU's debug-exit port. Pure; written as bytes, since no assembler is needed for so few instructions.
 *
 * Counting is the point: there are processors that KVM claims to run and that take a thousand times as long as emulation.
 */
import { pvhElf } from "./elf.ts";

/** Where it lies in the machine's memory. */
const AT = 0x10_0000;

/** What it counts to. */
const TIMES = 10_000_000;

/** What it says when it has counted. */
export const PROBE_SAYS = "counted\n";

export const EXIT_PORT = 0x501;

/** QEMU's own exit code, after what is written to that port. */
const EXIT_VALUE = 16;
export const PROBE_EXIT_CODE = EXIT_VALUE * 2 + 1;

/** Page tables lie at page boundaries behind the code: four levels, of which the last is one of large pages. */
const PAGE_BYTES = 4096;
const TABLES = AT + PAGE_BYTES;
const [PRESENT_WRITABLE, LARGE] = [0x03, 0x80];

export function probeProgram(): Buffer {
  const program = Buffer.alloc(4 * PAGE_BYTES);
  const [gdt, word] = [AT + 0x200, AT + 0x300];
  const long = [
    ...[0xb9, ...bytes32(TIMES)], // mov ecx, TIMES
    ...[0xff, 0xc9, 0x75, 0xfc], // dec ecx; jnz to it
    ...[0xbe, ...bytes32(word), 0xb9, ...bytes32(PROBE_SAYS.length)], // mov esi, word; mov ecx, its length
    ...[0xba, ...bytes32(0x3f8)], // mov edx, the serial port
    ...[0xac, 0xee, 0xe2, 0xfc], // lodsb; out dx, al; loop to it
    ...[0xba, ...bytes32(EXIT_PORT), 0xb0, EXIT_VALUE, 0xee], // mov edx, the exit port; mov al, value; out dx, al
    ...[0xf4, 0xeb, 0xfd], // hlt; jmp to it
  ];
  const first = [
    0xfa, // cli
    ...[0x0f, 0x20, 0xe0, 0x83, 0xc8, 0x20, 0x0f, 0x22, 0xe0], // cr4 |= PAE
    ...[0xb8, ...bytes32(TABLES), 0x0f, 0x22, 0xd8], // cr3 = tables
    ...[0xb9, ...bytes32(0xc000_0080), 0x0f, 0x32, 0x0d, ...bytes32(0x100), 0x0f, 0x30], // EFER |= LME
    ...[0x0f, 0x20, 0xc0, 0x0d, ...bytes32(0x8000_0000), 0x0f, 0x22, 0xc0], // cr0 |= PG
    ...[0x0f, 0x01, 0x15, ...bytes32(gdt + 0x10)], // lgdt
  ];
  const jump = [0xea, ...bytes32(AT + first.length + 7), 0x08, 0x00]; // jmp 8:long
  program.set([...first, ...jump, ...long], 0);
  // No segment, and one of 64-bit code; behind them the pointer that lgdt reads.
  program.writeBigUInt64LE(0x00af_9a00_0000_ffffn, gdt - AT + 8);
  program.writeUInt16LE(15, gdt - AT + 16);
  program.writeUInt32LE(gdt, gdt - AT + 18);
  program.write(PROBE_SAYS, word - AT, "latin1");
  const [top, middle, last] = [PAGE_BYTES, 2 * PAGE_BYTES, 3 * PAGE_BYTES];
  program.writeUInt32LE((AT + middle) | PRESENT_WRITABLE, top);
  program.writeUInt32LE((AT + last) | PRESENT_WRITABLE, middle);
  // The first gibibyte is where it is, in pages of two mebibytes.
  for (let index = 0; index < 512; index++)
    program.writeUInt32LE(((index << 21) | LARGE | PRESENT_WRITABLE) >>> 0, last + 8 * index);
  return pvhElf(program, AT);
}

function bytes32(value: number): readonly number[] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return [...bytes];
}
