/**
 * From a kernel as distributions pack it (bzImage) to the ELF program in it, which a machine can be started with directly.
 *
 * To unpack it inside the machine costs seconds where the processor is emulated. Source: the kernel's arch/x86/boot.rst.
 */
import { gunzipSync } from "node:zlib";
import type { Argv } from "../../step/index.ts";
import { LZ4_MAGIC, unpackLz4 } from "./lz4.ts";

/** More than any kernel has unpacked. */
const KERNEL_BYTES_LIMIT = 256 * 1024 * 1024;

/** The program that unpacks what Node cannot, to its standard output. */
export type Unpack = (argv: Argv, input: Buffer, maxBytes: number) => Promise<Buffer>;

const ELF = Buffer.from("\x7fELF", "latin1");

export async function kernelProgram(image: Buffer, unpack: Unpack): Promise<Buffer> {
  const program = await unpacked(payloadOf(image), unpack);
  if (!program.subarray(0, 4).equals(ELF)) throw new Error("the kernel's package holds no kernel of a known form");
  return program;
}

/** What the boot loader's protocol says where the packed kernel lies. */
function payloadOf(image: Buffer): Buffer {
  if (image.length < 0x250 || image.toString("latin1", 0x202, 0x206) !== "HdrS") throw new Error("this is no bzImage");
  const setup = ((image[0x1f1] ?? 0) + 1) * 512;
  const start = setup + image.readUInt32LE(0x248);
  const length = image.readUInt32LE(0x24c);
  if (length < 64 || start + length > image.length) throw new Error("the bzImage ends half-way");
  return image.subarray(start, start + length);
}

/** But for gzip, the unpacked size stands behind the packed kernel, in four bytes. */
async function unpacked(payload: Buffer, unpack: Unpack): Promise<Buffer> {
  const magic = payload.readUInt32LE(0);
  const packed = payload.subarray(0, -4);
  if ((magic & 0xffff) === 0x8b1f) return gunzipSync(payload, { maxOutputLength: KERNEL_BYTES_LIMIT });
  if (magic === LZ4_MAGIC) return unpackLz4(payload, KERNEL_BYTES_LIMIT);
  if (magic === 0x587a37fd) return await unpack(["/usr/bin/xz", "-dc"], packed, KERNEL_BYTES_LIMIT);
  if (magic === 0xfd2fb528) return await unpack(["/usr/bin/zstd", "-dcq"], packed, KERNEL_BYTES_LIMIT);
  throw new Error(`the kernel is packed in a form that is not known here (${magic.toString(16)})`);
}
