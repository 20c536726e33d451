/**
 * Launcher: a start in which nothing is left to decide, as a text that the start script reads. Pure.
 *
 * The text is a list of assignments and functions for a POSIX shell; every word of it that is not this file's own stands
 * in single quotes. What changes from start to start is three things: the start's id, the terminal and the arguments.
 *
 * Invariants
 * - The start script uses it only while everything that it was made from is provably unchanged: a launcher says what
 *   that is, and decides nothing by itself.
 * - A plan with a step that is not understood here has no launcher; it is then started the full way.
 */
import type { Program } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { Argv, Step } from "../step/index.ts";

/** One plan, made with a stand-in for the id; a second one, with another stand-in and with a terminal. */
export interface PlannedStart {
  readonly id: string;
  readonly terminal: string | undefined;
  readonly steps: readonly Step[];
  /** Without what locks the instance: the start script does that. */
  readonly argv: Argv;
  /** What the agent is to know of the start, as JSON. */
  readonly record: string;
}

export interface LauncherInputs {
  /** Text that tells which folders are meant: it changes with the environment. */
  readonly places: string;
  readonly bootId: string;
  /** Whole seconds since the boot, when it is too old. */
  readonly expires: number;
  readonly claim: string;
  /** Folder of all compartments, and of the records that the agent has not seen yet. */
  readonly compartments: string;
  readonly spool: string;
  readonly deployment: string;
  readonly recipe: string;
  readonly arguments: Program["arguments"];
  /** Files with what stat(1) says of them: device, inode, size and time of change. */
  readonly files: Stated;
  /** Folders with device and inode: what is in them may change. */
  readonly folders: Stated;
  /** Of these, those that are no links. */
  readonly plainFolders: readonly string[];
  /** A copy of the table of mounts has to be the same, since what is granted holds what is mounted below it. */
  readonly mountsMatter: boolean;
  /** Where a file would count if there were one. */
  readonly absent: readonly string[];
  /** For the owner, unless told to be quiet. */
  readonly notes: string;
}

export interface Stated {
  readonly paths: readonly string[];
  /** One line for each path. */
  readonly said: string;
}

/** For stat -L: the owner may keep files elsewhere, and what is edited there is what counts. */
export const FILE_FORMAT = "%d %i %s %.9Z";
export const FOLDER_FORMAT = "%d %i";

export interface NoLauncher {
  readonly kind: "no-launcher";
  readonly because: string;
}

/** Splits a plan's steps: what can be done once and stays, and what each start has to do anew. */
function splitSteps(
  steps: readonly Step[],
  id: string,
): Result<{ readonly once: readonly Step[]; readonly each: readonly EachStep[] }, NoLauncher> {
  const once: Step[] = [];
  const each: EachStep[] = [];
  for (const step of steps) {
    const own = step.kind === "make-folder" || step.kind === "make-cgroup";
    if (own && step.path.includes(id)) each.push(step);
    else if (!JSON.stringify(step).includes(id) && (own || step.kind === "write-file")) once.push(step);
    else return refusal({ kind: "no-launcher", because: `each start has to ${step.kind}` });
  }
  return success({ once, each });
}

type EachStep = Extract<Step, { kind: "make-folder" | "make-cgroup" }>;

/** @returns the launcher's text, and what is to be done once; a problem where the two plans differ in more than the three things */
export function launcherText(
  plain: PlannedStart,
  withTerminal: PlannedStart,
  inputs: LauncherInputs,
): Result<{ readonly text: string; readonly once: readonly Step[] }, NoLauncher> {
  const split = splitSteps(plain.steps, plain.id);
  if (!split.ok) return split;
  const terminalAt = terminalIn(plain, withTerminal);
  if (terminalAt === undefined)
    return refusal({ kind: "no-launcher", because: "two plans of one start differ in more than id and terminal" });
  const word = (text: string) => quoteWithId(text, plain.id);
  const folders = split.value.each.filter((step) => step.kind === "make-folder");
  const groups = split.value.each.filter((step) => step.kind === "make-cgroup");
  const settings = groups.flatMap(({ path, settings: all }) =>
    Object.entries(all).map(([file, value]) => `printf %s ${quote(value)} >${word(`${path}/${file}`)}`),
  );
  // One mode for all: what lies in the first is reached through it, and mounts hide the others' own.
  const mode = (folders[0]?.mode ?? 0o700).toString(8);
  const rooms = [...folders, ...groups].map(({ path }) => word(path));
  const argv = plain.argv.map(word);
  const paths = [...inputs.folders.paths, ...inputs.files.paths];
  const lines = [
    "# Written by Skerry, and used only while nothing of what it was made from has changed.",
    `places=${quote(inputs.places)}`,
    `boot_id=${quote(inputs.bootId)}`,
    `expires=${inputs.expires}`,
    `claim=${quote(inputs.claim)}`,
    `compartments=${quote(inputs.compartments)}`,
    `spool=${quote(inputs.spool)}`,
    `deployment=${quote(inputs.deployment)}`,
    `recipe=${quote(inputs.recipe)}`,
    `takes=${inputs.arguments}`,
    `notes=${quote(inputs.notes)}`,
    `folders=${quote(inputs.folders.said === "" ? "" : `${inputs.folders.said}\n`)}`,
    `files=${quote(inputs.files.said)}`,
    // One call for both: each program that is started costs as much as reading a hundred files.
    func("stated", `stat -L -c ${quote(FILE_FORMAT)} -- ${paths.map(quote).join(" ")}`),
    func(
      "nothing_new",
      [
        ...inputs.absent.map((path) => `[ ! -e ${quote(path)} ]`),
        // Seen through a link, a folder that was moved elsewhere is still the same.
        ...inputs.plainFolders.map((path) => `[ ! -L ${quote(path)} ]`),
        // With -s, cmp(1) would compare sizes first, and files of the kernel's have none.
        ...(inputs.mountsMatter ? ['cmp "$launcher/mounts" /proc/self/mountinfo >/dev/null 2>&1'] : []),
        "true",
      ].join(" && "),
    ),
    func(
      "make_room",
      [
        `mkdir -m ${mode} -- ${folders.map(({ path }) => word(path)).join(" ")}`,
        ...(groups.length === 0 ? [] : [`mkdir -- ${groups.map(({ path }) => word(path)).join(" ")}`]),
        ...settings,
      ].join(" && "),
    ),
    // Only what is empty goes: nothing has been started in it.
    func("leave_room", `rmdir -- ${rooms.toReversed().join(" ")} 2>/dev/null || true`),
    func("write_record", `printf '%s\\0' ${word(plain.record)} "$$" "$terminal" "$@" >"$spool/$id"`),
    func(
      "begin",
      `exec /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin ${argv.slice(0, terminalAt).join(" ")} ` +
        `\${terminal:+--setenv} \${terminal:+TERM} \${terminal:+"$terminal"} ${argv.slice(terminalAt).join(" ")} "$@"`,
    ),
  ];
  return success({ text: `${lines.join("\n")}\n`, once: split.value.once });
}

/** Where in the command line the terminal's three words go; undefined where the plans differ otherwise. */
function terminalIn(plain: PlannedStart, other: PlannedStart): number | undefined {
  const same = (text: string) => text.replaceAll(other.id, plain.id);
  const words = other.argv.map(same);
  const at = words.findIndex((word, index) => word !== plain.argv[index]);
  const three = ["--setenv", "TERM", other.terminal];
  // Where the words before are alike, the three may be found one place later than they stand.
  for (let place = at; place >= 0 && place > at - 3; place--) {
    if (!three.every((word, index) => words[place + index] === word)) continue;
    const rest = words.toSpliced(place, 3);
    const alike = rest.length === plain.argv.length && rest.every((word, index) => word === plain.argv[index]);
    return alike ? place : undefined;
  }
  return undefined;
}

function func(name: string, body: string): string {
  return `${name}() { ${body}; }`;
}

/** One word for a POSIX shell, whatever is in it; a shell's word holds no NUL. */
export function quote(text: string): string {
  if (text.includes("\0")) throw new Error("a shell's word cannot hold a NUL");
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The same, with the shell's own id for the stand-in. */
function quoteWithId(text: string, id: string): string {
  return text.split(id).map(quote).join('"$id"');
}
