/** Reads chosen files out of a Debian package, without unpacking it to the disk. */
import { spawn } from "node:child_process";
import { type TarHead, TarReader } from "../tree/read-tar.ts";

export interface DebFile {
  /** Without `./`, as in the package. */
  readonly path: string;
  readonly kind: "file" | "link";
  readonly content: Buffer;
  readonly target: string;
}

/** All chosen files of one package together. */
const BYTES_LIMIT = 512 * 1024 * 1024;

export async function readDeb(
  file: string,
  chosen: (path: string) => boolean,
  signal: AbortSignal,
): Promise<readonly DebFile[]> {
  const files: DebFile[] = [];
  let head: TarHead | undefined;
  let pieces: Buffer[] = [];
  let total = 0;
  const reader = new TarReader({
    head(found) {
      const path = found.name.replace(/^\.\//, "");
      head = chosen(path) && (found.type === "file" || found.type === "link") ? { ...found, name: path } : undefined;
      pieces = [];
      // A link has no content, so nothing else comes of it.
      if (head?.type === "link") files.push({ path, kind: "link", content: Buffer.alloc(0), target: found.target });
    },
    data(piece) {
      if (head === undefined) return;
      total += piece.length;
      if (total > BYTES_LIMIT) throw new Error(`${file} holds too much`);
      pieces.push(Buffer.from(piece));
    },
    end() {
      if (head?.type === "file")
        files.push({ path: head.name, kind: "file", content: Buffer.concat(pieces), target: "" });
      head = undefined;
    },
  });
  const child = spawn("/usr/bin/dpkg-deb", ["--fsys-tarfile", file], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" },
    signal,
  });
  let words = "";
  child.stderr.on("data", (piece) => (words = `${words}${String(piece)}`.slice(-2000)));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  try {
    for await (const piece of child.stdout) reader.write(piece);
  } catch (error) {
    child.kill("SIGKILL");
    await ended.catch(() => {});
    throw error;
  }
  if ((await ended) !== 0) throw new Error(`dpkg-deb ${file}: ${words.trim()}`);
  reader.finish();
  return files;
}
