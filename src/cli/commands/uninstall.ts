/**
 * `skerry uninstall`: removes what Skerry has put on this host. Shows it first, and asks.
 *
 * Invariants
 * - The owner's files, and the apps' volumes and copies, go only with --with-data.
 * - Only folders of Skerry's own are removed, and no symbolic link is followed out of them.
 * - Nothing is removed under an app that runs, and no agent is left that would write to what is gone.
 */
import { readdir, rmdir } from "node:fs/promises";
import type { ListCompartmentsResponseJson } from "../../contract/index.ts";
import { describeRunProblem, folderSizes, removeTrees } from "../../host/index.ts";
import { type Result, success } from "../../result.ts";
import { agentOf, ask, type Failed } from "../ask-agent.ts";
import { defineCommand, YES_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { complain, formatBytes, print, say } from "../print.ts";
import { listRemovals } from "../removals.ts";
import { endUnits, ownSessionFiles } from "../units.ts";
import { askYes, type World } from "../world.ts";

export default defineCommand<{ readonly yes: boolean; readonly withData: boolean }>({
  parameters: {
    flags: {
      yes: YES_FLAG,
      withData: {
        kind: "boolean",
        brief: "Remove deployments, own recipes, and the apps' volumes and copies of folders, too.",
        default: false,
      },
    },
  },
  description: [
    "Removes images, caches, records, and the Node and libraries that Skerry has fetched. Deployments, own",
    "recipes, and the apps' volumes and copies of folders stay, unless --with-data is given. Debian packages stay.",
  ].join("\n"),
  examples: ["uninstall", "uninstall --yes --with-data"],
  async run(world, { yes, withData }) {
    const listed = await listRemovals(world.places, world.environment, { withData });
    if (!listed.ok) {
      complain(
        world,
        `SKERRY_HOME is ${listed.problem.path}, which is no folder of Skerry's own. Nothing was removed.`,
      );
      return EXIT.refused;
    }
    const session = await ownSessionFiles(world);
    const { keep } = listed.value;
    const remove = [...session, ...listed.value.remove];
    if (remove.length === 0) {
      print(world, "Nothing of Skerry's is on this host, but its own folder.");
      return EXIT.done;
    }
    const running = await namesOfRunning(world);
    if (!running.ok) return running.problem.exit;
    const sizes = await folderSizes(remove, world.run, world.user.uid);
    if (running.value.length > 0) say(world, `Uninstall would stop what runs: ${running.value.join(", ")}`);
    say(world, "Uninstall would remove");
    for (const path of remove) {
      const size = sizes.get(path);
      say(world, `- ${path}${size === undefined ? "" : ` (${formatBytes(size)})`}`);
    }
    if (keep.length > 0)
      say(world, ["It would keep (--with-data removes these, too)", ...keep.map((path) => `- ${path}`)].join("\n"));
    const agreed = yes
      ? "yes"
      : await askYes(world, withData ? "Remove this, with all data of the apps?" : "Remove this?");
    if (agreed === "cannot-ask") {
      complain(world, "there is no terminal to ask on. `skerry uninstall --yes` does not ask. Nothing was removed.");
      return EXIT.refused;
    }
    if (agreed === "no") {
      say(world, "Nothing was removed.");
      return world.signal.aborted ? EXIT.interrupted : EXIT.refused;
    }
    for (const name of running.value) {
      const stopped = await ask(world, "Stop", { name });
      // One that has ended by itself meanwhile is as well.
      if (!stopped.ok && stopped.problem.exit !== EXIT.refused) return stopped.problem.exit;
    }
    const left = await namesOfRunning(world);
    if (!left.ok) return left.problem.exit;
    if (left.value.length > 0) {
      complain(world, `${left.value.join(", ")} still runs. Nothing was removed.`);
      return EXIT.refused;
    }
    await endUnits(world, session);
    await agentOf(world).shutdown();
    // What this process itself runs from goes last: all of it that is needed is loaded by now.
    const removed = await removeTrees(remove, world.run, world.user.uid);
    if (!removed.ok) {
      const { problem } = removed;
      const because = problem.kind === "not-removed" ? problem.detail : describeRunProblem(problem);
      complain(world, `not everything could be removed: ${because}`);
      return EXIT.noPermission;
    }
    // Empty folders of ours are nobody's data; those that are not empty stay.
    await rmdir(world.places.data).catch(() => {});
    print(world, `Removed. What is left of Skerry is ${world.places.program}; to delete it needs no more care.`);
    return EXIT.done;
  },
});

/** What runs. No agent is started to find out that nothing does. */
async function namesOfRunning(world: World): Promise<Result<readonly string[], Failed>> {
  const folders = await readdir(`${world.places.runtime}/compartments`).catch(() => []);
  if (folders.length === 0) return success([]);
  const answer = await ask<ListCompartmentsResponseJson>(world, "ListCompartments", {});
  if (!answer.ok) return answer;
  return success((answer.value.compartments ?? []).map(({ name = "" }) => name));
}
