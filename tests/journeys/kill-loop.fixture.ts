/**
 * The kill loop: does something with an instance, kills something of Skerry's at a random moment, and holds what is left
 * to what must be true at any time.
 */
import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { unreachable } from "../../src/result.ts";
import { commandOf, done, listed, processesSaying, until } from "./life.fixture.ts";
import type { Trial } from "./trial.fixture.ts";

/** Only a trial's own instances have this name: control groups lie beside those of other trials. */
export const NAME = `victim-${randomBytes(4).toString("hex")}`;

/** Long enough for each of the acts to be over now and then. */
const LONGEST_MS = 700;

const VICTIMS = ["agent", "command", "wall", "everything"] as const;

export type Victim = (typeof VICTIMS)[number];

/** @param rounds - how often something is killed */
export async function killLoop(trial: Trial, rounds: number): Promise<void> {
  const mark = `mark-${randomBytes(6).toString("hex")}`;
  const content = randomBytes(16).toString("hex");
  await done(trial, ["deploy", "dev-shell", "--as", NAME]);
  await done(trial, ["run", "-q", NAME, "--", "-c", `echo ${content} > ~/data/kept`]);
  const app = ["--", "-c", `(setsid sleep 1000 &) ; exec -a ${mark} sleep 1000`];
  const acts: readonly (readonly string[])[] = [
    ["start", "-q", NAME, ...app],
    ["run", "-q", NAME, ...app],
    ["run", "-q", "--rm", NAME, ...app],
    ["stop", NAME],
    ["kill", NAME],
    ["freeze", NAME],
    ["exec", NAME, "--", "sh", "-c", `: ${mark}; echo x`],
    ["undeploy", NAME],
    ["deploy", "dev-shell", "--as", NAME],
  ];
  for (let round = 0; round < rounds; round++) {
    const act = acts[randomInt(acts.length)] ?? [];
    const victim = VICTIMS[randomInt(VICTIMS.length)] ?? "agent";
    const afterMs = randomInt(LONGEST_MS);
    const story = `round ${round}: ${act.slice(0, 3).join(" ")}, ${victim} killed after ${afterMs} ms`;
    const child = trial.begin(act);
    // Not its streams' end: an app that outlives its command holds them.
    const ended = once(child, "exit");
    await pause(afterMs);
    for (const pid of pidsOf(trial, victim, child.pid, mark)) kill(pid);
    // What was not killed may go on for ever.
    if (act[0] === "run") child.kill("SIGKILL");
    await ended;
    try {
      await holds(trial, mark);
    } catch (error) {
      throw new Error(`${story}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  // It may have ended by itself meanwhile.
  for (const { name } of await listed(trial)) await trial.skerry(["kill", name]);
  await until("nothing is left of any", () => leftOf(trial, mark, []).length === 0);
  if ((await trial.skerry(["describe", NAME])).code !== 0) await done(trial, ["deploy", "dev-shell", "--as", NAME]);
  assert.equal((await done(trial, ["run", "-q", NAME, "--", "-c", "cat ~/data/kept"])).stdout, `${content}\n`);
}

export function pidsOf(trial: Trial, victim: Victim, command: number | undefined, mark: string): readonly number[] {
  const ofHome = processesSaying(trial.home);
  const agents = ofHome.filter((pid) => commandOf(pid).includes("agent.lock")).flatMap((flock) => childrenOf(flock));
  switch (victim) {
    case "agent":
      return agents;
    case "command":
      return command === undefined ? [] : [command];
    case "wall":
      return ofHome.filter((pid) => commandOf(pid).includes("skerry-helper wall"));
    case "everything":
      return [...(command === undefined ? [] : [command]), ...agents, ...ofHome, ...processesSaying(mark)];
    default:
      return unreachable(victim);
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** What must be true whatever was killed: a command works, and tells of all that there is. */
async function holds(trial: Trial, mark: string): Promise<void> {
  await done(trial, ["ps"]);
  assert.match((await done(trial, ["audit", "verify"])).stdout, /is whole/);
  const left = () => leftOf(trial, mark, []);
  // What was killed with its caller, or never made, takes its moments to be cleared up.
  await until(
    () => `only what runs has traces; there are ${left().join(", ")}`,
    async () =>
      leftOf(
        trial,
        mark,
        (await listed(trial)).map(({ id }) => id),
      ).length === 0,
  );
  await haveProcesses(trial);
  const volume = `${trial.home}/data/volumes/${NAME}/data/kept`;
  assert.ok(existsSync(volume), "the data is there");
  const deployment = `${trial.home}/config/deployments/${NAME}.yaml`;
  if (existsSync(deployment))
    assert.match(readFileSync(deployment, "utf8"), /^recipe: dev-shell$/m, "no half deployment");
}

/** What is listed has a process, or will have one or be listed no more: its wall may be just on its way. */
export async function haveProcesses(trial: Trial): Promise<void> {
  let without: readonly string[] = [];
  await until(
    () => `what is listed has a process; without are ${without.join(", ")}`,
    async () => {
      const rows = await listed(trial);
      without = rows.filter(({ pid }) => commandOf(pid) === "").map(({ name, pid }) => `${name} (${pid})`);
      return without.length === 0;
    },
  );
}

/** Traces of compartments other than those: runtime folders, control groups, processes when nothing runs at all. */
export function leftOf(trial: Trial, mark: string, ids: readonly string[]): readonly string[] {
  const folder = `${trial.home}/run/compartments`;
  const folders = existsSync(folder) ? readdirSync(folder) : [];
  const instances = new RegExp(`^skerry-${NAME}[-.]`);
  const groups = groupsOf("/sys/fs/cgroup").filter((path) => instances.test(path.split("/").at(-1) ?? ""));
  const stray = [
    ...folders.filter((id) => !ids.includes(id)),
    ...groups.filter((path) => !ids.some((id) => path.endsWith(`skerry-${id}`))),
  ];
  const processes = ids.length > 0 ? [] : processesSaying(mark).map((pid) => `${pid} ${commandOf(pid)}`);
  return [...stray, ...processes];
}

function groupsOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => [`${folder}/${name}`, ...groupsOf(`${folder}/${name}`)]);
  } catch {
    // Removed while it was looked at.
    return [];
  }
}
