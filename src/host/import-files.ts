/**
 * Files of an image that a stranger made: a document as a whole, a blob as an open file, an archive's files in a folder.
 *
 * Invariants
 * - Only plain files are read; the last part of a path is never a link. Sizes are bounded before anything is read.
 * - What comes out of an archive has names that we chose: those of a layout, and no others.
 */
import { createHash } from "node:crypto";
import { closeSync, constants, createReadStream, fstatSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { type Result, refusal, success } from "../result.ts";
import type { Step, StepProblem } from "../step/index.ts";
import { hasCode } from "./files.ts";
import { escapeBytes } from "./tree/entry.ts";
import { BadTar, TarReader } from "./tree/read-tar.ts";

type Outcome<Value> = Result<Value, StepProblem>;

/** @returns its text. Where a digest and size are expected, it has those */
export function readDocument({ path, maxBytes, expected }: Extract<Step, { kind: "read-document" }>): Outcome<string> {
  const name = basename(path);
  const refuse = (because: string) => refusal({ kind: "step-failed" as const, step: `read ${path}`, because });
  const file = openPlain(path);
  if (file === undefined) return refuse(`there is no plain file ${name}`);
  try {
    const { size } = fstatSync(file);
    if (size > maxBytes) return refuse(`it has ${size} bytes; at most ${maxBytes} are read`);
    if (expected !== undefined && expected.size !== size)
      return refuse(`it has ${size} bytes, and ${expected.size} were said`);
    const bytes = Buffer.alloc(size);
    let at = 0;
    for (let count = -1; at < size && count !== 0; at += count) count = readSync(file, bytes, at, size - at, at);
    if (at !== size) return refuse("it was cut off meanwhile");
    const digest = createHash("sha256").update(bytes).digest("hex");
    if (expected !== undefined && expected.sha256 !== digest) return refuse("its content is not what its digest says");
    return success(bytes.toString("utf8"));
  } finally {
    closeSync(file);
  }
}

/** @returns a descriptor; undefined where there is no plain file, or only a link to one */
export function openPlain(path: string): number | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].some((code) => hasCode(error, code))) return undefined;
    throw error;
  }
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  return undefined;
}

/** Brings the files of a layout out of one tar archive; what else is in it is passed over. */
export async function unpackLayout(
  { archive, folder }: Extract<Step, { kind: "unpack-layout" }>,
  signal: AbortSignal,
): Promise<Outcome<void>> {
  const source = openPlain(archive);
  if (source === undefined)
    return refusal({ kind: "step-failed", step: `read ${archive}`, because: "there is no plain file" });
  mkdirSync(`${folder}/blobs/sha256`, { recursive: true });
  let target: number | undefined;
  const shut = () => {
    if (target !== undefined) closeSync(target);
    target = undefined;
  };
  const reader = new TarReader({
    head({ name, type }) {
      shut();
      const path = name.replace(/^\.\//, "");
      if (!/^(?:oci-layout|index\.json|blobs\/sha256\/[0-9a-f]{64})$/.test(path)) return;
      if (type !== "file") throw new BadTar(`${escapeBytes(path)}: no plain file`);
      try {
        target = openSync(`${folder}/${path}`, "wx", 0o600);
      } catch (error) {
        if (hasCode(error, "EEXIST")) throw new BadTar(`${escapeBytes(path)}: it is there twice`);
        throw error;
      }
    },
    data(piece) {
      for (let at = 0; target !== undefined && at < piece.length; ) at += writeSync(target, piece, at);
    },
    end: shut,
  });
  try {
    for await (const piece of createReadStream("", { fd: source, autoClose: false, start: 0, signal })) {
      if (Buffer.isBuffer(piece)) reader.write(piece);
    }
    reader.finish();
    return success(undefined);
  } catch (error) {
    if (signal.aborted) return refusal({ kind: "interrupted" });
    if (!(error instanceof BadTar)) throw error;
    return refusal({ kind: "step-failed", step: `read ${archive}`, because: error.message });
  } finally {
    shut();
    closeSync(source);
  }
}
