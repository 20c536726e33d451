/**
 * Steps: everything Skerry may do to a host, as data.
 *
 * Decisions are made before anything is done. Planning returns a list of steps; `plan` prints it, the tests compare it,
 * and host/perform.ts is the one place that acts on it. If a thing is not in this union, Skerry does not do it.
 */
import { createHash } from "node:crypto";
import type { SecretSource } from "../model/index.ts";
import { unreachable } from "../result.ts";
import type { ArchiveEntry } from "./archive.ts";
import type { ExportedDocument, ExportedLayer, TreeTask } from "./tree.ts";

export type Step =
  | { readonly kind: "make-folder"; readonly path: string; readonly mode: number; readonly owner?: Owner }
  | {
      readonly kind: "write-file";
      readonly path: string;
      readonly mode: number;
      readonly content: string | Uint8Array;
      /** Its name says its content: where it is there, it is left as it is. */
      readonly namedByContent?: boolean;
    }
  /** Writes a small archive for a virtual machine to read (cpio, filled up to whole disk sectors). */
  | {
      readonly kind: "write-archive";
      readonly path: string;
      readonly mode: number;
      readonly entries: readonly ArchiveEntry[];
      /** It is filled up to a multiple of so many bytes; of a disk's sector without it. */
      readonly fillBytes?: number;
    }
  /** Takes a kernel and a first root in memory for virtual machines out of package files, of which none is executed. */
  | {
      readonly kind: "make-guest";
      readonly kernel: string;
      readonly tools: readonly string[];
      /** Names of kernel modules; what they depend on comes along. */
      readonly modules: readonly string[];
      /** Besides those, of a machine that is a system of its own. */
      readonly systemModules: readonly string[];
      /** Skerry's own helper program, for inside. */
      readonly helper: string;
      /** Text of the first program inside. */
      readonly init: string;
      readonly folder: string;
    }
  /** Removes a folder with all that is in it, also what belongs to the user's subordinate ids. Follows no link. */
  | { readonly kind: "remove-tree"; readonly path: string }
  /**
   * Writes, or without content removes, a file that the owner's session reads (model/session-places.ts). Only where it is
   * still as it was found.
   */
  | {
      readonly kind: "replace-session-file";
      readonly path: string;
      readonly before: string | undefined;
      readonly content: string | undefined;
    }
  | {
      readonly kind: "rename";
      readonly from: string;
      readonly to: string;
      /** A folder whose name says its content: where another has put it there meanwhile, that one is kept. */
      readonly namedByContent?: boolean;
    }
  /** Brings one file of known content into the store, from the first address that has it. */
  | {
      readonly kind: "fetch";
      readonly uris: readonly string[];
      readonly path: string;
      readonly sha256: string;
      readonly size: number;
    }
  /** Runs a host program to its end. */
  | {
      readonly kind: "run";
      readonly why: string;
      readonly argv: Argv;
      readonly environment: Environment;
      /** For its standard input; empty without it. */
      readonly input?: string;
      /** Lines of JSON on its standard error, `{"done": 1, "total": 2}`, say how far it is. */
      readonly reports?: boolean;
    }
  /** Runs programs one after another in new user and mount namespaces that hold all of the user's ids. */
  | {
      readonly kind: "run-inside";
      readonly why: string;
      readonly commands: readonly InsideCommand[];
      /** Folder that they fill. They are ended before its disk is full. */
      readonly fills?: string;
    }
  /** Writes an image for its owner, outside Skerry's own folders, where nothing is: as a folder or as one archive. */
  | {
      readonly kind: "export-image";
      readonly target: string;
      /** Where it is written before it gets its name: `.NAME.8 hex digits.part` in the same folder. */
      readonly beside: string;
      readonly form: "folder" | "tar";
      readonly documents: readonly ExportedDocument[];
      readonly layers: readonly ExportedLayer[];
    }
  /** Removes what an export that was killed has left beside its target. */
  | { readonly kind: "remove-part"; readonly beside: string }
  /** Reads a plain file of a stranger's making; its text is the step's answer. */
  | {
      readonly kind: "read-document";
      readonly path: string;
      readonly maxBytes: number;
      readonly expected?: { readonly sha256: string; readonly size: number };
    }
  /** Brings the files of an image layout out of a tar archive, into a new folder of Skerry's own. */
  | { readonly kind: "unpack-layout"; readonly archive: string; readonly folder: string }
  /**
   * Works on a layer's files in such namespaces. Its answer is JSON: see tree.ts.
   *
   * `reads` is a plain file that it is handed open, since its path means nothing there.
   */
  | { readonly kind: "work-on-tree"; readonly why: string; readonly task: TreeTask; readonly reads?: string }
  /** Reads a secret of the owner's and keeps it in memory, in a folder of one start. The step holds nothing of it. */
  | {
      readonly kind: "keep-secret";
      readonly folder: string;
      readonly name: string;
      readonly source: SecretSource;
      readonly owner?: Owner;
    }
  /** Removes the secrets of a start. */
  | { readonly kind: "drop-secrets"; readonly id: string }
  /**
   * Gives a PCI device of the host's to a driver: to that which hands devices to programs (vfio-pci), or, without a name,
   * back to the one that the host would choose.
   */
  | {
      readonly kind: "bind-device";
      readonly address: string;
      readonly driver: "vfio-pci" | undefined;
      /** Of the device's group below /dev/vfio, and whose it is to be. */
      readonly group?: string;
      readonly owner?: Owner;
    }
  /** Makes a control group and sets its files, in order. */
  | { readonly kind: "make-cgroup"; readonly path: string; readonly settings: Readonly<Record<string, string>> }
  /** Starts a compartment and leaves it running. */
  | { readonly kind: "start-wall"; readonly id: string; readonly argv: Argv };

export type Argv = readonly [string, ...string[]];

export type Environment = Readonly<Record<string, string>>;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface InsideCommand {
  /** What a person reads while it runs: `unpack libc6`. */
  readonly label: string;
  readonly argv: Argv;
  readonly environment: Environment;
  /** A program whose output becomes this one's input. */
  readonly source?: Argv;
  /** Its output is part of the step's answer, under this name. */
  readonly capture?: string;
}

/** A small file that many starts have in common: its name is the digest of its mode and content, so it is written once. */
export function fileByContent(folder: string, content: string | Uint8Array, mode: number) {
  const name = createHash("sha256").update(`${mode}\0`).update(content).digest("hex").slice(0, 32);
  const step = { kind: "write-file", path: `${folder}/${name}`, mode, content, namedByContent: true } as const;
  return { folder, name, path: step.path, step };
}

/** Lines for a person: what `plan` prints, and what the golden plans in the tests hold. */
export function describe(step: Step): readonly string[] {
  switch (step.kind) {
    case "make-folder": {
      const owner = step.owner === undefined ? "" : ` for ${step.owner.uid}:${step.owner.gid}`;
      return [`make folder ${quote(step.path)} (${octal(step.mode)}${owner})`];
    }
    case "write-file":
      return [`write file ${quote(step.path)} (${octal(step.mode)}, ${Buffer.byteLength(step.content)} bytes)`];
    case "write-archive":
      return [
        `write archive ${quote(step.path)} (${octal(step.mode)}):`,
        ...step.entries.map(({ kind, path }) => `  ${kind} ${quote(path)}`),
      ];
    case "make-guest":
      return [`take a kernel and its first root out of ${1 + step.tools.length} packages to ${quote(step.folder)}`];
    case "remove-tree":
      return [`remove ${quote(step.path)} with all that is in it`];
    case "replace-session-file":
      return [`${step.content === undefined ? "remove" : "write"} session file ${quote(step.path)}`];
    case "rename":
      return [`rename ${quote(step.from)} to ${quote(step.to)}`];
    case "fetch":
      return [`fetch ${step.uris[0] ?? ""} (${step.size} bytes, sha256 ${step.sha256})`];
    case "run":
      return [`run, ${step.why}: ${commandLine(step.argv)}`];
    case "run-inside":
      return [
        `run in namespaces of its own, ${step.why}:`,
        ...step.commands.map((command) => `  ${insideLine(command)}`),
      ];
    case "export-image":
      return [`write an image layout of ${step.layers.length} layers to ${quote(step.target)}`];
    case "remove-part":
      return [`remove the unfinished export ${quote(step.beside)}`];
    case "read-document":
      return [`read ${quote(step.path)}`];
    case "unpack-layout":
      return [`unpack the image layout in ${quote(step.archive)} to ${quote(step.folder)}`];
    case "work-on-tree":
      return [`${step.why}: ${step.task.kind} files in namespaces of its own`];
    case "keep-secret":
      return [`read secret ${step.name} from ${sourceLine(step.source)} into memory, at ${quote(step.folder)}`];
    case "drop-secrets":
      return [`remove the secrets of ${step.id}`];
    case "bind-device":
      return bindLines(step);
    case "make-cgroup":
      return [
        `make control group ${quote(step.path)}`,
        ...Object.entries(step.settings).map(([file, value]) => `  ${file} = ${value}`),
      ];
    case "start-wall":
      return [`start ${step.id}: ${commandLine(step.argv)}`];
    default:
      return unreachable(step);
  }
}

function bindLines({ address, driver, group, owner }: Extract<Step, { kind: "bind-device" }>): readonly string[] {
  return [
    `give the PCI device ${address} ${driver === undefined ? "back to the host's own driver" : `to ${driver}`}`,
    `  ${driver ?? "nothing"} > /sys/bus/pci/devices/${address}/driver_override`,
    `  ${address} > /sys/bus/pci/devices/${address}/driver/unbind`,
    `  ${address} > /sys/bus/pci/drivers_probe`,
    ...(group === undefined || owner === undefined ? [] : [`  /dev/vfio/${group} is then ${owner.uid}:${owner.gid}'s`]),
  ];
}

function sourceLine(source: SecretSource): string {
  if (source.kind === "file") return quote(source.path);
  return source.kind === "keyring" ? "the keyring" : commandLine(source.command);
}

function insideLine(command: InsideCommand): string {
  const source = command.source === undefined ? "" : `${commandLine(command.source)} | `;
  return `${command.label}: ${source}${commandLine(command.argv)}`;
}

/** A command as one would type it. For reading only: nothing that Skerry runs is ever made from such a line. */
export function commandLine(argv: readonly string[]): string {
  return argv.map(quote).join(" ");
}

/** Quotes a word only where a shell would need it, and shows what a terminal would act on as an escape. */
function quote(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (/^[\x20-\x7e]*$/.test(word)) return `'${word.replaceAll("'", `'\\''`)}'`;
  const escaped = [...word].map((char) => (/[\x20-\x7e]/.test(char) && !/['\\]/.test(char) ? char : escapeBytes(char)));
  return `$'${escaped.join("")}'`;
}

function escapeBytes(char: string): string {
  return [...Buffer.from(char)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
