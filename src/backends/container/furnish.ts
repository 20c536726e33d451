/**
 * Furnish: from contributions to bubblewrap's arguments, in order, and what must be prepared for them.
 *
 * As an ordinary user, folders are bound by bubblewrap itself. When Skerry runs as root, the app's user could not pass
 * root's folders, nor own what root owns: then each folder is attached by the helper with its owner shown as the app's
 * user, and bubblewrap binds that.
 */
import {
  descriptorVariable,
  displayInside,
  FIRST_HANDED,
  pickedFiles,
  isWithin,
  type CompartmentSpec,
  type Contribution,
  SECRETS_INSIDE,
} from "../../model/index.ts";
import type { BackendContext } from "../backend.ts";
import { unreachable } from "../../result.ts";
import { fileByContent, type Step } from "../../step/index.ts";
import { copiedFolder } from "./copied-folder.ts";
import type { MountPoint } from "./mount-points.ts";
import { slotFolders } from "./slot-folders.ts";

export interface Furnishing {
  /** bubblewrap's arguments, behind the root's and those of what every app has. */
  readonly arguments: readonly string[];
  /** bubblewrap's arguments for the environment. */
  readonly variables: readonly string[];
  /** The helper's arguments for what is staged. */
  readonly staged: readonly string[];
  /** The helper's arguments for what is mounted in its namespaces. */
  readonly mounted: readonly string[];
  readonly steps: readonly Step[];
  /** What must be there in the root for the mounts. */
  readonly mountPoints: readonly MountPoint[];
}

/** Folders in memory that every compartment has; what lies below them needs no mount point in the root. */
const IN_MEMORY = [
  { path: "/tmp", mode: "1777", mebibytes: 512 },
  { path: "/run", mode: "0755", mebibytes: 64 },
  { path: "/home", mode: "0755", mebibytes: 256 },
] as const;

const MEBIBYTE = 1024 * 1024;

/** What programs share memory by (shm_overview(7)); browsers need much of it. */
const SHARED_MEMORY_MIB = 512;

/** A memory folder that a volume or grant asks for. */
const MEMORY_FOLDER_MIB = 256;

/** What every app has around it, whatever is granted, as bubblewrap's arguments, and the places in the root for it. */
export function plainRoom({ user, ownSandbox }: Pick<CompartmentSpec, "user" | "ownSandbox">) {
  const args: string[] = ["--proc", "/proc", "--dev", "/dev"];
  // bubblewrap's /dev is a folder in memory of no certain size that belongs to the app: only what is meant to grow may.
  args.push("--perms", "1777", "--size", String(SHARED_MEMORY_MIB * MEBIBYTE), "--tmpfs", "/dev/shm");
  args.push("--remount-ro", "/dev");
  // Keyrings know no namespaces: the file names the keys of the user's other programs. In a sandbox of its own, a program
  // could not mount /proc anew while part of this one is hidden.
  if (!ownSandbox) args.push("--dev-bind", "/dev/null", "/proc/keys");
  for (const { path, mode, mebibytes } of IN_MEMORY) {
    args.push("--perms", mode, "--size", String(mebibytes * MEBIBYTE), "--tmpfs", path);
  }
  args.push("--perms", "0700", "--dir", "/home/app", "--perms", "0755", "--dir", "/run/user");
  args.push("--perms", "0700", "--dir", `/run/user/${user.uid}`);
  const inMemory = IN_MEMORY.map(({ path }) => path);
  const mountPoints = ["/proc", "/dev", ...inMemory].map((path): MountPoint => ({ path, type: "folder" }));
  return { arguments: args, inMemory, mountPoints };
}

/** An empty folder that nobody can write to, as bubblewrap's arguments. */
export function emptyFolder(target: string): readonly string[] {
  return ["--perms", "0555", "--size", "4096", "--tmpfs", target, "--remount-ro", target];
}

export function memoryFolder(target: string): readonly string[] {
  return ["--perms", "0700", "--size", String(MEMORY_FOLDER_MIB * MEBIBYTE), "--tmpfs", target];
}

function hasSlot({ contributions }: CompartmentSpec, target: string): boolean {
  return contributions.some((one) => one.kind === "slot" && one.target === target);
}

/**
 * @param folder - of this start
 * @param placed - the same at another place, or undefined for what is none of this wall's; by default as it is
 */
export function furnish(
  spec: CompartmentSpec,
  folder: string,
  context: BackendContext,
  placed: (one: Contribution) => Contribution | undefined = (one) => one,
): Furnishing {
  const { files } = context;
  const room = plainRoom(spec);
  const args: string[] = [];
  const variables: string[] = [];
  const staged: string[] = [];
  const insideMounts: string[] = [];
  const steps: Step[] = [];
  const mountPoints: MountPoint[] = [...room.mountPoints];
  const mounted: string[] = [...room.inMemory];
  const place = (path: string, type: MountPoint["type"]) => {
    if (!mounted.some((above) => isWithin(path, above))) mountPoints.push({ path, type });
    mounted.push(path);
  };
  let count = 0;
  let shared = false;
  let handed = 0;
  for (const contribution of spec.contributions) {
    count += 1;
    const one = placed(contribution);
    if (one !== undefined) furnishOne(one, count, "target" in contribution && hasSlot(spec, contribution.target));
  }
  return { arguments: args, variables, staged, mounted: insideMounts, steps, mountPoints };

  /** @param changes - it lies on a slot, so that it can be another one while the app runs */
  function furnishOne(contribution: Contribution, number: number, changes: boolean): void {
    switch (contribution.kind) {
      case "bind": {
        place(contribution.target, "folder");
        args.push(
          contribution.access === "write" ? "--bind" : "--ro-bind",
          sourceOf(contribution.source, number),
          contribution.target,
        );
        break;
      }
      case "copy": {
        place(contribution.target, "folder");
        if (spec.user.allocated) sourceOf(contribution.source, number);
        const staged = spec.user.allocated ? `../stage/${number}` : undefined;
        const copied = copiedFolder(contribution, spec, `${folder}/copy-${number}`, staged, context);
        steps.push(...copied.steps);
        insideMounts.push(...copied.mounted);
        args.push("--bind", copied.merged, contribution.target);
        break;
      }
      case "pick": {
        if (pickedFiles(contribution).length === 0) {
          // What matches later is shown on its slot.
          if (changes) ownedAsApp(contribution.source, number);
          furnishOne({ kind: "empty-folder", target: contribution.target }, number, changes);
          break;
        }
        place(contribution.target, "folder");
        if (changes) {
          furnishChanging(contribution, number);
          break;
        }
        args.push("--perms", "0755", "--tmpfs", contribution.target);
        for (const file of pickedFiles(contribution)) {
          const at = `${folder}/stage/${number}/${file}`;
          staged.push("--pick", contribution.source, file, at);
          args.push("--ro-bind", at, `${contribution.target}/${file}`);
        }
        args.push("--remount-ro", contribution.target);
        break;
      }
      case "empty-folder":
        place(contribution.target, "folder");
        args.push(...emptyFolder(contribution.target));
        break;
      case "slot": {
        const slots = slotFolders(context.places, contribution.request, spec.user.allocated);
        steps.push(...slots.steps);
        if (!shared) insideMounts.push(...slots.mounted(context.facts.programs["mount"]?.path ?? "/usr/bin/mount"));
        shared = true;
        place(contribution.target, "folder");
        args.push("--ro-bind", slots.path, contribution.target);
        break;
      }
      case "memory-folder":
        place(contribution.target, "folder");
        args.push(...memoryFolder(contribution.target));
        break;
      case "file": {
        const file = fileByContent(files, contribution.content, 0o644);
        steps.push(file.step);
        place(contribution.target, "file");
        staged.push("--pick", files, file.name, `${folder}/stage/${number}`);
        args.push("--ro-bind", `${folder}/stage/${number}`, contribution.target);
        break;
      }
      case "secret": {
        const { name, source } = contribution;
        const kept = context.secrets ?? noPlace(name);
        const owner = spec.user.allocated ? { owner: { uid: spec.user.uid, gid: spec.user.gid } } : {};
        steps.push({ kind: "keep-secret", folder: kept, name, source, ...owner });
        staged.push("--pick", kept, name, `${folder}/stage/${number}`);
        if (source.as === "descriptor") {
          // On the stage it is read-only, also for who opens his own descriptor once more.
          staged.push("--hand", `${folder}/stage/${number}`);
          variables.push("--setenv", descriptorVariable(name), String(FIRST_HANDED + handed));
          handed += 1;
          break;
        }
        place(`${SECRETS_INSIDE}/${name}`, "file");
        args.push("--ro-bind", `${folder}/stage/${number}`, `${SECRETS_INSIDE}/${name}`);
        break;
      }
      case "display": {
        // The socket alone: beside it in its folder there may be others. It is no file, so the folder is what is staged.
        const { folder: holds, name, renewed = false } = context.screen ?? noScreen();
        const at = displayInside(spec.user.uid);
        if (renewed) args.push("--ro-bind", sourceOf(holds, number), `${at}-of`, "--symlink", `${at}-of/${name}`, at);
        else args.push("--ro-bind", `${sourceOf(holds, number)}/${name}`, at);
        break;
      }
      case "variable":
        variables.push("--setenv", contribution.name, contribution.value);
        break;
      case "network":
      case "named-network":
      case "port":
      case "ports":
      case "link":
      case "publish":
        // network.ts or the agent makes it; here it shows in nothing.
        break;
      case "disk":
      case "card":
        throw new Error(`a ${contribution.kind} was refused before`);
      default:
        unreachable(contribution);
    }
  }

  /** Files that are kept current: each is seen through a folder of the stage, where another can be put in its place. */
  function furnishChanging(pick: Extract<Contribution, { kind: "pick" }>, number: number): void {
    const { source, target } = pick;
    for (const file of pickedFiles(pick)) staged.push("--pick", source, file, `${folder}/stage/${number}/${file}`);
    ownedAsApp(source, number);
    const mount = context.facts.programs["mount"]?.path ?? "/usr/bin/mount";
    insideMounts.push("--inside", mount, "--no-mtab", "--make-shared", `${folder}/stage`, ";");
    args.push("--ro-bind", `${folder}/stage/${number}`, target);
  }

  /** As root: the folder that chosen files are shown from while it runs. */
  function ownedAsApp(source: string, number: number): void {
    const { uid, gid, allocated } = spec.user;
    if (allocated) staged.push("--idmap", source, `${folder}/stage/${number}-all`, String(uid), String(gid));
  }

  function sourceOf(source: string, number: number): string {
    if (!spec.user.allocated) return source;
    const at = `${folder}/stage/${number}`;
    staged.push("--idmap", source, at, String(spec.user.uid), String(spec.user.gid));
    return at;
  }
}

/** The caller has asked the host for a place in memory before it asked for a plan. */
function noPlace(secret: string): never {
  throw new Error(`no place in memory for the secret ${secret}`);
}

/** The caller has seen to a screen before it asked for a plan. */
function noScreen(): never {
  throw new Error("no screen for a display");
}
