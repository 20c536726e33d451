/**
 * Kernel modules: which files a list of names needs, and in which order they are loaded. Pure.
 *
 * A module says itself what it depends on, in its section `.modinfo`; Debian's package has no list of that before it is
 * installed. What the kernel has built in needs no file.
 */

/** A module needs few others, and those few more; a circle is no module of a kernel's. */
const DEPTH_LIMIT = 20;

export interface KernelModules {
  /** Unpacked, by name with underscores. */
  read(name: string): Promise<Buffer | undefined>;
  /** Names that the kernel has built in. */
  readonly builtIn: ReadonlySet<string>;
}

/** @returns each needed module once, behind all that it depends on */
export async function modulesFor(
  names: readonly string[],
  modules: KernelModules,
): Promise<readonly { readonly name: string; readonly content: Buffer }[]> {
  const ordered: { readonly name: string; readonly content: Buffer }[] = [];
  const done = new Set<string>();
  const add = async (name: string, depth: number): Promise<void> => {
    if (done.has(name) || modules.builtIn.has(name)) return;
    if (depth > DEPTH_LIMIT) throw new Error(`the kernel's module ${name} depends on itself`);
    const content = await modules.read(name);
    if (content === undefined) throw new Error(`the kernel's package has no module ${name}`);
    for (const needed of dependenciesOf(content)) await add(needed, depth + 1);
    done.add(name);
    ordered.push({ name, content });
  };
  for (const name of names) await add(moduleName(name), 0);
  return ordered;
}

/** `virtio-rng.ko.xz` and `virtio_rng` are one module. */
export function moduleName(file: string): string {
  return file
    .replace(/^.*\//, "")
    .replace(/\.ko(\.\w+)?$/, "")
    .replaceAll("-", "_");
}

/** A signed file ends with its signature, what that is (12 bytes, of which the last four say how long), and these words. */
const SIGNED = Buffer.from("~Module signature appended~\n", "latin1");
const SIGNATURE_HEAD_BYTES = 12;

/**
 * The module without its signature.
 *
 * To check one costs an emulated machine more than all else that its init does. It would say nothing: kernel, modules and
 * init are one archive of ours, made of packages that were held to their lock, and who could change the modules could
 * change the init.
 */
export function withoutSignature(content: Buffer): Buffer {
  const head = content.length - SIGNED.length - SIGNATURE_HEAD_BYTES;
  if (head < 0 || !content.subarray(-SIGNED.length).equals(SIGNED)) return content;
  const size = content.readUInt32BE(head + SIGNATURE_HEAD_BYTES - 4);
  if (size > head) throw new Error("a kernel's module is shorter than its signature");
  return content.subarray(0, head - size);
}

function dependenciesOf(content: Buffer): readonly string[] {
  const said = /\0depends=([\w,-]*)\0/.exec(`\0${content.toString("latin1")}`)?.[1] ?? "";
  return said
    .split(",")
    .filter((name) => name !== "")
    .map(moduleName);
}
