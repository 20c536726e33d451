/** `changes`: what an app has written to its copy of a folder; listed, shown, applied, or thrown away. */
import type { ChangeJson, ChangesResponseJson, CopyChangesJson } from "../../contract/index.ts";
import { escapeText } from "../../model/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeDeployments } from "../names.ts";
import { complain, formatBytes, print, printJson, printTable, say, warn } from "../print.ts";
import { QUIET_FLAG } from "../wanted-flags.ts";
import type { World } from "../world.ts";

interface Flags {
  readonly diff: boolean;
  readonly apply: boolean;
  readonly discard: boolean;
  readonly force: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

export default defineCommand<Flags, string[]>({
  parameters: {
    flags: {
      diff: { kind: "boolean", brief: "Show what has changed within files.", default: false },
      apply: { kind: "boolean", brief: "Bring the changes into the real folder.", default: false },
      discard: { kind: "boolean", brief: "Throw the changes away.", default: false },
      force: { kind: "boolean", brief: "With --apply: also what conflicts.", default: false },
      json: JSON_FLAG,
      quiet: QUIET_FLAG,
    },
    aliases: { q: "quiet" },
    positional: {
      kind: "array",
      minimum: 1,
      parameter: {
        parse: String,
        brief: "Instance; then the request that was answered with copy, and paths in its folder.",
        placeholder: "NAME REQUEST PATH",
        proposeCompletions: proposeDeployments,
      },
    },
  },
  description: [
    "A folder that was granted as copy is never written; what the app changes there waits here. With no REQUEST it is",
    "all copies of the instance, with no PATH all changes; a PATH stands for what lies below it as well.",
    "",
    "A change conflicts where the real folder was changed after the app could see it. Such a one is listed and not",
    "applied, unless --force is given. The exit code is 1 where something that was asked for was not done.",
  ].join("\n"),
  examples: [
    "changes dev-shell",
    "changes dev-shell project src --diff",
    "changes dev-shell project src/main.c README.md --apply",
    "changes dev-shell --discard",
  ],
  async run(world, { diff, apply, discard, force, json, quiet }, name = "", request = "", ...paths) {
    const acts = [diff ? "diff" : [], apply ? "apply" : [], discard ? "discard" : []].flat();
    const [act = "list"] = acts;
    if (acts.length > 1 || (force && !apply)) {
      complain(world, "one of --diff, --apply and --discard; --force goes with --apply");
      return EXIT.usage;
    }
    const wanted = { name, request, paths: paths.map(cleaned), act, force };
    const answer = await follow<ChangesResponseJson>(world, "Changes", wanted, quiet || json);
    if (!answer.ok) return answer.problem.exit;
    const copies = answer.value.done?.copies ?? [];
    if (json) printJson(world, { name, copies });
    else if (copies.length === 0) say(world, `${name} has no copy of a folder`);
    else for (const copy of copies) show(world, name, act, copy);
    return copies.every((copy) => isDone(act, copy)) ? EXIT.done : EXIT.refused;
  },
});

/** As a shell completes it: `./src/`. */
function cleaned(path: string): string {
  return path.replace(/^(\.\/+)+/, "").replace(/\/+$/, "");
}

function isDone(act: string, { conflicts = 0, failed = 0, full = false, unchanged = [] }: CopyChangesJson): boolean {
  return unchanged.length === 0 && (act === "list" || act === "diff" || (conflicts === 0 && failed === 0 && !full));
}

function show(world: World, name: string, act: string, copy: CopyChangesJson): void {
  const { request = "", folder = "", changes = [], total = 0, settled = false, running = false, stale = [] } = copy;
  if (settled) say(world, `an apply to ${folder} was interrupted; what it had left half there has been cleared up`);
  if (act === "diff") for (const change of changes) showDiff(world, change);
  else if (act === "list") list(world, copy);
  else told(world, act, copy);
  if (changes.length < total && (act === "list" || act === "diff"))
    say(world, `${total - changes.length} more are not listed`);
  for (const path of copy.unchanged ?? []) complain(world, `${path} has not changed in the copy of ${folder}`);
  if (running && (act === "list" || act === "diff")) say(world, `${name} runs, and may change more`);
  if (running && stale.length > 0) {
    const some = stale.slice(0, 10).join(", ");
    warn(
      world,
      `${folder} was changed while ${name} runs; what it sees there is not certain until it is started again: ${some}${stale.length > 10 ? ", and more" : ""}`,
    );
  }
  const conflicts = changes.filter(({ conflict = "" }) => conflict !== "").length;
  if (act === "list" && conflicts > 0)
    say(world, `${conflicts} in conflict: ${folder} was changed there since; --apply leaves them out without --force`);
  for (const path of copy.startUp ?? []) warn(world, `${folder}/${path} runs when you log in or open a shell`);
  if (copy.full === true)
    complain(
      world,
      `no space is left on the disk of ${folder}; what was not applied waits on (skerry changes ${name} ${request})`,
    );
}

function list(world: World, { changes = [], request = "", folder = "" }: CopyChangesJson): void {
  say(world, `${request}: copy of ${folder}`);
  printTable(
    world,
    changes,
    [
      { title: "CHANGE", cell: ({ kind = "", conflict = "" }) => (conflict === "" ? kind : `${kind}, conflict`) },
      { title: "TYPE", cell: ({ type = "" }) => type },
      { title: "BYTES", cell: (change) => sizeOf(change), right: true },
      { title: "PATH", cell: ({ path = "", because = "" }) => (because === "" ? path : `${path} (${because})`) },
    ],
    "nothing has changed",
  );
}

function sizeOf({ type, kind, bytes = 0 }: ChangeJson): string {
  return type === "file" && kind !== "removed" ? formatBytes(Number(bytes)) : "";
}

/** What was done, and each that was not. */
function told(world: World, act: string, { changes = [], folder = "", done = 0 }: CopyChangesJson): void {
  const where = act === "apply" ? `applied to ${folder}` : `of the copy of ${folder} discarded`;
  print(world, `${done} ${done === 1 ? "change" : "changes"} ${where}`);
  for (const { path = "", outcome, conflict, because = "" } of changes) {
    const shown = escapeText(path, 4000);
    if (outcome === "conflict")
      warn(
        world,
        `${shown}: ${conflict === "removed-meanwhile" ? "was removed there meanwhile" : "was changed there meanwhile"}; left out`,
      );
    if (outcome === "failed") warn(world, `${shown}: ${because}; left out`);
  }
}

/** Tabs stay: a terminal does nothing with them but to move on, and differences are full of them. */
function showDiff(world: World, { kind = "", type = "", path = "", diff = "" }: ChangeJson): void {
  print(world, `${kind} ${type} ${path}`);
  for (const line of diff.split("\n").slice(0, -1)) {
    const shown = line.split("\t").map((part) => escapeText(part, 20_000));
    world.process.stdout.write(`${shown.join("\t")}\n`);
  }
}
