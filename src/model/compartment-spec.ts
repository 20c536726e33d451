/**
 * Compartment spec: all that a backend is told about one start, and nothing about how to do it.
 *
 * A spec is what is left when the deployment, the image and every grant have been resolved. All backends read the same
 * spec, so an app can move to another wall by one line of its deployment.
 *
 * Invariants
 * - Sealed by default: with no contributions the app sees its own root and nothing else.
 * - Complete: whatever is not in the spec does not reach the compartment.
 * - Plain data: it survives JSON, so it can be logged, compared, sent to an agent and shown to a user.
 */
import type { DiskFile, OwnMachine } from "./disk.ts";
import type { ShownScreen } from "./display.ts";
import type { Limits, NetworkZone, VmmName } from "./deployment.ts";
import type { NetworkRule } from "./network-rule.ts";
import type { CardGrant } from "./pci.ts";
import type { Publish } from "./publish.ts";
import type { SecretSource } from "./secret.ts";

/** One thing let through the wall. The list is closed: a new kind is a decision, not an option. */
export type Contribution =
  /** A host folder or file appears at `target`. */
  | { readonly kind: "bind"; readonly source: string; readonly target: string; readonly access: "read" | "write" }
  /** A host folder appears at `target` and can be written; what is written goes to a folder of the instance's own. */
  | { readonly kind: "copy"; readonly request: string; readonly source: string; readonly target: string }
  /** Chosen files below a host folder appear below `target`; each is opened without following links out of it. */
  | {
      readonly kind: "pick";
      readonly source: string;
      /** Names; with `found` patterns as well. */
      readonly files: readonly string[];
      /** What the patterns meant when it was looked; this follows the folder while the app runs. */
      readonly found?: readonly string[];
      readonly target: string;
    }
  /** An empty read-only folder appears at `target`: also what hides a part of a bind that lies below it. */
  | { readonly kind: "empty-folder"; readonly target: string }
  /** For now a folder without permissions at `target`: over it, what the request gets is shown while the app runs. */
  | { readonly kind: "slot"; readonly request: string; readonly target: string }
  /** A folder in memory, private to one run, appears at `target`. */
  | { readonly kind: "memory-folder"; readonly target: string }
  /** A small read-only file with this content appears at `target`. */
  | { readonly kind: "file"; readonly target: string; readonly content: string }
  | { readonly kind: "variable"; readonly name: string; readonly value: string }
  /** A read-only file in memory, readable by the app's user alone. What is in it is nowhere in a spec. */
  | { readonly kind: "secret"; readonly name: string; readonly source: SecretSource }
  /** The internet, and of the host's own surroundings only the zones named. */
  | { readonly kind: "network"; readonly zones: readonly NetworkZone[] }
  /** A network in which only what a rule names is reached; `empty`: names resolve, and nothing answers. */
  | {
      readonly kind: "named-network";
      readonly request: string;
      readonly rules: readonly NetworkRule[];
      readonly empty?: boolean;
    }
  /** The socket of a screen appears where `displayInside` says; `through`: of that instance's, which shows windows of many. */
  | { readonly kind: "display"; readonly request: string; readonly screen: ShownScreen; readonly through?: string }
  /** A network card that leads to a provider's machine and nowhere else; `rules`: only those ways, and no names. */
  | {
      readonly kind: "port";
      readonly request: string;
      readonly through: string;
      readonly zones: readonly NetworkZone[];
      readonly rules?: readonly NetworkRule[];
    }
  /** A network card of the host's, whole, is its way out. */
  | { readonly kind: "card"; readonly request: string; readonly card: CardGrant }
  /** It is such a provider: a second card, at which are the ports of those that go through it. */
  | { readonly kind: "ports" }
  /** One TCP port of another instance is reached under a host name. */
  | { readonly kind: "link"; readonly to: string; readonly port: number; readonly as: string }
  /** A disk of a system of its own. What lies below is read only, and what differs from it is in `file`. */
  | {
      readonly kind: "disk";
      readonly name: string;
      readonly as: "disk" | "cdrom";
      readonly file: DiskFile;
      readonly below?: DiskFile;
      readonly access: "read" | "write";
      /** Of the instance's own: bytes that it and its snapshots can ever hold. */
      readonly mostBytes?: number;
    }
  /** One TCP port of its own is reached from the host, at that place and no other. */
  | ({ readonly kind: "publish" } & Publish);

export interface CompartmentSpec {
  /** The instance's name. */
  readonly name: string;
  /** Unique for this start: `NAME.` and eight lower-case hexadecimal digits. */
  readonly id: string;
  /** Host folders of the image's layers, the topmost first. */
  readonly layers: readonly string[];
  /** Program and arguments inside the compartment; never passed through a shell. */
  readonly command: readonly [string, ...string[]];
  /** Working directory inside. */
  readonly directory: string;
  readonly user: CompartmentUser;
  /** In order; order decides which bind lies on top. */
  readonly contributions: readonly Contribution[];
  readonly limits: Limits;
  /** Limits that the owner accepts to go without: `memory`, `tasks`, `cpu`. */
  readonly acceptWeaker: readonly string[];
  readonly ownSandbox: boolean;
  /** For a backend that boots: which program is to run the machine, where the owner has said so. */
  readonly vmm?: VmmName;
  /** Its command is the first program of a system, which brings up the rest: it needs a machine of its own. */
  readonly guest?: "system";
  /** It brings its own kernel, on its disks; there are no layers, and no wall of ours around what runs inside. */
  readonly system?: OwnMachine;
  /** The compartment ends with the program that started it (`run --rm`). */
  readonly endsWithCaller: boolean;
}

/** Whom the app's processes are, inside and outside alike. */
export interface CompartmentUser {
  readonly uid: number;
  readonly gid: number;
  /** Skerry itself runs as root, and must become this user before anything of the app runs. */
  readonly allocated: boolean;
}
