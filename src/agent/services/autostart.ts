/**
 * Autostart: starts all that is to run from boot or log-in on, and says of each what became of it.
 *
 * Asked for again in the same session it changes nothing: what runs goes on, what was stopped or has ended stays so.
 */
import type { Result } from "../../result.ts";
import { deploymentNames, findDeployment } from "../catalogue.ts";
import type { Compartments } from "../compartments.ts";
import type { AgentContext, Work } from "../context.ts";
import { type AgentProblem, explain } from "../explain.ts";
import type { ReadyWatch } from "./readiness.ts";
import type { Services } from "./services.ts";
import { NO_WORDS, type WantedWords } from "../launch/wanted.ts";

export interface Autostarted {
  readonly name: string;
  /** `stays-down` was stopped by its owner, or has ended by itself; `waiting` is between two starts. */
  readonly outcome: "started" | "runs" | "stays-down" | "waiting" | "given-up" | "failed";
  /** What went wrong, for a person. */
  readonly text: string;
}

interface Parts {
  readonly context: AgentContext;
  readonly compartments: Compartments;
  readonly services: Services;
  readonly readiness: ReadyWatch;
  readonly launch: (words: WantedWords, work: Work) => Promise<Result<unknown, AgentProblem>>;
}

/** @param except - names that somebody else starts (systemd) */
export async function autostart(
  { context, compartments, services, readiness, launch }: Parts,
  except: readonly string[],
  work: Work,
): Promise<readonly Autostarted[]> {
  await compartments.look();
  const before = new Set(compartments.all().map(({ record }) => record.spec.id));
  const results: Autostarted[] = [];
  const failed = (name: string, problem: AgentProblem) =>
    results.push({ name, outcome: "failed", text: explain(problem).text });
  for (const name of (await deploymentNames(context)).filter((one) => !except.includes(one))) {
    if (work.signal.aborted) break;
    const found = await findDeployment(name, context);
    if (!found.ok) {
      failed(name, found.problem);
      continue;
    }
    const { service } = found.value.thing;
    if (!service.autostart) continue;
    const running = compartments.running(name);
    // One that is new was started just now, for one that links to it.
    const now = running !== undefined && !before.has(running.record.spec.id) ? "started" : undefined;
    const outcome = running === undefined ? staysSo(name, services) : (now ?? "runs");
    if (outcome !== undefined) {
      results.push({ name, outcome, text: "" });
      continue;
    }
    work.report({ kind: "phase", text: `starting ${name}` });
    const words = { ...NO_WORDS, name };
    const started = await launch(words, work);
    if (started.ok || started.problem.kind === "runs-already") results.push({ name, outcome: "started", text: "" });
    else {
      await services.tryLater(name, words, service.restart);
      failed(name, started.problem);
    }
  }
  return await Promise.all(
    results.map(async (result) => {
      if (result.outcome !== "started") return result;
      const ready = await readiness.wait(result.name, work);
      return ready.ok ? result : { ...result, outcome: "failed", text: explain(ready.problem).text };
    }),
  );
}

function staysSo(name: string, services: Services): Autostarted["outcome"] | undefined {
  const status = services.statusOf(name);
  if (status === undefined || status.untouched) return undefined;
  return status.state === "waiting" || status.state === "given-up" ? status.state : "stays-down";
}
