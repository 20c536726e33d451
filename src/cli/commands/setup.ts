/** `skerry setup`: installs what is missing on this host. Shows it first, and asks. */
import { readFile } from "node:fs/promises";
import {
  buildHelper,
  cleanEnvironment,
  describeRunProblem,
  filesToLookFor,
  helperState,
  missingPackages,
  presentFiles,
  probePrograms,
} from "../../host/index.ts";
import { unreachable } from "../../result.ts";
import { defineCommand, YES_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { missingForMachines } from "../machine-packages.ts";
import { complain, print, say } from "../print.ts";
import { describeAction, planSetup, rootCommand, type SetupAction, type SetupProblem } from "../setup-plan.ts";
import { askYes, type World } from "../world.ts";

export default defineCommand<{ readonly yes: boolean }>({
  parameters: { flags: { yes: YES_FLAG } },
  description: [
    "Lists what is missing and asks before it does anything. As root it does only two things: it installs",
    "Debian packages, and it gives your user a range of user ids. When all is there it does nothing.",
  ].join("\n"),
  examples: ["setup", "setup --yes"],
  run: async (world, { yes }) => await setUp(world, yes),
});

/**
 * Sets this host up, as `setup` does and as `demo` and `test` do before their own work.
 *
 * @param quiet - says nothing when there is nothing to do
 */
export async function setUp(world: World, yes: boolean, quiet = false): Promise<number> {
  const facts = await world.facts();
  if (!facts.ok) {
    complain(world, facts.problem.text);
    return EXIT.data;
  }
  const { architecture, programs } = facts.value;
  const plan = planSetup({
    facts: facts.value,
    missing: [
      ...missingPackages(programs, await presentFiles(filesToLookFor(architecture)), architecture),
      // What single deployments want is not for the work of another command.
      ...(quiet ? [] : await missingForMachines(world.places, facts.value)),
    ],
    subuid: await readFile("/etc/subuid", "utf8").catch(() => ""),
    subgid: await readFile("/etc/subgid", "utf8").catch(() => ""),
    helper: await helperState(world.places.program),
  });
  if (!plan.ok) {
    complain(world, describeSetupProblem(plan.problem));
    return EXIT.unavailable;
  }
  if (plan.value.helperNotOurs !== undefined) {
    complain(
      world,
      `${plan.value.helperNotOurs} is missing or old, and its folder is not yours to write. Let its owner run \`skerry setup\`.`,
    );
    if (plan.value.actions.length === 0) return EXIT.noPermission;
  }
  if (plan.value.actions.length === 0) {
    if (!quiet) print(world, "Everything that Skerry needs is here. Nothing was done.");
    return EXIT.done;
  }
  if (plan.value.support === "untested" && plan.value.actions.some(({ kind }) => kind === "install")) {
    say(
      world,
      `${facts.value.distribution} is untested: its packages have the names of Debian 12 and 13, which are tested.`,
    );
  }
  say(world, "Setup would");
  for (const action of plan.value.actions) say(world, `- ${describeAction(action).join("\n  ")}`);
  const agreed = yes ? "yes" : await askYes(world, "Do this?");
  if (agreed === "cannot-ask") {
    complain(world, "there is no terminal to ask on. `skerry setup --yes` does it without asking. Nothing was done.");
    return EXIT.refused;
  }
  if (agreed === "no") {
    say(world, "Nothing was done.");
    return world.signal.aborted ? EXIT.interrupted : EXIT.refused;
  }
  const code = await perform(world, plan.value.actions, programs);
  if (code !== EXIT.done) return code;
  if (!quiet) print(world, "Done. `skerry doctor` checks it.");
  return plan.value.helperNotOurs === undefined ? EXIT.done : EXIT.noPermission;
}

type Programs = Readonly<Record<string, { readonly path: string }>>;

async function perform(world: World, actions: readonly SetupAction[], programs: Programs): Promise<number> {
  const rootActions = actions.flatMap((action) => rootCommand(action) ?? []).length > 0;
  if (rootActions && world.user.uid !== 0 && programs["sudo"] === undefined) {
    const lines = actions.flatMap((action) => rootCommand(action)?.join(" ") ?? []);
    complain(
      world,
      ["this needs root, and there is no sudo. Run as root:", ...lines.map((line) => `  ${line}`)].join("\n"),
    );
    return EXIT.noPermission;
  }
  for (const action of actions) {
    const code = action.kind === "build-helper" ? await build(world) : await asRoot(world, action, programs);
    if (code !== EXIT.done) return code;
  }
  return EXIT.done;
}

async function asRoot(world: World, action: SetupAction, programs: Programs): Promise<number> {
  const command = rootCommand(action);
  if (command === undefined) return EXIT.done;
  const sudo = world.user.uid === 0 ? [] : [programs["sudo"]?.path ?? "sudo"];
  const run = async (argv: readonly [string, ...string[]]) => {
    const [program, ...rest] = [...sudo, ...argv];
    return await world.run([program ?? "sudo", ...rest], {
      inherit: "all",
      signal: world.signal,
      environment: {
        ...cleanEnvironment(),
        ...proxies(world),
        TERM: world.environment["TERM"],
        DEBIAN_FRONTEND: "noninteractive",
      },
    });
  };
  let end = await run(command);
  // A fresh system has no package lists yet, and an old one has lists of packages that are gone.
  if (action.kind === "install" && end.ok && end.value.code !== 0 && !world.signal.aborted) {
    say(world, "That did not work; trying once more with fresh package lists.");
    const update = await run(["apt-get", "update"]);
    end = update.ok ? await run(command) : update;
  }
  if (world.signal.aborted) return EXIT.interrupted;
  if (end.ok && end.value.code === 0) return EXIT.done;
  complain(
    world,
    end.ok
      ? `\`${command.join(" ")}\` failed with code ${end.value.code}; its words stand above.`
      : describeRunProblem(end.problem),
  );
  return action.kind === "install" ? EXIT.temporary : EXIT.noPermission;
}

/** apt-get(8) reads these; sudo drops them unless its rules say otherwise. */
function proxies(world: World): Readonly<Record<string, string | undefined>> {
  const names = ["http_proxy", "https_proxy", "no_proxy"];
  return Object.fromEntries(names.map((name) => [name, world.environment[name]]));
}

async function build(world: World): Promise<number> {
  // The compiler may have come only now.
  const compiler = (await probePrograms(world.environment["PATH"], false))["cc"]?.path;
  if (compiler === undefined) {
    complain(world, "no C compiler is on this host: install Debian's packages gcc and libc6-dev.");
    return EXIT.unavailable;
  }
  const built = await buildHelper(world.places.program, compiler);
  if (built.ok) return EXIT.done;
  complain(world, `the helper program could not be built:\n${built.problem.detail}`);
  return EXIT.unavailable;
}

function describeSetupProblem(problem: SetupProblem): string {
  switch (problem.kind) {
    case "unknown-distribution":
      return [
        `the package names of ${problem.distribution} are not known here; Debian 12 and 13 are tested. Needed is`,
        ...problem.packages.map(({ name, purpose }) => `  what Debian calls ${name}, to ${purpose}`),
        "Install that in this system's own way, then run `skerry setup` again.",
      ].join("\n");
    case "no-free-ids":
      return "no range of 65536 ids is free in /etc/subuid and /etc/subgid. Remove one there that is no longer used.";
    default:
      return unreachable(problem);
  }
}
