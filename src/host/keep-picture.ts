/**
 * Keep picture: what a program prints, into a file of the owner's, if it is a PNG image.
 *
 * It comes out of a compartment. Only its first bytes are looked at, and how much there is; to read the image is for whoever
 * shows it.
 *
 * Invariant: the file gets its name when all of it is there, and takes the place of nothing.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { link, open, rm } from "node:fs/promises";
import { escapeText } from "../model/index.ts";

export interface NotKept {
  readonly kind: "not-kept";
  readonly text: string;
}

/** Far more than a large screen in no compression at all. */
const LIMIT_BYTES = 256 * 1024 * 1024;
const WORDS_LIMIT = 2000;

/** PNG (Portable Network Graphics) Specification, section 5.2. */
const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);

const ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" };

/** @param file - absolute path that nothing is at */
export async function keepPicture(
  argv: readonly string[],
  file: string,
  signal: AbortSignal,
): Promise<NotKept | undefined> {
  const printed = await outputOf(argv, signal);
  if (typeof printed === "string") return notKept(`no picture was taken: ${escapeText(printed, 500)}`);
  if (!printed.subarray(0, SIGNATURE.length).equals(SIGNATURE))
    return notKept("no picture was taken: what came out of the screen is no PNG image");
  const beside = `${file}.${randomBytes(4).toString("hex")}.part`;
  try {
    const opened = await open(beside, "wx", 0o600);
    try {
      await opened.writeFile(printed);
      await opened.sync();
    } finally {
      await opened.close();
    }
    await link(beside, file);
    return undefined;
  } catch (error) {
    const because = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return because === "EEXIST"
      ? notKept(`${file} is there already; nothing is overwritten`)
      : notKept(`${file} cannot be written: ${because}`);
  } finally {
    await rm(beside, { force: true });
  }
}

/** @returns all of it, or why there is none */
async function outputOf([program, ...rest]: readonly string[], signal: AbortSignal): Promise<Buffer | string> {
  if (program === undefined) throw new Error("nothing to run");
  const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"], env: ENVIRONMENT, signal });
  const pieces: Buffer[] = [];
  let [bytes, words] = [0, ""];
  child.stdout.on("data", (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > LIMIT_BYTES) child.kill("SIGKILL");
    else pieces.push(piece);
  });
  child.stderr.on("data", (piece: Buffer) => {
    if (words.length < WORDS_LIMIT) words += piece.toString("utf8");
  });
  return await new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code) => {
      if (bytes > LIMIT_BYTES) resolve("it is too large");
      else resolve(code === 0 ? Buffer.concat(pieces) : words.trim() || `exit code ${code ?? "unknown"}`);
    });
  });
}

function notKept(text: string): NotKept {
  return { kind: "not-kept", text };
}
