/**
 * Session files of an instance: its unit of systemd and its entry in menus, written and removed as the deployment says.
 *
 * What somebody else wrote, or edited since Skerry wrote it, is left alone and said (session/marked.ts).
 */
import { type Deployment, isOfSession, type Recipe } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { AGENT_UNIT, agentUnit, desktopEntry, entryName, instanceUnit, unitName, whose } from "../../session/index.ts";
import type { StepProblem } from "../../step/index.ts";
import { type AgentContext, QUIET } from "../context.ts";

export type SessionProblem =
  | StepProblem
  | { readonly kind: "not-ours"; readonly path: string; readonly whose: "edited" | "foreign" };

/** What has a window is of use in menus only where the session's own screen is let in. */
function showsWindows({ requests, answers }: Deployment, recipe: Recipe): boolean {
  return Object.entries({ ...recipe.requests, ...requests }).some(
    ([name, { service }]) =>
      service === "display" && Object.hasOwn(answers, name) && isOfSession(answers[name]?.answer ?? "deny"),
  );
}

type Answer<Value> = Promise<Result<Value, SessionProblem>>;

/** @returns the paths of the units, the instance's first */
export async function writeUnits({ name, service }: Deployment, context: AgentContext): Answer<readonly string[]> {
  const { session, places, facts } = context;
  const wanted = {
    program: `${places.program}/skerry`,
    environment: session.environment,
    system: facts.uid === 0,
    version: Number.parseInt(facts.programs["systemctl"]?.version ?? "0", 10) || 0,
  };
  const files = [
    { path: unitPath(name, context), text: instanceUnit(name, service, wanted) },
    { path: `${session.places.units}/${AGENT_UNIT}`, text: agentUnit(wanted) },
  ];
  for (const { path, text } of files) {
    const written = await replace(path, text, context);
    if (!written.ok) return written;
  }
  return success(files.map(({ path }) => path));
}

/** Removes the instance's unit, and with the last one the agent's. */
export async function removeUnits(name: string, context: AgentContext): Answer<void> {
  const { units } = context.session.places;
  const removed = await replace(unitPath(name, context), undefined, context);
  if (!removed.ok) return removed;
  const left = (await context.performer.list(units)).filter((file) => /^skerry-.*\.service$/.test(file));
  return left.length === 1 && left[0] === AGENT_UNIT
    ? await replace(`${units}/${AGENT_UNIT}`, undefined, context)
    : success(undefined);
}

/** Puts the instance into menus where its recipe has something for them, else takes it out. */
export async function writeEntry(deployment: Deployment, recipe: Recipe, context: AgentContext): Answer<void> {
  const { places, environment } = context.session;
  const path = entryPath(deployment.name, context);
  if (path === undefined) return success(undefined);
  const program = recipe.programs[deployment.program ?? Object.keys(recipe.programs)[0] ?? ""];
  const text =
    recipe.desktop === undefined ||
    places.applications === undefined ||
    !(recipe.desktop.terminal || showsWindows(deployment, recipe))
      ? undefined
      : desktopEntry({
          instance: deployment.name,
          recipe: recipe.name,
          summary: recipe.summary,
          desktop: recipe.desktop,
          program: `${context.places.program}/skerry`,
          environment,
          takesFiles: program?.arguments === "files",
        });
  return await replace(path, text, context);
}

export async function removeEntry(name: string, context: AgentContext): Answer<void> {
  const path = entryPath(name, context);
  return path === undefined ? success(undefined) : await replace(path, undefined, context);
}

function unitPath(name: string, { session }: AgentContext): string {
  return `${session.places.units}/${unitName(name)}`;
}

function entryPath(name: string, { session }: AgentContext): string | undefined {
  const folder = session.places.applications;
  return folder === undefined ? undefined : `${folder}/${entryName(name)}`;
}

/** @param text - undefined takes the file away */
async function replace(path: string, text: string | undefined, { performer }: AgentContext): Answer<void> {
  let before: string | undefined;
  try {
    before = await performer.readText(path);
  } catch {
    // A link, a folder, or something that cannot be read: nothing of ours.
    return refusal({ kind: "not-ours", path, whose: "foreign" });
  }
  if (before === text) return success(undefined);
  const owner = before === undefined ? "ours" : whose(before);
  if (owner !== "ours") return refusal({ kind: "not-ours", path, whose: owner });
  const done = await performer.perform({ kind: "replace-session-file", path, before, content: text }, QUIET);
  return done.ok ? success(undefined) : done;
}
