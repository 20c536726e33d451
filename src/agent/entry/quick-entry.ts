/**
 * Quick entry: how the helper asks for what `exec` does (helper/ask.c), so that no Node has to be started for it.
 *
 * It is asked at the agent's own socket, beside the contract: who asks is the same user, and the question is the same. Words
 * come and go each closed by a zero byte. The start script finds the helper in a file that lies there as long as it fits.
 *
 * Invariants
 * - What is allowed is decided where every other `exec` is decided, and recorded there. Here it is only put into words.
 * - Whatever is refused, or would need words for a person, is not answered here: the command line then asks the usual way.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { attachedBy } from "../../host/index.ts";
import type { Agent } from "../agent.ts";
import { QUIET, type AgentContext } from "../context.ts";
import { answerWords, isCurrent } from "./words.ts";

/** The number changes with the form of question or answer: another helper's question is then none. */
const PATH = "/skerry/enter/1";

interface Question {
  /** Of each standard stream: `t` a terminal, `f` a file, `n` a device, `p` all else. */
  readonly streams: string;
  readonly terminal: string;
  readonly name: string;
  readonly command: readonly string[];
}

function askFile({ places }: Pick<AgentContext, "places">): string {
  return `${places.runtime}/ask`;
}

/** Tells the start script of the helper, once that is the one of these sources. */
export async function offerQuickEntry({ context }: Agent): Promise<void> {
  const state = await context.helper.state();
  if (state.kind !== "built") return;
  const content = `${state.path}\n`;
  await context.performer.perform({ kind: "write-file", path: askFile(context), mode: 0o600, content }, QUIET);
}

/** @returns false where something else is asked for */
export function answerQuickEntry(agent: Agent, request: IncomingMessage, response: ServerResponse): boolean {
  return answerWords(PATH, request, response, async (asked) => {
    const question = readQuestion(asked);
    return question === undefined ? undefined : await wordsFor(question, agent, () => response.destroyed);
  });
}

/** @returns undefined for what the helper does not say so */
function readQuestion(words: readonly string[]): Question | undefined {
  const [streams = "", terminal = "", name = "", ...command] = words;
  if (!/^[tfnp]{3}$/.test(streams) || !/^[a-z][a-z0-9-]*$/.test(name) || command.length === 0) return undefined;
  return { streams, terminal, name, command };
}

async function wordsFor(
  { streams, terminal, name, command }: Question,
  agent: Agent,
  hungUp: () => boolean,
): Promise<readonly string[] | undefined> {
  const { context } = agent;
  if (!(await isCurrent(context))) return undefined;
  const entered = await agent.entered(name, { command, directory: "", terminal, purpose: "exec" });
  if (!entered.ok) return undefined;
  const attached = attachedBy(entered.value.argv, context.places.program);
  // A file is handed to no app as the file that it is; to a machine only what is in it goes.
  if (hungUp() || (streams.includes("f") && attached === undefined)) return undefined;
  const argv = await entered.value.record();
  if (attached === undefined) return ["run", ...argv];
  const { pid, startTicks } = attached.machine;
  return ["machine", String(pid), startTicks, ...attached.command];
}
