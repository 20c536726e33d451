/**
 * Copy: files between the host and a compartment, as tar through a program that was entered.
 *
 * The stream that comes out is the app's. It is unpacked by a strict reader into a new folder beside the target, which
 * then gets its name; nothing that lies on the host already is followed or overwritten.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { chmod, lstat, mkdir, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createTarDecoder } from "modern-tar";
import { escapeText, isCleanRelativePath } from "../model/index.ts";

export interface CopyProblem {
  readonly kind: "copy-failed";
  readonly text: string;
}

/** What comes out of a compartment at the most. */
const LIMIT_BYTES = 64 * 1024 ** 3;
const LIMIT_ENTRIES = 1_000_000;

const ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" };

/** @param argv - unpacks its standard input inside */
export async function copyIn(
  argv: readonly string[],
  source: string,
  signal: AbortSignal,
): Promise<CopyProblem | undefined> {
  const tar = spawn("/usr/bin/tar", ["-c", "-f", "-", "-C", dirname(source), "--", basename(source)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: ENVIRONMENT,
  });
  const entered = start(argv, ["pipe", "ignore", "pipe"]);
  const words = [heard(tar.stderr), heard(entered.stderr)];
  if (tar.stdout === null || entered.stdin === null) throw new Error("a pipe is missing");
  const [, ...codes] = await Promise.all([
    pipeline(tar.stdout, entered.stdin, { signal }).catch(() => {}),
    ended(tar),
    ended(entered),
  ]);
  if (codes.every((code) => code === 0)) return undefined;
  return {
    kind: "copy-failed",
    text: `not all was copied: ${escapeText(
      words
        .map((said) => said())
        .join(" ")
        .trim(),
      500,
    )}`,
  };
}

/**
 * @param argv - prints a tar archive of one file or folder called `name`
 * @param target - what it is to be called on the host; an existing folder gets it below itself
 */
export async function copyOut(
  argv: readonly string[],
  target: string,
  name: string,
  signal: AbortSignal,
): Promise<CopyProblem | undefined> {
  const about = await lstat(target).catch(() => undefined);
  const place = about?.isDirectory() === true ? join(target, name) : target;
  if ((await lstat(place).catch(() => undefined)) !== undefined)
    return { kind: "copy-failed", text: `${place} is there already; nothing is overwritten` };
  const beside = `${place}.${randomBytes(4).toString("hex")}.part`;
  try {
    await mkdir(beside, { mode: 0o700 });
  } catch (error) {
    // No such folder, or not to be written: the owner's word, and no bug of ours.
    return {
      kind: "copy-failed",
      text: `nothing was copied: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
  // Nothing is waited for between the start and those who listen to it: an end that comes at once would go unheard.
  const entered = start(argv, ["ignore", "pipe", "pipe"]);
  const words = heard(entered.stderr);
  try {
    if (entered.stdout === null) throw new Error("a pipe is missing");
    const [refused, code] = await Promise.all([unpack(entered.stdout, beside, name, signal), ended(entered)]);
    if (refused !== undefined || code !== 0) {
      return { kind: "copy-failed", text: `nothing was copied: ${escapeText(refused ?? words().trim(), 500)}` };
    }
    await rename(join(beside, name), place);
    return undefined;
  } finally {
    entered.kill("SIGKILL");
    await rm(beside, { recursive: true, force: true });
  }
}

/** @returns what was refused, or undefined */
async function unpack(
  stream: Readable,
  folder: string,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  let [entries, bytes] = [0, 0];
  const folders = new Set<string>();
  // Modes of folders are set at the end: a folder that cannot be written could not be filled.
  const modes: { readonly path: string; readonly mode: number }[] = [];
  try {
    const archive = Readable.toWeb(stream).pipeThrough(createTarDecoder());
    for await (const { header, body } of archive) {
      if (signal.aborted) return "interrupted";
      const path = header.name.replace(/\/+$/, "");
      entries += 1;
      bytes += header.size;
      if (entries > LIMIT_ENTRIES || bytes > LIMIT_BYTES) return "the archive is too large";
      if (!isCleanRelativePath(path) || (path !== name && !path.startsWith(`${name}/`)))
        return `the archive names ${path}, which is not below ${name}`;
      const parent = dirname(path);
      // Only folders that this archive made are entered, so no link can lead anywhere else.
      if (parent !== "." && !folders.has(parent)) return `${path} lies in no folder of the archive`;
      const at = join(folder, path);
      const mode = (header.mode ?? 0o644) & 0o777;
      if (header.type === "directory") {
        if (!folders.has(path)) await mkdir(at, { mode: 0o700 });
        folders.add(path);
        modes.push({ path: at, mode });
        await body.cancel();
      } else if (header.type === "file") {
        await pipeline(Readable.fromWeb(body), createWriteStream(at, { flags: "wx", mode: 0o600 }), { signal });
        await chmod(at, mode);
      } else if (header.type === "symlink") {
        if (!staysBelow(path, header.linkname ?? "", name)) return `the link ${path} leads out of ${name}`;
        await symlink(header.linkname ?? "", at);
        await body.cancel();
      } else return `${path} is a ${header.type ?? "thing"}; only files, folders and links are taken`;
    }
    for (const { path, mode } of modes.toReversed()) await chmod(path, mode);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * A link may lead only to what lies below the copied folder. Steps up are taken at its start only, where they leave real
 * folders: behind the name of another link, `..` would leave from wherever that one leads.
 */
function staysBelow(path: string, to: string, name: string): boolean {
  if (
    !/^(?:\.\.\/)*(?:\.\.|(?!\.\.(?:\/|$))[^/][^\0]*)$/.test(to) ||
    /\/\.\.(?:\/|$)/.test(to.replace(/^(?:\.\.\/)*(?:\.\.$)?/, ""))
  )
    return false;
  const led = join(dirname(path), to);
  return led === name || led.startsWith(`${name}/`);
}

function start([program, ...rest]: readonly string[], stdio: ["pipe" | "ignore", "pipe" | "ignore", "pipe"]) {
  if (program === undefined) throw new Error("nothing to run");
  return spawn(program, rest, { stdio, env: ENVIRONMENT });
}

function heard(stream: Readable | null): () => string {
  let text = "";
  stream?.on("data", (piece: Buffer) => {
    if (text.length < 2000) text += piece.toString("utf8");
  });
  return () => text;
}

async function ended(child: ReturnType<typeof spawn>): Promise<number> {
  return await new Promise((resolve) => {
    child.once("error", () => resolve(127));
    child.once("close", (code) => resolve(code ?? 128));
  });
}
