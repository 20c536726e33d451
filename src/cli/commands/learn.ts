/** `learn`: an app for one run with more than it was granted, watched; then the smallest answers that would have done. */
import type {
  BeginLearnResponseJson,
  PreviewLearnResponseJson,
  ProposeLearnedResponseJson,
} from "../../contract/index.ts";
import { agentOf, ask, follow } from "../ask-agent.ts";
import { attach, streamsFit } from "../attach.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { parseWatchedFolders } from "../learn-folders.ts";
import { proposeDeployments } from "../names.ts";
import { complain, say } from "../print.ts";
import { showLearned } from "../show-learned.ts";
import { QUIET_FLAG } from "../wanted-flags.ts";
import { askYes, type World } from "../world.ts";

interface Flags {
  readonly network: boolean;
  readonly folder?: readonly string[];
  readonly write: boolean;
  readonly yes: boolean;
  readonly quiet: boolean;
  readonly json: boolean;
}

/** What the program gets to end, where this command is asked to end. */
const GRACE_MS = 2000;

export default defineCommand<Flags, string[]>({
  parameters: {
    flags: {
      network: {
        kind: "boolean",
        brief: "Open every public name and address. So it is without any --folder, too.",
        default: false,
      },
      folder: {
        kind: "parsed",
        parse: String,
        brief: "REQUEST=FOLDER: open all of this folder for a request, and watch it.",
        placeholder: "WATCHED",
        variadic: true,
        optional: true,
      },
      write: { kind: "boolean", brief: "Write the proposal into the deployment, without asking.", default: false },
      yes: { kind: "boolean", brief: "Open it without asking.", default: false },
      quiet: QUIET_FLAG,
      json: JSON_FLAG,
    },
    positional: {
      kind: "array",
      minimum: 1,
      parameter: {
        parse: String,
        brief: "Name of the instance, and behind -- what the app is given.",
        placeholder: "NAME -- ARGUMENT",
        proposeCompletions: proposeDeployments,
      },
    },
    aliases: { q: "quiet", y: "yes" },
  },
  description: [
    "For this one run the app gets more than it was granted, with your word, and is watched: which names and ports it",
    "reaches, which files it opens. At its end you see the smallest answers that would have done. The deployment stays as",
    "it is until you have them written. End the app, press Ctrl-C, or run skerry stop NAME.",
    "With --json what the app prints goes to standard error.",
  ].join("\n"),
  examples: [
    "learn agent-shell --network",
    "learn ripgrep --folder folder=~/notes -- TODO",
    "learn dev-shell --network --folder project=. --yes --write -- -c make",
  ],
  async run(world, flags, name = "", ...words) {
    const folders = parseWatchedFolders(world, flags.folder ?? []);
    if (folders === undefined) return EXIT.usage;
    if (!streamsFit(world)) return EXIT.refused;
    const wish = { name, network: flags.network || folders.length === 0, folders: [...folders] };
    const preview = await ask<PreviewLearnResponseJson>(world, "LearnService/PreviewLearn", { wish });
    if (!preview.ok) return preview.problem.exit;
    const agreed = await agree(world, name, preview.value.opened ?? [], flags.yes);
    if (agreed !== undefined) return agreed;
    const question = {
      ...{ wish, arguments: words, directory: process.cwd(), callerPid: process.pid },
      terminal: world.terminal.output ? (world.environment["TERM"] ?? "dumb") : "",
    };
    const begun = await follow<BeginLearnResponseJson>(world, "LearnService/BeginLearn", question, flags.quiet);
    if (!begun.ok) return begun.problem.exit;
    const { argv = [], notes = [] } = begun.value.launched ?? {};
    if (!flags.quiet) for (const note of notes) say(world, note);
    const learned = await watched(world, name, argv, flags);
    return learned === undefined ? EXIT.unavailable : await conclude(world, name, learned, flags);
  },
});

/** Runs the app for as long as somebody watches it. @returns what was learned; undefined where that was said to be lost */
async function watched(
  world: World,
  name: string,
  argv: readonly string[],
  { write, json }: Flags,
): Promise<ProposeLearnedResponseJson | undefined> {
  const unwatched = new AbortController();
  // It is answered when the app has ended. Ctrl-C ends the app, and the answer is still wanted.
  const proposal = agentOf(world).call<ProposeLearnedResponseJson>("LearnService/ProposeLearned", { name, write });
  void proposal.then(({ ok }) => {
    if (!ok) unwatched.abort();
  });
  const signal = AbortSignal.any([world.signal, unwatched.signal]);
  const end: Parameters<typeof attach>[2] = (send) => {
    // What it has for being watched, it does not keep when nobody watches: another agent ends it.
    const asked = unwatched.signal.aborted
      ? agentOf(world).call("Kill", { name })
      : agentOf(world).call("Stop", { name, graceMs: GRACE_MS });
    void asked.then(({ ok }) => {
      if (!ok) send("SIGTERM");
    });
  };
  const code = await attach({ ...world, signal }, argv, end, json);
  const answer = await proposal;
  if (answer.ok) {
    if (code !== 0) say(world, `${name} ended with ${code}`);
    return answer.value;
  }
  complain(
    world,
    `${name} was ended, since nobody watches it any more, and nothing was learned: ${answer.problem.text}`,
  );
  return undefined;
}

/** @returns the exit code where it is not to be done */
async function agree(world: World, name: string, opened: readonly string[], yes: boolean): Promise<number | undefined> {
  say(world, `for this one run ${name} gets more than it was granted, and is watched:`);
  for (const line of opened) say(world, `  ${line}`);
  const agreed = yes ? "yes" : await askYes(world, "Open this until it ends?");
  if (agreed === "yes") return undefined;
  if (agreed === "no") return EXIT.refused;
  complain(world, "this is opened with your word only, and there is no terminal to ask on; add --yes");
  return EXIT.usage;
}

/** Shows what was learned, and has it written where that is wanted. */
async function conclude(
  world: World,
  name: string,
  learned: ProposeLearnedResponseJson,
  { write, json }: Flags,
): Promise<number> {
  showLearned(world, name, learned, { write, json });
  const { answers = [], file = "" } = learned;
  const open = answers.some(({ line = "", same = false }) => line !== "" && !same);
  if (write || json || !open || (await askYes(world, `Write this into ${file}?`)) !== "yes") return EXIT.done;
  const written = await ask(world, "LearnService/ProposeLearned", { name, write: true });
  return written.ok ? EXIT.done : written.problem.exit;
}
