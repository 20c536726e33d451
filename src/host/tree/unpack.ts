/**
 * Unpack: a layer that a stranger made, from an open file into an empty tree.
 *
 * It is read twice. The first reading writes nothing: digests, sizes, and each entry by the rules (layer-rules.ts). Only
 * if all of it holds, the second one hands it to the host's tar(1), anew written, so that tar sees no byte of a header
 * that somebody else chose.
 *
 * Invariant: what was refused has left nothing, not even a part.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, statfsSync } from "node:fs";
import { createGunzip } from "node:zlib";
import type { TreeTask, Unpacked } from "../../step/index.ts";
import { merged } from "./diff.ts";
import { type Below, LayerRules } from "./layer-rules.ts";
import { BadTar, TarReader } from "./read-tar.ts";
import { ARCHIVE_END, memberHead, padding, type TarMember } from "./write-tar.ts";

type UnpackTask = Extract<TreeTask, { kind: "unpack" }>;

/** Of files that the agent wants to read. */
const KEPT_BYTES = 8 * 1024 * 1024;

/** Stays free on the disk. */
const RESERVE_BYTES = 64 * 1024 * 1024;

const WORDS_BYTES = 2000;

const TELL_EVERY = 16 * 1024 * 1024;

/** @param file - descriptor of the blob, a plain file */
export async function unpack(task: UnpackTask, file: number, tell: (bytes: number) => void): Promise<Unpacked> {
  const below: Below = merged(task.below);
  const isLowest = task.below.length === 0;
  const first = new LayerRules(below, isLowest);
  let content = 0;
  const members: { readonly name: string; readonly type: TarMember["type"] }[] = [];
  const look = new TarReader({
    head(head) {
      content += head.size;
      if (content > task.maxBytes) throw new BadTar(tooLarge(task.maxBytes));
      for (const { name, type } of first.admit(head))
        if (task.find.includes(name.slice(1))) members.push({ name, type });
    },
    data() {},
    end() {},
  });
  await readBlob(task, file, async (piece) => look.write(piece));
  look.finish();
  const { bavail, bsize } = statfsSync(task.tree);
  if (bavail * bsize < content + RESERVE_BYTES) throw new BadTar("No space left on device");

  const second = new LayerRules(below, isLowest, first.opaque);
  const kept = await write(task, file, second, tell);
  const { rights, attributes } = second.takenOff;
  return { bytes: content, rights, attributes, kept, found: foundOf(task.find, members, below) };
}

async function write(
  task: UnpackTask,
  file: number,
  rules: LayerRules,
  tell: (bytes: number) => void,
): Promise<Readonly<Record<string, string>>> {
  const kept = new Map<string, Buffer[]>();
  let out: Buffer[] = [];
  let [size, current] = [0, [] as Buffer[] | undefined];
  let [done, told] = [0, 0];
  const reader = new TarReader({
    head(head) {
      for (const member of rules.admit(head)) out.push(memberHead(member));
      size = head.size;
      current = undefined;
      const path = head.name.replace(/^\.\//, "");
      if (head.type === "file" && size <= KEPT_BYTES && task.keep.includes(path)) kept.set(path, (current = []));
    },
    data(piece) {
      // The bytes are only lent.
      const own = Buffer.from(piece);
      out.push(own);
      current?.push(own);
    },
    end: () => out.push(padding(size)),
  });
  const tar = new Tar(task.tree);
  try {
    await readBlob(task, file, async (piece) => {
      reader.write(piece);
      await tar.write(Buffer.concat(out));
      out = [];
      done += piece.length;
      if (done - told >= TELL_EVERY) tell((told = done));
    });
    reader.finish();
    await tar.write(Buffer.concat([...out, ARCHIVE_END]));
    await tar.finish();
  } catch (error) {
    tar.kill();
    throw error;
  }
  return Object.fromEntries([...kept].map(([path, pieces]) => [path, Buffer.concat(pieces).toString("utf8")]));
}

/** The whole blob from its beginning, unpacked. @throws BadTar where it is not what it was said to be */
async function readBlob(
  { sha256, size, diffId, compressed, maxBytes }: UnpackTask,
  file: number,
  take: (piece: Buffer) => Promise<void>,
): Promise<void> {
  const blob = createHash("sha256");
  const whole = createHash("sha256");
  let [read, unpacked] = [0, 0];
  // At most one byte more than it may have, to see that there are more.
  const source = createReadStream("", { fd: file, autoClose: false, start: 0, end: size });
  const counted = async function* () {
    for await (const piece of source) {
      if (!Buffer.isBuffer(piece)) throw new Error("no bytes");
      read += piece.length;
      blob.update(piece);
      yield piece;
    }
  };
  const gunzip = compressed ? createGunzip() : undefined;
  const feeding = gunzip === undefined ? undefined : feed(counted(), gunzip);
  feeding?.catch((error: unknown) => gunzip?.destroy(error instanceof Error ? error : undefined));
  try {
    for await (const piece of gunzip ?? counted()) {
      if (!Buffer.isBuffer(piece)) throw new Error("no bytes");
      unpacked += piece.length;
      // Headers count too: an archive of nothing but headers is large as well.
      if (unpacked > 2 * maxBytes + HEADERS_BYTES) throw new BadTar(tooLarge(maxBytes));
      whole.update(piece);
      await take(piece);
    }
    await feeding;
  } catch (error) {
    gunzip?.destroy();
    source.destroy();
    if (error instanceof Error && "code" in error && String(error.code).startsWith("Z_"))
      throw new BadTar("its compression cannot be read");
    throw error;
  }
  if (read !== size || blob.digest("hex") !== sha256) throw new BadTar("its content is not what its digest says");
  if (whole.digest("hex") !== diffId) throw new BadTar("its unpacked content is not what the image's config says");
}

const HEADERS_BYTES = 64 * 1024 * 1024;

async function feed(pieces: AsyncIterable<Buffer>, into: ReturnType<typeof createGunzip>): Promise<void> {
  for await (const piece of pieces) {
    if (into.destroyed) return;
    if (!into.write(piece)) await drained(into);
  }
  into.end();
}

async function drained(stream: NodeJS.WritableStream): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.once("drain", resolve);
    stream.once("close", resolve);
    stream.once("error", () => resolve());
  });
}

function tooLarge(maxBytes: number): string {
  return `unpacked it has more than ${maxBytes} bytes`;
}

/** tar(1), which can set what Node cannot: extended attributes, and the node by which an overlay hides a file. */
class Tar {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number>;
  #words = "";

  constructor(tree: string) {
    this.#child = spawn(
      "/usr/bin/tar",
      [
        ...["--extract", "--file=-", `--directory=${tree}`, "--numeric-owner", "--same-owner", "--same-permissions"],
        ...["--xattrs", "--xattrs-include=user.*", "--delay-directory-restore", "--warning=no-timestamp"],
      ],
      { stdio: ["pipe", "ignore", "pipe"], env: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" } },
    );
    this.#child.stderr?.on("data", (piece: Buffer) => {
      if (this.#words.length < WORDS_BYTES) this.#words += piece.toString("latin1");
    });
    // It says by its exit code why it hears no more.
    this.#child.stdin?.on("error", () => {});
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", () => resolve(127));
      this.#child.once("close", (code) => resolve(code ?? 128));
    });
  }

  async write(bytes: Buffer): Promise<void> {
    const { stdin } = this.#child;
    if (bytes.length === 0 || stdin === null) return;
    if (stdin.destroyed) return await this.finish();
    if (!stdin.write(bytes)) await drained(stdin);
  }

  async finish(): Promise<void> {
    this.#child.stdin?.end();
    const code = await this.#ended;
    if (code !== 0) throw new BadTar(`it cannot be unpacked: ${this.#words.trim()}`);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** Which of some paths are files of the image, this layer and those below: what a command without a path means. */
function foundOf(
  paths: readonly string[],
  members: readonly { readonly name: string; readonly type: TarMember["type"] }[],
  below: Below,
): readonly string[] {
  return paths.filter((path) => {
    const own = members.findLast(({ name }) => name === `.${path}`)?.type;
    const type = own ?? below.get(path.slice(1))?.type;
    return type === "file" || type === "link" || type === "hard-link";
  });
}
