/** What asks stand on in the agent: its clock, its record, the answers that it keeps, and the owner's desktop. */
import { escapeText, type HostFacts, type Places } from "../../model/index.ts";
import { cleanEnvironment, readTextIfThere, runProgram } from "../../host/index.ts";
import { type AgentContext, QUIET } from "../context.ts";
import { ASK_LIMITS, Asks, type AsksWorld, type Remembered, type Waiting } from "./asks.ts";

const answersFile = ({ state }: Places) => `${state}/answers.json`;

/** @param writeDown - puts an answer for ever into the deployment */
export function makeAsks(context: AgentContext, writeDown: AsksWorld["writeDown"]): Asks {
  const asks: Asks = new Asks(
    {
      now: () => Date.now(),
      after(milliseconds, act) {
        const timer = setTimeout(act, milliseconds);
        return () => clearTimeout(timer);
      },
      async record({ instance, compartment, request, target }, id, about) {
        const question = { instance, id: compartment, request, target, question: id };
        const done = await context.audit.append(
          about.kind === "asked" ? { kind: "ask", ...question } : { ...about, kind: "answer", ...question },
        );
        return done.ok ? undefined : done.problem.because;
      },
      async keep(answers) {
        const content = `${JSON.stringify({ skerry: "answers/1", answers }, undefined, 1)}\n`;
        const step = { kind: "write-file", path: answersFile(context.places), mode: 0o600, content } as const;
        const kept = await context.performer.perform(step, QUIET);
        return kept.ok ? undefined : `${answersFile(context.places)}: ${kept.problem.kind}`;
      },
      writeDown,
      show: (waiting, signal) => void notify(waiting, signal, context, asks),
    },
    context.answers,
  );
  return asks;
}

/** What is no such file any more is as good as no answer: the owner is asked again. */
export async function readAnswers(places: Places): Promise<readonly Remembered[]> {
  try {
    const kept: { readonly answers?: readonly Remembered[] } = JSON.parse(
      (await readTextIfThere(answersFile(places))) ?? "{}",
    );
    const isAnswer = (one: Remembered) =>
      [one.instance, one.request, one.target, one.until].every((text) => typeof text === "string") &&
      typeof one.allow === "boolean";
    return Array.isArray(kept.answers) ? kept.answers.filter(isAnswer) : [];
  } catch {
    return [];
  }
}

/** On the owner's desktop, with two buttons. Source: notify-send(1); those without buttons show the text. */
async function notify(waiting: Waiting, signal: AbortSignal, context: AgentContext, asks: Asks): Promise<void> {
  const program = programOf(context.facts);
  const bus = context.session.environment["DBUS_SESSION_BUS_ADDRESS"];
  if (program === undefined || bus === undefined) return;
  const { id, instance, target } = waiting;
  const text = `${escapeText(target, 200)}\nskerry answer ${id} allow|deny`;
  const ended = await runProgram(
    [
      ...([program, "--app-name=Skerry", `--expire-time=${ASK_LIMITS.waitMs}`] as const),
      ...["--wait", "--action=allow=Allow while it runs", "--action=deny=Deny while it runs"],
      ...["--", `${instance} asks`, text],
    ],
    { signal, environment: { ...cleanEnvironment(), DBUS_SESSION_BUS_ADDRESS: bus } },
  );
  if (!ended.ok) return;
  const action = ended.value.stdout.trim();
  if (action === "allow" || action === "deny")
    await asks.answer(id, action === "allow", { kind: "session" }, "notification");
}

function programOf({ programs }: HostFacts): string | undefined {
  return programs["notify-send"]?.path;
}
