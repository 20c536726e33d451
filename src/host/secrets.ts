/**
 * Secrets on the host: read from where the owner keeps them, and held in memory for the one start that needs them.
 *
 * Invariants
 * - What is read is written to a file system in memory and nowhere else, in a folder of this user alone. Where there is
 *   none, there is no secret.
 * - No problem and no message holds a part of it: neither what a program printed nor what it complained of.
 */
import { createHash } from "node:crypto";
import { constants, statfsSync } from "node:fs";
import { chown, mkdir, open, rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { type Places, SECRET_LIMIT_BYTES } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { Step } from "../step/index.ts";
import { claimFolder, hasCode, listIfThere } from "./files.ts";
import { runProgram } from "./run-program.ts";

/** statfs(2): tmpfs and ramfs. */
const IN_MEMORY = [0x01021994, 0x858458f6];

/** Somebody may have to type a password for it. */
const COMMAND_LIMIT_MS = 60_000;

export interface SecretUnavailable {
  readonly kind: "secret-unavailable";
  readonly name: string;
  readonly from: string;
  readonly because: string;
}

type KeepSecret = Extract<Step, { kind: "keep-secret" }>;

/** Folders for secrets, by preference; all that Skerry at these places may ever have used. */
function candidates({ runtime }: Places): readonly string[] {
  const mark = createHash("sha256").update(runtime).digest("hex").slice(0, 12);
  return [`${runtime}/secrets`, `/dev/shm/skerry-${process.getuid?.() ?? 0}-${mark}`];
}

/** Where secrets of a start are kept; undefined where this host has no place in memory. */
export function secretsFolder(places: Places, id: string): string | undefined {
  const root = candidates(places).find((folder) => isInMemory(dirname(folder)));
  return root === undefined ? undefined : `${root}/${id}`;
}

function isInMemory(folder: string): boolean {
  try {
    return IN_MEMORY.includes(statfsSync(folder).type);
  } catch {
    return false;
  }
}

export async function keepSecret(step: KeepSecret, places: Places): Promise<Result<void, SecretUnavailable>> {
  const root = dirname(step.folder);
  if (!candidates(places).includes(root)) throw new Error(`${step.folder} is no folder for secrets`);
  const content = await readSecret(step);
  if (!content.ok) return content;
  try {
    if (!(await claimFolder(root, 0o700)) || !isInMemory(root)) return unavailable(step, `${root} cannot be used`);
    await mkdir(step.folder, { recursive: true, mode: 0o700 });
    // Its last start may have taken the folder away just now, and somebody else have made one of that name.
    if (!(await claimFolder(root, 0o700))) return unavailable(step, `${root} cannot be used`);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await open(`${step.folder}/${step.name}`, flags, 0o400);
    try {
      await file.writeFile(content.value);
    } finally {
      await file.close();
    }
    if (step.owner !== undefined) await chown(`${step.folder}/${step.name}`, step.owner.uid, step.owner.gid);
    return success(undefined);
  } catch (error) {
    return unavailable(step, `it cannot be kept in memory (${hasCode(error, "ENOSPC") ? "no room" : "refused"})`);
  } finally {
    content.value.fill(0);
  }
}

/** Those of one start, which has ended or has not come about. */
export async function dropSecrets(id: string, places: Places): Promise<void> {
  for (const root of candidates(places)) {
    await rm(`${root}/${id}`, { recursive: true, force: true });
    // With the last of them the folder goes; other starts still have theirs in it, or there is none.
    await rmdir(root).catch(() => {});
  }
}

/** Ids of starts whose secrets are still there. */
export async function startsWithSecrets(places: Places): Promise<readonly string[]> {
  return (await Promise.all(candidates(places).map(async (root) => await listIfThere(root)))).flat();
}

async function readSecret(step: KeepSecret): Promise<Result<Buffer, SecretUnavailable>> {
  const { source } = step;
  if (source.kind === "file") return await fromFile(step, source.path);
  if (source.kind === "command") return await fromProgram(step, source.command);
  return await fromProgram(step, ["secret-tool", "lookup", ...Object.entries(source.attributes).flat()]);
}

async function fromFile(step: KeepSecret, path: string): Promise<Result<Buffer, SecretUnavailable>> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      const about = await file.stat();
      if (!about.isFile()) return unavailable(step, "it is no plain file");
      const buffer = Buffer.alloc(SECRET_LIMIT_BYTES + 1);
      let length = 0;
      for (let read = -1; read !== 0 && length < buffer.length; length += read)
        read = (await file.read(buffer, length, buffer.length - length)).bytesRead;
      return length > SECRET_LIMIT_BYTES ? tooLarge(step) : success(buffer.subarray(0, length));
    } finally {
      await file.close();
    }
  } catch (error) {
    if (hasCode(error, "ENOENT")) return unavailable(step, "there is no such file");
    return unavailable(step, hasCode(error, "EACCES") ? "it may not be read" : "it cannot be read");
  }
}

async function fromProgram(
  step: KeepSecret,
  argv: readonly [string, ...string[]],
): Promise<Result<Buffer, SecretUnavailable>> {
  const [program] = argv;
  const ended = await runProgram(argv, {
    // The owner's own program, which finds its agents and keyrings in the owner's session.
    environment: process.env,
    timeoutMs: COMMAND_LIMIT_MS,
    maxOutputBytes: SECRET_LIMIT_BYTES + 1,
  });
  if (!ended.ok) {
    if (ended.problem.kind === "too-much-output") return tooLarge(step);
    if (ended.problem.kind === "timed-out") return unavailable(step, `${program} did not end within a minute`);
    const where = step.source.kind === "keyring" ? " (Debian's package libsecret-tools)" : "";
    return unavailable(step, `${program} cannot be started${where}`);
  }
  const { code, stdout } = ended.value;
  if (code !== 0) return unavailable(step, `${program} ended with ${code}; run it yourself to see why`);
  if (stdout.includes("\ufffd")) return unavailable(step, `what ${program} prints is no text; keep it in a file`);
  const content = Buffer.from(stdout.endsWith("\n") ? stdout.slice(0, -1) : stdout);
  return content.length > SECRET_LIMIT_BYTES ? tooLarge(step) : success(content);
}

function tooLarge(step: KeepSecret): Result<never, SecretUnavailable> {
  return unavailable(step, `it is larger than ${SECRET_LIMIT_BYTES / 1024} KiB`);
}

function unavailable({ name, source }: KeepSecret, because: string): Result<never, SecretUnavailable> {
  return refusal({ kind: "secret-unavailable", name, from: source.kind, because });
}
