/**
 * Walk: a tree as a stream of entries, read by the host's tar(1).
 *
 * tar reads what Node cannot (extended attributes, access lists) and follows no link. What it prints is read by
 * read-tar.ts as if it came from a stranger: the names in it do.
 */
import { spawn } from "node:child_process";
import { BadTar, type TarListener, TarReader } from "./read-tar.ts";

const WORDS_BYTES = 2000;

/** tar's exit code where a file changed while it was read: a hard link to it was made, which changes nothing of it. */
const CHANGED_MEANWHILE = 1;

/** @throws where the tree cannot be read as a whole */
export async function walk(tree: string, listener: TarListener): Promise<void> {
  const argv = [
    ...["--create", "--file=-", "--format=pax", "--pax-option=delete=atime,delete=ctime", "--sort=name"],
    ...["--numeric-owner", "--hard-dereference", "--acls", "--xattrs", "--xattrs-include=*", "--one-file-system"],
    // Owned by its root, and reached by name: the tree's own name is the store's and holds nothing strange.
    ...["--warning=no-file-changed", "--warning=no-file-ignored", `--directory=${tree}`, "--", "."],
  ];
  const child = spawn("/usr/bin/tar", argv, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" },
  });
  let words = "";
  child.stderr.on("data", (piece: Buffer) => {
    if (words.length < WORDS_BYTES) words += piece.toString("latin1");
  });
  const ended = new Promise<number>((resolve) => {
    child.once("error", () => resolve(127));
    child.once("close", (code) => resolve(code ?? 128));
  });
  const reader = new TarReader(listener);
  try {
    for await (const piece of child.stdout) reader.write(piece);
  } catch (error) {
    // Only now: tar that has closed its output has still to tell how it ended.
    child.kill("SIGKILL");
    throw error;
  }
  const code = await ended;
  if (code !== 0 && code !== CHANGED_MEANWHILE) throw new BadTar(`the tree cannot be read: ${words.trim()}`);
  reader.finish();
}
