/**
 * Audit log: the one writer of an audit folder.
 *
 * Records are written in the order of the calls; those that wait together go to the disk together. A file that has
 * reached its size is followed by a new one, and the oldest files are removed when there are too many: a `trimmed`
 * record, written before, keeps the chain verifiable.
 *
 * Invariants
 * - An answered append is on the disk: the answer comes after fdatasync(2).
 * - A refused append has left nothing: the file is cut back to the last answered record.
 * - What a crash left unfinished is moved aside, never dropped in silence: a `torn` record says so.
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Result, refusal, success } from "../result.ts";
import { auditFiles } from "./audit-files.ts";
import type { AuditEvent } from "./event.ts";
import { findEnd, firstPredecessor } from "./recover.ts";
import { type AuditHead, type AuditRecord, type ChainEnd, CHAIN_START, headOf, sealRecord } from "./record.ts";
import { beginOf, fileSpanMs, tooOld } from "./retention.ts";
import { type AuditClaimed, claimWriter, type WriterClaim } from "./writer-claim.ts";

export interface AuditLogOptions {
  /** A file that has reached it is followed by a new one. @default 4 MiB */
  readonly maxFileBytes?: number;
  /** Files kept, the newest included; at least 2. @default 32 */
  readonly keepFiles?: number;
  /** Records older than that go, with the file that they are in. Without it only `keepFiles` counts. */
  readonly keepMs?: number | undefined;
  /** Time of a record. @default the system's clock */
  readonly now?: () => Date;
}

/** The disk said no: full, read-only, broken. The log works on when the disk does. */
export interface AuditUnwritable {
  readonly kind: "audit-unwritable";
  readonly folder: string;
  /** The system's own words. */
  readonly because: string;
}

/** Records that wait for the disk; more are refused. */
const MAX_WAITING = 10_000;
/** Records written with one call. */
const MAX_BATCH = 64;

interface Waiting {
  readonly event: AuditEvent;
  readonly time: string;
  readonly answer: (result: Result<AuditRecord, AuditUnwritable>) => void;
  /** The system has it, and the disk not yet. */
  readonly entered: () => void;
}

export class AuditLog {
  readonly #folder: string;
  readonly #claim: WriterClaim;
  readonly #maxFileBytes: number;
  readonly #keepFiles: number;
  readonly #keepMs: number | undefined;
  readonly #now: () => Date;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #end: ChainEnd;
  #head: AuditHead | undefined;
  /** Name of the newest file; undefined where there is none yet. */
  #name: string | undefined;
  #file: FileHandle | undefined;
  /** When the newest file began; not known where nothing asks for it. */
  #begun: number | undefined;
  /** Bytes of the newest file that belong to answered records. */
  #size: number;
  #closed = false;

  private constructor(folder: string, claim: WriterClaim, end: ReturnType<typeof findEnd>, options: AuditLogOptions) {
    this.#folder = folder;
    this.#claim = claim;
    this.#maxFileBytes = options.maxFileBytes ?? 4 * 1024 * 1024;
    this.#keepFiles = Math.max(2, options.keepFiles ?? 32);
    this.#keepMs = options.keepMs;
    if (end.name !== undefined && options.keepMs !== undefined) this.#begun = beginOf(folder, end.name);
    this.#now = options.now ?? (() => new Date());
    this.#end = end.head ?? CHAIN_START;
    this.#head = end.head;
    this.#name = end.name;
    this.#size = end.size;
  }

  /**
   * Opens a folder for writing, and makes it where it is not there. What a crash left is moved aside and recorded.
   *
   * Problems
   * - `audit-claimed`: another process writes there
   * - `audit-unwritable`: the folder cannot be made, read or written
   */
  static async open(
    folder: string,
    options: AuditLogOptions = {},
  ): Promise<Result<AuditLog, AuditClaimed | AuditUnwritable>> {
    let claim: WriterClaim | undefined;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const claimed = claimWriter(folder);
      if (!claimed.ok) return claimed;
      claim = claimed.value;
      const end = findEnd(folder);
      const log = new AuditLog(folder, claim, end, options);
      for (const torn of end.torn) {
        const recorded = await log.append(torn);
        if (recorded.ok) continue;
        await log.close();
        return recorded;
      }
      return success(log);
    } catch (error) {
      claim?.release();
      return refusal({ kind: "audit-unwritable", folder, because: reasonOf(error) });
    }
  }

  /** The end of the chain, for export; undefined where there are no records. */
  head(): AuditHead | undefined {
    return this.#head;
  }

  /**
   * Adds a record.
   *
   * Problems
   * - `audit-unwritable`: it is not in the log; whoever must not act without a record stops here
   */
  append(event: AuditEvent): Promise<Result<AuditRecord, AuditUnwritable>> {
    return this.#add(event, () => {});
  }

  /**
   * Adds a record and waits until the system has it, not the disk: it survives this process, and not the machine's sudden
   * end. For what must be quick and is not lost alone: what ends with the machine as well.
   */
  async enter(event: AuditEvent): Promise<Result<void, AuditUnwritable>> {
    const { promise, resolve } = Promise.withResolvers<Result<void, AuditUnwritable>>();
    void this.#add(event, () => resolve(success(undefined))).then((result) =>
      resolve(result.ok ? success(undefined) : result),
    );
    return await promise;
  }

  #add(event: AuditEvent, entered: () => void): Promise<Result<AuditRecord, AuditUnwritable>> {
    if (this.#closed) throw new Error(`audit log ${this.#folder} is closed`);
    const time = this.#now().toISOString();
    // A fact that no record can hold is a fault of the caller, and is thrown to the caller.
    sealRecord(event, CHAIN_START, time);
    if (this.#waiting.length >= MAX_WAITING) {
      return Promise.resolve(this.#unwritable(`${MAX_WAITING} records wait for the disk`));
    }
    const { promise, resolve } = Promise.withResolvers<Result<AuditRecord, AuditUnwritable>>();
    this.#waiting.push({ event, time, answer: resolve, entered });
    this.#writing ??= this.#writeWaiting();
    return promise;
  }

  /** Writes what waits, and lets others write. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
    this.#claim.release();
  }

  async #writeWaiting(): Promise<void> {
    // One turn later, so that appends of the same turn go to the disk together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      const written = await this.#write(batch);
      batch.forEach(({ answer }, index) => {
        const record = written.ok ? written.value[index] : undefined;
        answer(
          written.ok && record !== undefined
            ? success(record)
            : this.#unwritable(written.ok ? "lost" : written.problem.because),
        );
      });
    }
    this.#writing = undefined;
  }

  /** Seals and writes records, all or none. Never throws for what the disk says. */
  async #write(
    batch: readonly Pick<Waiting, "event" | "time" | "entered">[],
  ): Promise<Result<readonly AuditRecord[], AuditUnwritable>> {
    const records: AuditRecord[] = [];
    try {
      // Before anything is sealed: a new file can begin with a record of its own.
      if (this.#name === undefined || this.#size >= this.#maxFileBytes || this.#spansTooMuch()) await this.#nextFile();
      let text = "";
      let end = this.#end;
      for (const { event, time } of batch) {
        const { record, line } = sealRecord(event, end, time);
        records.push(record);
        text += `${line}\n`;
        end = record;
      }
      await this.#writeBytes(Buffer.from(text), () => {
        for (const { entered } of batch) entered();
      });
    } catch (error) {
      return this.#unwritable(reasonOf(error));
    }
    const last = records.at(-1);
    if (last !== undefined) {
      this.#end = last;
      this.#head = headOf(last);
    }
    return success(records);
  }

  async #writeBytes(bytes: Buffer, entered: () => void = () => {}): Promise<void> {
    const file = this.#file ?? (await this.#reopen());
    this.#file = file;
    try {
      await file.writeFile(bytes);
      entered();
      await file.datasync();
    } catch (error) {
      this.#file = undefined;
      await file.truncate(this.#size).catch(() => undefined);
      await file.close().catch(() => undefined);
      throw error;
    }
    this.#size += bytes.length;
  }

  /** The newest file. Cut back once more: after a failed write that may have failed too. */
  async #reopen(): Promise<FileHandle> {
    const file = await open(join(this.#folder, this.#name ?? ""), "a", 0o600);
    try {
      await file.truncate(this.#size);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async #nextFile(): Promise<void> {
    const name = `${String(Number(this.#name?.slice(0, 8) ?? 0) + 1).padStart(8, "0")}.jsonl`;
    const file = await open(join(this.#folder, name), "ax", 0o600);
    await this.#file?.close();
    this.#file = file;
    this.#name = name;
    this.#size = 0;
    this.#begun = this.#now().getTime();
    syncFolder(this.#folder);
    await this.#trim();
  }

  /** A file that holds old and new records would keep the old ones. */
  #spansTooMuch(): boolean {
    if (this.#keepMs === undefined || this.#begun === undefined || this.#size === 0) return false;
    return this.#now().getTime() - this.#begun > fileSpanMs(this.#keepMs);
  }

  /** Removes the oldest files. The record that says so is on the disk first: a crash in between only leaves them. */
  async #trim(): Promise<void> {
    const names = auditFiles(this.#folder);
    // The new file is empty as yet: the one before it ended a moment ago.
    const old =
      this.#keepMs === undefined ? 0 : tooOld(this.#folder, names.slice(0, -1), this.#keepMs, this.#now().getTime());
    const gone = names.slice(0, Math.max(old, names.length - this.#keepFiles));
    const oldestKept = names[gone.length];
    if (gone.length === 0 || oldestKept === undefined) return;
    const before = firstPredecessor(this.#folder, oldestKept);
    // Where the first record that stays cannot be read, someone was at it: nothing is removed, all of it is evidence.
    if (before === undefined) return;
    const event: AuditEvent = { kind: "trimmed", through: before.seq, throughHash: before.hash, files: gone };
    const written = await this.#write([{ event, time: this.#now().toISOString(), entered: () => {} }]);
    if (!written.ok) throw new Error(written.problem.because);
    for (const name of gone) {
      await rm(join(this.#folder, name), { force: true });
      await rm(join(this.#folder, name.replace(".jsonl", ".torn")), { force: true });
    }
  }

  #unwritable(because: string) {
    return refusal({ kind: "audit-unwritable", folder: this.#folder, because } as const);
  }
}

/** A new name in a folder is only there for good when the folder is on the disk. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
