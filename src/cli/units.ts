/** Units: asks systemd to take in, or to let go of, what Skerry has written for it. */
import { basename } from "node:path";
import { listIfThere, readTextIfThere } from "../host/files.ts";
import { cleanEnvironment, describeRunProblem } from "../host/run-program.ts";
import { SESSION_FILE_PATTERN, type SessionPlaces, sessionPlacesFrom } from "../model/session-places.ts";
import { AGENT_UNIT, unitName, whose } from "../session/index.ts";
import { complain } from "./print.ts";
import type { World } from "./world.ts";

function sessionPlacesOf({ environment, user }: World): SessionPlaces {
  return sessionPlacesFrom(environment, user.uid);
}

/** A manager runs that would start units of this user: root's is the system's. */
export async function hasSystemd(world: World): Promise<boolean> {
  // No manager looks below a home for trials.
  const { SKERRY_HOME = "", XDG_CONFIG_HOME = "" } = world.environment;
  if (SKERRY_HOME !== "" && (world.user.uid === 0 || XDG_CONFIG_HOME === "")) return false;
  const facts = await world.facts();
  return facts.ok && (world.user.uid === 0 ? facts.value.systemd.system : facts.value.systemd.user);
}

/** @returns false where systemd refused, which has been said */
export async function systemctl(world: World, ...words: readonly string[]): Promise<boolean> {
  const facts = await world.facts();
  const program = facts.ok ? (facts.value.programs["systemctl"]?.path ?? "systemctl") : "systemctl";
  const argv = [program, ...(world.user.uid === 0 ? [] : ["--user"]), ...words] as const;
  const { XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS } = world.environment;
  const ended = await world.run(argv, {
    environment: { ...cleanEnvironment(), XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS },
    signal: world.signal,
  });
  if (ended.ok && ended.value.code === 0) return true;
  const because = ended.ok ? ended.value.stderr.trim() : describeRunProblem(ended.problem);
  complain(world, `systemd refused (${argv.join(" ")}):\n  ${because}`);
  return false;
}

/**
 * Lets systemd forget an instance's unit, where there is one that Skerry wrote. What runs runs on.
 *
 * @returns what is to be called when the unit is gone
 */
export async function letGo(world: World, name: string): Promise<() => Promise<void>> {
  const unit = unitName(name);
  const text = await readTextIfThere(`${sessionPlacesOf(world).units}/${unit}`).catch(() => undefined);
  if (text === undefined || whose(text) === "foreign" || !(await hasSystemd(world))) return async () => {};
  await systemctl(world, "disable", unit);
  return async () => void (await systemctl(world, "daemon-reload"));
}

/** Units and menu entries as Skerry wrote them; what their owner has edited is not among them. */
export async function ownSessionFiles(world: World): Promise<readonly string[]> {
  const { units, applications } = sessionPlacesOf(world);
  const own: string[] = [];
  for (const folder of [units, ...(applications === undefined ? [] : [applications])]) {
    for (const name of (await listIfThere(folder)).filter((one) => SESSION_FILE_PATTERN.test(one))) {
      const text = await readTextIfThere(`${folder}/${name}`).catch(() => undefined);
      if (text !== undefined && whose(text) === "ours") own.push(`${folder}/${name}`);
    }
  }
  return own;
}

/** Instances that systemd starts: with a unit of Skerry's, edited or not. */
export async function startedBySystemd(world: World): Promise<readonly string[]> {
  if (!(await hasSystemd(world))) return [];
  const files = await listIfThere(sessionPlacesOf(world).units);
  return files.flatMap((file) => {
    const name = /^skerry-([a-z][a-z0-9-]*)\.service$/.exec(file)?.[1];
    return name === undefined || file === AGENT_UNIT ? [] : [name];
  });
}

/** Ends units and has systemd forget them, before their files go. */
export async function endUnits(world: World, files: readonly string[]): Promise<void> {
  const units = files.map((file) => basename(file)).filter((name) => name.endsWith(".service"));
  if (units.length > 0 && (await hasSystemd(world))) await systemctl(world, "disable", "--now", ...units);
}
