/**
 * Builds what virtual machines are started with: a base's kernel with its first root, and a disk for each layer of an
 * image. Both are derived, lie in the store under names of hashes, and can be made again at any time.
 */
import type { OsBase } from "../../model/index.ts";
import { type Result, success } from "../../result.ts";
import { performAll, type Step, type StepProblem, toTheEnd } from "../../step/index.ts";
import { fetchPackages } from "../build-layer.ts";
import { digest } from "../image.ts";
import type { ImageContext } from "../resolve.ts";
import { type GuestProblem, kernelOf, lockGuest } from "./lock-guest.ts";

/** Changes when the same parts would be put together otherwise. */
const GUEST_FORMAT = 3;

/** What the machine has: disks and ports, on a PCI bus or a microvm's own; and what its root is made of. */
const MODULES = [
  "virtio_pci",
  "virtio_mmio",
  "virtio_blk",
  "virtio_console",
  "virtio_net",
  "crc32c_generic",
  "erofs",
  "overlay",
  "9pnet_virtio",
  "9p",
  "virtio_balloon",
];

/** A system may be a router: what its filter needs. And systemd mounts some of its folders when they are used. */
const SYSTEM_MODULES = ["nf_tables", "nft_chain_nat", "nft_ct", "nft_masq", "nft_redir", "nft_reject_inet", "autofs4"];

/** Of Skerry's own. */
export interface GuestParts {
  /** Path of the helper program, and the digest of what it is. */
  readonly helper: string;
  readonly helperDigest: string;
  /** Text of the first program inside. */
  readonly init: string;
  /** Besides the modules of every machine: drivers for a card of the host's. */
  readonly cardDrivers?: readonly string[];
}

/** Files that a machine is started with. */
export interface GuestFiles {
  readonly kernel: string;
  readonly root: string;
}

export async function buildGuest(
  base: OsBase,
  parts: GuestParts,
  context: ImageContext,
): Promise<Result<GuestFiles, GuestProblem>> {
  const { performer, store, watch } = context;
  const locked = await lockGuest(base, false, context);
  if (!locked.ok) return locked;
  const layer = locked.value;
  const { helperDigest, init, cardDrivers = [] } = parts;
  const systemModules = [...SYSTEM_MODULES, ...cardDrivers];
  // Machines with a card of the host's have one of their own, so that the others need not carry what drives it.
  const kind = `${base.name}.${cardDrivers.length > 0 ? "card-" : ""}`;
  const key = `${kind}${digest([GUEST_FORMAT, MODULES, systemModules, layer.packages.map(({ sha256 }) => sha256), helperDigest, init])}`;
  const files = { kernel: `${store.guest(key)}/kernel`, root: `${store.guest(key)}/root.cpio` };
  if ((await performer.list(store.guests)).includes(key)) return success(files);
  const fetched = await fetchPackages({ layer, base }, context);
  if (!fetched.ok) return fetched;
  watch.report({ kind: "phase", text: `preparing the kernel of ${base.name} for virtual machines` });
  const kernel = kernelOf(layer.packages);
  if (kernel === undefined) throw new Error("a guest's lock without a kernel");
  const folder = `${store.buildings}/guest.${key}`;
  const tools = layer.packages.filter((one) => one !== kernel).map(({ sha256 }) => store.deb(sha256));
  const step: Step = {
    kind: "make-guest",
    ...{ kernel: store.deb(kernel.sha256), tools, modules: MODULES, systemModules },
    ...{ helper: parts.helper, init, folder },
  };
  const made = await performAll(
    [
      { kind: "remove-tree", path: folder },
      step,
      { kind: "rename", from: folder, to: store.guest(key), namedByContent: true },
    ],
    context,
  );
  if (made.ok) {
    // What it was before is of no use any more; who runs from it keeps it.
    for (const name of await performer.list(store.guests))
      if (name.startsWith(kind) && /^[0-9a-f]+$/.test(name.slice(kind.length)) && name !== key)
        await performer.perform({ kind: "remove-tree", path: store.guest(name) }, toTheEnd(watch));
    return success(files);
  }
  await performer.perform({ kind: "remove-tree", path: folder }, toTheEnd(watch));
  return made;
}

/** A read-only disk for each layer, topmost first, beside the layer's files: it goes when they go. */
export async function buildDisks(
  layers: readonly string[],
  context: ImageContext,
): Promise<Result<readonly string[], StepProblem>> {
  const { performer, store, facts, watch } = context;
  const program = facts.programs["mkfs.erofs"]?.path ?? "/usr/bin/mkfs.erofs";
  const sync = facts.programs["sync"]?.path ?? "/usr/bin/sync";
  for (const key of layers) {
    if ((await performer.list(store.layer(key))).includes(DISK)) continue;
    const record = JSON.parse((await performer.readText(store.layerRecord(key))) ?? "{}");
    const label = `make a disk of ${String(record.name ?? key)}`;
    watch.report({ kind: "phase", text: label });
    const unfinished = `${store.buildings}/${key}.${DISK}`;
    const argv = [program, "--quiet", "-zlz4", "-U", NO_UUID, unfinished, store.layerFs(key)] as const;
    const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" };
    const steps: readonly Step[] = [
      { kind: "make-folder", path: store.buildings, mode: 0o700 },
      { kind: "remove-tree", path: unfinished },
      { kind: "run-inside", why: label, commands: [{ label, argv, environment }], fills: store.buildings },
      { kind: "run", why: "bring the disk to the disk", argv: [sync, "--", unfinished], environment: {} },
      { kind: "rename", from: unfinished, to: `${store.layer(key)}/${DISK}` },
    ];
    const made = await performAll(steps, context);
    if (!made.ok) {
      await performer.perform({ kind: "remove-tree", path: unfinished }, toTheEnd(watch));
      return made;
    }
  }
  return success(diskPaths(layers, context));
}

export function diskPaths(layers: readonly string[], { store }: Pick<ImageContext, "store">): readonly string[] {
  return layers.toReversed().map((key) => `${store.layer(key)}/${DISK}`);
}

const DISK = "disk.erofs";

/** The same layer gives the same disk. */
const NO_UUID = "00000000-0000-0000-0000-000000000000";
