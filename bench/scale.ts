/** Many compartments at once: what the agent and each of them take, and how long it takes to start and to stop them. */
import { readdirSync, readFileSync } from "node:fs";
import type { InfoResponseJson, LaunchResponseJson, ListCompartmentsResponseJson } from "../src/contract/index.ts";
import { client, deployed, HOME, ownRecipe, skerry } from "./home.ts";
import type { Figure } from "./measure.ts";

const RECIPE = "bench";

/** Starts that are asked for at one time. */
const AT_ONCE = 8;

const agent = client();

export async function measureScale(many: number): Promise<readonly Figure[]> {
  ownRecipe(RECIPE, ["ripgrep"], "volumes:\n  data: { class: data, inside: /home/app/data }\n");
  deployed(RECIPE);
  skerry("run", "-q", RECIPE, "--", "true");
  const names = Array.from({ length: many }, (_, index) => `many-${index + 1}`);
  for (const name of names) await agent.call("Deploy", { recipe: RECIPE, name });
  try {
    const few = names.slice(0, 20);
    await inParallel(few, start);
    const rest = processesOfOurs();
    const perCompartment = rest.reduce((sum, { bytes }) => sum + bytes, 0) / few.length;
    const resident = await agentBytes();
    await inParallel(few, stop);

    const begun = performance.now();
    await inParallel(names, start);
    const started = performance.now();
    const running = (await listed()).length;
    if (running !== many) throw new Error(`${running} of ${many} compartments run`);
    await inParallel(names, stop);
    const stopped = performance.now();
    const left = [...readdirSync(`${HOME}/run/compartments`), ...processesOfOurs().map(({ pid }) => String(pid))];
    return [
      figure("agent with 20 compartments", mebibytes(resident), resident < 90 * 1e6, "under 90 MB"),
      figure("of ours for each idle compartment", mebibytes(perCompartment), perCompartment < 5e6, "under 5 MB"),
      figure(`${many} starts`, seconds(started - begun), started - begun < 10_000, "under 10 s"),
      figure(`${many} stops`, seconds(stopped - started), undefined, ""),
      figure("left of them", `${left.length} processes and folders`, left.length === 0, "nothing"),
    ];
  } finally {
    for (const { name = "" } of await listed()) await agent.call("Kill", { name });
    for (const name of names) await agent.call("Undeploy", { name, withData: true });
  }
}

function figure(what: string, value: string, reached: boolean | undefined, goal: string): Figure {
  return { what, value, against: "", ratio: undefined, goal, reached };
}

const mebibytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

export async function start(name: string): Promise<void> {
  const question = { wanted: { name, arguments: ["sleep", "1000"], directory: "/" }, background: true };
  const events = agent.stream<LaunchResponseJson>("Launch", question, new AbortController().signal);
  for (let event = await events.next(); ; event = await events.next()) {
    if (event.done !== true) continue;
    if (!event.value.ok) throw new Error(event.value.problem.text);
    return;
  }
}

export async function stop(name: string): Promise<void> {
  const killed = await agent.call("Kill", { name });
  if (!killed.ok) throw new Error(killed.problem.text);
}

async function listed() {
  const answer = await agent.call<ListCompartmentsResponseJson>("ListCompartments", {});
  return answer.ok ? (answer.value.compartments ?? []) : [];
}

export async function agentBytes(): Promise<number> {
  const info = await agent.call<InfoResponseJson>("Info", {});
  if (!info.ok) throw new Error(info.problem.text);
  const text = readFileSync(`/proc/${info.value.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? Number.NaN) * 1024;
}

/** Walls, their log keepers and bubblewrap: everything around the apps of this home, with its share of memory. */
function processesOfOurs(): readonly { readonly pid: number; readonly bytes: number }[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, "utf8");
      const program = words.split("\0")[0] ?? "";
      // bubblewrap's own command line holds nothing of the host's; its parent's does.
      const ours = program.endsWith("/skerry-helper")
        ? words.includes(HOME)
        : program.endsWith("/bwrap") && isBelowOurs(name);
      if (!ours) return [];
      const shares = readFileSync(`/proc/${name}/smaps_rollup`, "utf8");
      return [{ pid: Number(name), bytes: Number(/^Pss:\s+(\d+) kB/m.exec(shares)?.[1] ?? 0) * 1024 }];
    } catch {
      return [];
    }
  });
}

function isBelowOurs(pid: string): boolean {
  for (let at = pid; at !== "0" && at !== "1"; ) {
    const fields = readFileSync(`/proc/${at}/stat`, "utf8");
    at = fields.slice(fields.lastIndexOf(")") + 2).split(" ")[1] ?? "0";
    if (readFileSync(`/proc/${at}/cmdline`, "utf8").includes(HOME)) return true;
  }
  return false;
}

export async function inParallel(names: readonly string[], act: (name: string) => Promise<void>): Promise<void> {
  const waiting = [...names];
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await act(name);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
