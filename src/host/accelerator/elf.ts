/**
 * ELF: the file of a small 64-bit program that a VMM starts like a kernel, in place of one. Pure.
 *
 * The VMM finds the entry in a note (PVH: 32-bit, paging off) and loads one segment. Sources: elf(5), Xen's
 * docs/misc/pvh.pandoc.
 */

const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const [LOAD, NOTE] = [1, 4];
const READ_WRITE_EXECUTE = 7;
const X86_64 = 62;
const EXECUTABLE = 2;

/** XEN_ELFNOTE_PHYS32_ENTRY: where the VMM jumps to. */
const PHYS32_ENTRY = 18;

/** @param at - physical address of its first byte, which is its entry */
export function pvhElf(program: Buffer, at: number): Buffer {
  const note = pvhNote(at);
  const noteAt = HEADER_BYTES + 2 * SEGMENT_BYTES;
  const programAt = noteAt + note.length;
  const header = Buffer.alloc(HEADER_BYTES);
  // Class 64, little-endian, version 1.
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(EXECUTABLE, 16);
  header.writeUInt16LE(X86_64, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(at), 24);
  header.writeBigUInt64LE(BigInt(HEADER_BYTES), 32);
  header.writeUInt16LE(HEADER_BYTES, 52);
  header.writeUInt16LE(SEGMENT_BYTES, 54);
  header.writeUInt16LE(2, 56);
  return Buffer.concat([
    header,
    segment({ type: LOAD, flags: READ_WRITE_EXECUTE, offset: programAt, address: at, bytes: program.length }),
    segment({ type: NOTE, flags: READ_WRITE_EXECUTE, offset: noteAt, address: 0, bytes: note.length }),
    note,
    program,
  ]);
}

interface Segment {
  readonly type: number;
  readonly flags: number;
  /** In the file. */
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

function segment({ type, flags, offset, address, bytes }: Segment): Buffer {
  const head = Buffer.alloc(SEGMENT_BYTES);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(flags, 4);
  for (const [index, value] of [offset, address, address, bytes, bytes, 4].entries())
    head.writeBigUInt64LE(BigInt(value), 8 + 8 * index);
  return head;
}

function pvhNote(entry: number): Buffer {
  const note = Buffer.alloc(20);
  for (const [index, value] of [4, 4, PHYS32_ENTRY].entries()) note.writeUInt32LE(value, 4 * index);
  note.write("Xen\0", 12, "latin1");
  note.writeUInt32LE(entry, 16);
  return note;
}
