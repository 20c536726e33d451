/**
 * Session variables: what variables that were granted as they are hold in the owner's session.
 *
 * The session is that of the process that asks for the start. A start by itself, at boot or by a restart policy, has that
 * in which the agent was started. Nothing that was not granted is taken out of it.
 */
import type { Deployment, Recipe } from "../../model/index.ts";
import type { AgentContext } from "../context.ts";

interface From {
  readonly session?: number | undefined;
  /** Nothing is started: the values stay where they are. */
  readonly dry: boolean;
}

export async function grantedVariables(
  recipe: Pick<Recipe, "requests">,
  { requests, answers }: Pick<Deployment, "requests" | "answers">,
  { session, dry }: From,
  { performer }: Pick<AgentContext, "performer">,
): Promise<ReadonlyMap<string, string>> {
  const wanted = Object.entries({ ...recipe.requests, ...requests }).flatMap(([name, { variable }]) =>
    variable !== undefined && Object.hasOwn(answers, name) && answers[name]?.answer === "real" ? [variable] : [],
  );
  if (wanted.length === 0) return new Map();
  if (dry) return new Map(wanted.map((name) => [name, `(${name} of your session)`]));
  const environment = session === undefined ? process.env : await environmentOfProcess(session, performer);
  return new Map(
    wanted.flatMap((name) => {
      const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/** proc_pid_environ(5): as it was when the program began. */
export async function environmentOfProcess(
  pid: number,
  performer: AgentContext["performer"],
): Promise<Readonly<Record<string, string | undefined>>> {
  const text = (await performer.readText(`/proc/${pid}/environ`)) ?? "";
  const pairs = text.split("\0").flatMap((entry) => {
    const equals = entry.indexOf("=");
    return equals <= 0 ? [] : [[entry.slice(0, equals), entry.slice(equals + 1)] as const];
  });
  return Object.fromEntries(pairs);
}
