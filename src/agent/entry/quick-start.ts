/**
 * Quick start: how the helper asks for what `run` does with a virtual machine (helper/ask.c), so that no Node has to be
 * started for it. Containers have launchers instead, which need no agent either.
 *
 * Invariants
 * - What is started is decided where every other start is decided, and recorded there. Here it is only put into words.
 * - What is refused, or takes work whose progress is to be shown, is declined: the command line then asks the usual way.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Agent } from "../agent.ts";
import { findDeployment } from "../catalogue.ts";
import type { Work } from "../context.ts";
import { linesOf } from "../launch/launcher-files.ts";
import { boots } from "../launch/machine.ts";
import { NO_WORDS, type WantedWords } from "../launch/wanted.ts";
import { answerWords, isCurrent } from "./words.ts";

/** The number changes with the form of question or answer. */
const PATH = "/skerry/start/1";

interface Question {
  readonly quiet: boolean;
  /** Who becomes the wall. */
  readonly caller: number;
  readonly wanted: WantedWords;
}

/** @returns false where something else is asked for */
export function answerQuickStart(agent: Agent, request: IncomingMessage, response: ServerResponse): boolean {
  return answerWords(PATH, request, response, async (asked) => {
    const question = readQuestion(asked);
    return question === undefined ? undefined : await wordsFor(question, agent, response);
  });
}

/** Of the streams a file would be handed on with all its rights: that is not for here. */
function readQuestion(words: readonly string[]): Question | undefined {
  const [streams = "", terminal = "", flags = "", pid = "", directory = "", name = "", ...given] = words;
  if (!/^[tnp]{3}$/.test(streams) || !/^-q?c?$/.test(flags) || !/^[1-9]\d{0,9}$/.test(pid)) return undefined;
  if (!/^[a-z][a-z0-9-]*$/.test(name) || !directory.startsWith("/")) return undefined;
  const clone = flags.includes("c");
  return {
    quiet: flags.includes("q"),
    caller: Number(pid),
    wanted: { ...NO_WORDS, name, arguments: given, directory, terminal, ...(clone ? { clone } : {}) },
  };
}

async function wordsFor(
  { quiet, caller, wanted }: Question,
  agent: Agent,
  response: ServerResponse,
): Promise<readonly string[] | undefined> {
  if (!(await isCurrent(agent.context))) return undefined;
  const found = await findDeployment(wanted.name, agent.context);
  if (!found.ok || !boots(found.value.thing)) return undefined;
  const planned = await agent.plan(wanted);
  if (!planned.ok || !planned.value.imageBuilt) return undefined;
  // Work with a progress, and a caller who has gone, end it where it is.
  const ending = new AbortController();
  const work: Work = { signal: ending.signal, report: () => ending.abort() };
  response.once("close", () => ending.abort());
  const launched = await agent.launch(wanted, caller, work);
  if (!launched.ok) return undefined;
  const { argv, notes } = launched.value;
  return ["start", quiet ? "" : notes.flatMap(linesOf).join("\n"), ...argv];
}
