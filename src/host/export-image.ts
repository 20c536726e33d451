/**
 * Export an image: its documents and the canonical archives of its layers, as a folder or as one tar archive.
 *
 * Each archive is read where the files have their true owners, and comes out here through a descriptor: what writes to
 * the owner's folder is the user alone, without any rights of a namespace.
 *
 * Invariants
 * - Nothing that is there is replaced, and what has its name is whole: made beside it, brought to the disk, renamed.
 * - An archive that is not what its digest says ends it, and nothing stays.
 */
import { closeSync, fsyncSync, linkSync, lstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { HostFacts } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { Exported, ExportedLayer, Step, StepProblem, Watch } from "../step/index.ts";
import { hasCode } from "./files.ts";
import { runTree } from "./run-tree.ts";
import { ARCHIVE_END, memberHead, padding } from "./tree/write-tar.ts";

type ExportStep = Extract<Step, { kind: "export-image" }>;
type Outcome = Result<void, StepProblem>;

export async function exportImage(step: ExportStep, facts: HostFacts, watch: Watch): Promise<Outcome> {
  const { target, beside, form } = step;
  if (isThere(target)) return failed(target, "something is there already");
  const writer = form === "tar" ? new TarWriter(beside) : new FolderWriter(beside);
  try {
    const written = await write(step, writer, facts, watch);
    if (!written.ok) return written;
    writer.finish();
    if (form === "tar") linkSync(beside, target);
    // What came to lie there meanwhile makes this fail, an empty folder excepted, which is as good as nothing.
    else renameSync(beside, target);
    syncPath(dirname(target));
    return success(undefined);
  } catch (error) {
    if (["EEXIST", "ENOTEMPTY", "ENOTDIR"].some((code) => hasCode(error, code)))
      return failed(target, "something is there already");
    throw error;
  } finally {
    writer.close();
    rmSync(beside, { recursive: true, force: true });
  }
}

async function write(
  { documents, layers }: ExportStep,
  writer: Writer,
  facts: HostFacts,
  watch: Watch,
): Promise<Outcome> {
  const all = [...documents, ...layers].toSorted((left, right) => (left.path < right.path ? -1 : 1));
  const total = layers.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const each of all) {
    if ("content" in each) {
      const content = Buffer.from(each.content);
      const file = writer.begin(each.path, content.length);
      writeAll(file, content);
      writer.end(content.length);
      continue;
    }
    const before = done;
    const quiet: Watch = {
      signal: watch.signal,
      report: (event) => {
        if (event.kind === "amount")
          watch.report({ ...event, text: "writing layers", done: Math.min(before + event.done, total), total });
      },
    };
    const written = await writeLayer(each, writer.begin(each.path, each.bytes), facts, quiet);
    if (!written.ok) return written;
    writer.end(each.bytes);
    done += each.bytes;
  }
  return success(undefined);
}

async function writeLayer(layer: ExportedLayer, file: number, facts: HostFacts, watch: Watch): Promise<Outcome> {
  const why = `export ${layer.name}`;
  const done = await runTree(facts, why, { kind: "export", tree: layer.tree }, watch, file);
  if (!done.ok) return done;
  const exported: Exported = JSON.parse(done.value);
  if (exported.digest === layer.sha256 && exported.bytes === layer.bytes) return success(undefined);
  const because = "its files are not what was built; skerry images verify names those that differ";
  return refusal({ kind: "step-failed", step: why, because });
}

function failed(target: string, because: string): Outcome {
  return refusal({ kind: "step-failed", step: `write ${target}`, because });
}

interface Writer {
  /** @returns where the content goes, all of it and nothing else */
  begin(path: string, size: number): number;
  end(size: number): void;
  finish(): void;
  close(): void;
}

class FolderWriter implements Writer {
  readonly #root: string;
  readonly #folders: string[];
  #open: number | undefined;

  constructor(root: string) {
    this.#root = root;
    this.#folders = [`${root}/blobs/sha256`, `${root}/blobs`, root];
    mkdirSync(root);
    mkdirSync(`${root}/blobs/sha256`, { recursive: true });
  }

  begin(path: string): number {
    this.#open = openSync(`${this.#root}/${path}`, "wx", 0o644);
    return this.#open;
  }

  end(): void {
    if (this.#open !== undefined) fsyncSync(this.#open);
    this.close();
  }

  finish(): void {
    for (const folder of this.#folders) syncPath(folder);
  }

  close(): void {
    if (this.#open !== undefined) closeSync(this.#open);
    this.#open = undefined;
  }
}

class TarWriter implements Writer {
  #file: number | undefined;

  constructor(path: string) {
    this.#file = openSync(path, "wx", 0o644);
    for (const name of ["blobs", "blobs/sha256"]) this.#put(headOf(name, "folder", 0));
  }

  begin(path: string, size: number): number {
    this.#put(headOf(path, "file", size));
    return this.#opened();
  }

  end(size: number): void {
    this.#put(padding(size));
  }

  finish(): void {
    this.#put(ARCHIVE_END);
    fsyncSync(this.#opened());
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #put(bytes: Buffer): void {
    writeAll(this.#opened(), bytes);
  }

  #opened(): number {
    if (this.#file === undefined) throw new Error("the archive is closed");
    return this.#file;
  }
}

function headOf(name: string, type: "file" | "folder", size: number): Buffer {
  const mode = type === "file" ? 0o644 : 0o755;
  return memberHead({ name, type, mode, uid: 0, gid: 0, mtime: 0, size, target: "", attributes: [] });
}

/** Goes on where the descriptor stands: the program that writes layers moves it too. */
function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function syncPath(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
