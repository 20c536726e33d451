/**
 * Makes what a virtual machine is started with, from packages of a distribution: the kernel as a program, and a first root
 * in memory with the few tools that stand around the app inside.
 *
 * Nothing of a package is executed: its files are read and put together anew.
 */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import type { ArchiveEntry, Step } from "../../step/index.ts";
import { makeFolder, writeWhole } from "../files.ts";
import { withFolders, writeCpio } from "./cpio.ts";
import { kernelProgram, type Unpack } from "./kernel-image.ts";
import { moduleName, modulesFor, withoutSignature } from "./modules.ts";
import { type DebFile, readDeb } from "./read-deb.ts";

type MakeGuest = Extract<Step, { kind: "make-guest" }>;

const KERNEL = /^boot\/vmlinuz-[\w.+~-]+$/;
const MODULE = /^(?:usr\/)?lib\/modules\/[\w.+~-]+\/kernel\/[\w./+-]+\.ko(?:\.xz|\.zst)?$/;
const BUILT_IN = /^(?:usr\/)?lib\/modules\/[\w.+~-]+\/modules\.builtin$/;

/** Where programs and libraries lie in packages, before and after the folders of the root became links into /usr. */
const PROGRAM = /^(?:usr\/)?bin\/(busybox|bwrap)$/;
const LIBRARY =
  /^(?:usr\/)?lib\/x86_64-linux-gnu\/((?:libc\.so\.6|ld-linux-x86-64\.so\.2|lib(?:cap|selinux|pcre2-8)\.so\.\d)(?:\.[\d.]+)?)$/;

const LIBRARIES = "lib/x86_64-linux-gnu";

/** The dynamic loader, where every program looks for it. */
const LOADER = { path: "lib64/ld-linux-x86-64.so.2", target: `/${LIBRARIES}/ld-linux-x86-64.so.2` };

/** What the init needs by these names, before it is anything. */
const BUSYBOX_NAMES = [
  ...[
    "arp",
    "awk",
    "cat",
    "cp",
    "find",
    "insmod",
    "ip",
    "kill",
    "ln",
    "mkdir",
    "mkfifo",
    "mknod",
    "mount",
    "poweroff",
    "rm",
    "sed",
  ],
  ...["sh", "sleep", "switch_root"],
];

export async function makeGuest(step: MakeGuest, signal: AbortSignal): Promise<void> {
  const unpack: Unpack = async (argv, input, maxBytes) => await unpackBy(argv, input, maxBytes, signal);
  const kernelFiles = await readDeb(
    step.kernel,
    (path) =>
      KERNEL.test(path) ||
      BUILT_IN.test(path) ||
      (MODULE.test(path) && [...step.modules, ...step.systemModules].some(isNeeded(path))),
    signal,
  );
  const kernel = kernelFiles.find(({ path }) => KERNEL.test(path));
  if (kernel === undefined) throw new Error("the kernel's package holds no kernel");
  const tools: DebFile[] = [];
  for (const file of step.tools)
    tools.push(...(await readDeb(file, (path) => PROGRAM.test(path) || LIBRARY.test(path), signal)));
  const root = withFolders([
    ...["dev", "proc", "sys", "run", "tmp"].map((path): ArchiveEntry => ({ kind: "folder", path, mode: 0o755 })),
    { kind: "file", path: "init", mode: 0o755, content: step.init },
    { kind: "file", path: "bin/skerry-helper", mode: 0o755, content: await readFile(step.helper) },
    ...toolEntries(tools),
    ...(await moduleEntries(kernelFiles, step, unpack)),
  ]);
  await makeFolder(step.folder, 0o755);
  await writeWhole(`${step.folder}/kernel`, await kernelProgram(kernel.content, unpack), 0o644);
  await writeWhole(`${step.folder}/root.cpio`, writeCpio(root), 0o644);
}

/** Which modules the chosen ones need is known only when they are read; those that none of ours ever needs stay out. */
function isNeeded(path: string) {
  const name = moduleName(path);
  return (wanted: string) => name === wanted || HELPING.has(name);
}

const HELPING: ReadonlySet<string> = new Set([
  ...["virtio", "virtio_ring", "virtio_pci", "virtio_pci_legacy_dev", "virtio_pci_modern_dev"],
  ...["nfnetlink", "nf_conntrack", "nf_nat", "nf_defrag_ipv4", "nf_defrag_ipv6", "nft_reject", "nft_reject_ipv4"],
  ...["nft_reject_ipv6", "nf_reject_ipv4", "nf_reject_ipv6", "failover", "net_failover"],
  ...["libcrc32c", "crc32c_generic", "crc32c_intel", "lz4_decompress", "xxhash", "fscache", "netfs", "9pnet"],
  // Of drivers of network cards.
  ...["dca", "i2c_algo_bit", "libphy", "mdio", "mdio_devres", "of_mdio", "fwnode_mdio", "fixed_phy", "xfrm_algo"],
  ...["ptp", "pps_core"],
]);

function toolEntries(tools: readonly DebFile[]): readonly ArchiveEntry[] {
  const entries = new Map<string, ArchiveEntry>();
  for (const { path, kind, content, target } of tools) {
    const program = PROGRAM.exec(path)?.[1];
    const library = LIBRARY.exec(path)?.[1];
    const place = program === undefined ? `${LIBRARIES}/${library ?? ""}` : `bin/${program}`;
    // Libraries have links to themselves beside them; one that leads elsewhere is none of those.
    if (kind === "file") entries.set(place, { kind: "file", path: place, mode: 0o755, content });
    else if (library !== undefined && /^[\w.-]+$/.test(target))
      entries.set(place, { kind: "link", path: place, target });
  }
  for (const needed of ["bin/busybox", "bin/bwrap", `${LIBRARIES}/libc.so.6`, LOADER.target.slice(1)])
    if (!entries.has(needed)) throw new Error(`the packages for virtual machines bring no ${needed}`);
  return [
    ...entries.values(),
    ...BUSYBOX_NAMES.map((name): ArchiveEntry => ({ kind: "link", path: `bin/${name}`, target: "busybox" })),
    { kind: "link", ...LOADER },
  ];
}

async function moduleEntries(
  files: readonly DebFile[],
  { modules, systemModules }: Pick<MakeGuest, "modules" | "systemModules">,
  unpack: Unpack,
): Promise<readonly ArchiveEntry[]> {
  const builtIn = files.filter(({ path }) => BUILT_IN.test(path)).flatMap(({ content }) => String(content).split("\n"));
  const byName = new Map(files.filter(({ path }) => MODULE.test(path)).map((file) => [moduleName(file.path), file]));
  const known = {
    builtIn: new Set(builtIn.filter((line) => line !== "").map(moduleName)),
    read: async (name: string) => {
      const file = byName.get(name);
      if (file === undefined) return undefined;
      if (file.path.endsWith(".xz")) return await unpack(["/usr/bin/xz", "-dc"], file.content, MODULE_BYTES_LIMIT);
      if (file.path.endsWith(".zst")) return await unpack(["/usr/bin/zstd", "-dcq"], file.content, MODULE_BYTES_LIMIT);
      return file.content;
    },
  };
  const always = await modulesFor(modules, known);
  const all = await modulesFor([...modules, ...systemModules], known);
  const entries = (folder: string, ordered: typeof all) =>
    ordered.map(
      ({ name, content }, index): ArchiveEntry => ({
        kind: "file",
        // In the order of their names, as a shell lists them.
        path: `${folder}/${String(index).padStart(2, "0")}-${name}.ko`,
        mode: 0o644,
        content: withoutSignature(content),
      }),
    );
  return [...entries("modules", always), ...entries("system-modules", all.slice(always.length))];
}

const MODULE_BYTES_LIMIT = 64 * 1024 * 1024;

async function unpackBy(
  [program, ...rest]: readonly [string, ...string[]],
  input: Buffer,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const child = spawn(program, rest, { stdio: ["pipe", "pipe", "ignore"], env: { LC_ALL: "C.UTF-8" }, signal });
  const code = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  // It may end before it has read all; then its exit code tells.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const pieces: Buffer[] = [];
  let total = 0;
  for await (const piece of child.stdout) {
    const bytes = Buffer.from(piece);
    total += bytes.length;
    if (total > maxBytes) child.kill("SIGKILL");
    else pieces.push(bytes);
  }
  if ((await code) !== 0) throw new Error(`${program} could not unpack a part of the kernel's package`);
  return Buffer.concat(pieces);
}
