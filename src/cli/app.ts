/**
 * The command line's table of commands, and the application made from it.
 *
 * Invariants
 * - Only what works is listed.
 * - A start loads the module of the one command that is asked for; the others are a name and a sentence.
 */
import {
  type Application,
  buildApplication,
  buildCommand,
  buildRouteMap,
  type Command,
  ExitCode,
  type RouteMap,
  text_en,
} from "@stricli/core";
import { EXIT } from "./exit.ts";
import { faultText } from "./fault.ts";
import type { DefinedCommand, NoFlags } from "./command.ts";
import type { World } from "./world.ts";

/** A command: its sentence for listings, and where it is. */
export interface CommandEntry {
  readonly brief: string;
  readonly load: () => Promise<{ readonly default: DefinedCommand }>;
}

/** Commands with a word in common: `recipe new`, `recipe check`. */
export interface CommandGroup {
  readonly brief: string;
  /** The one that is meant where none of them is named. */
  readonly standard?: string;
  readonly commands: Readonly<Record<string, CommandEntry>>;
}

export type CommandTable = Readonly<Record<string, CommandEntry | CommandGroup>>;

/** In the order of the help text. */
export const COMMANDS: CommandTable = {
  demo: {
    brief: "See it work: a real app, sealed; one door shut, one opened.",
    load: () => import("./commands/demo.ts"),
  },
  setup: { brief: "Install what Skerry needs on this host.", load: () => import("./commands/setup.ts") },
  doctor: {
    brief: "Check what works here, what does not, and how to mend it.",
    load: () => import("./commands/doctor.ts"),
  },
  facts: { brief: "Show what was found on this host.", load: () => import("./commands/facts.ts") },
  recipes: { brief: "List what can be deployed.", load: () => import("./commands/recipes.ts") },
  recipe: {
    brief: "Write and check recipes.",
    commands: {
      new: { brief: "Write a recipe to begin with.", load: () => import("./commands/recipe-new.ts") },
      check: { brief: "Check a recipe.", load: () => import("./commands/recipe-check.ts") },
    },
  },
  deploy: { brief: "Make an instance of a recipe, with nothing granted.", load: () => import("./commands/deploy.ts") },
  undeploy: { brief: "Take an instance away; its data stays.", load: () => import("./commands/undeploy.ts") },
  deployments: { brief: "List what is deployed.", load: () => import("./commands/deployments.ts") },
  edit: { brief: "Change what an instance is granted.", load: () => import("./commands/edit.ts") },
  grant: { brief: "Answer what an instance asks for.", load: () => import("./commands/grant.ts") },
  revoke: { brief: "Deny what an instance was granted.", load: () => import("./commands/revoke.ts") },
  bind: { brief: "Give a request or a link another provider.", load: () => import("./commands/bind.ts") },
  apply: { brief: "Bring an edited deployment into force.", load: () => import("./commands/apply.ts") },
  describe: { brief: "Show an instance, and what it really gets.", load: () => import("./commands/describe.ts") },
  graph: {
    brief: "Show what all instances may reach, and over what they can talk.",
    load: () => import("./commands/graph.ts"),
  },
  explain: {
    brief: "Show why an instance may do something or may not, line by line.",
    load: () => import("./commands/explain.ts"),
  },
  prove: { brief: "Check claims about all instances together.", load: () => import("./commands/prove.ts") },
  pending: {
    brief: "Show what recipes ask for beyond what you have answered.",
    load: () => import("./commands/pending.ts"),
  },
  learn: {
    brief: "Run an app once with more than it was granted, and see how little would do.",
    load: () => import("./commands/learn.ts"),
  },
  tighten: {
    brief: "Show which grants were not used and could be taken out.",
    load: () => import("./commands/tighten.ts"),
  },
  lock: { brief: "Fix exactly which packages an image is made of.", load: () => import("./commands/lock.ts") },
  build: { brief: "Build an image.", load: () => import("./commands/build.ts") },
  images: {
    brief: "List and look after what is built.",
    standard: "list",
    commands: {
      list: { brief: "List what is built, and what it takes.", load: () => import("./commands/images.ts") },
      verify: {
        brief: "Check that every file is as it was built.",
        load: () => import("./commands/images-verify.ts"),
      },
      outdated: {
        brief: "List packages that the archives have in a newer version.",
        load: () => import("./commands/images-outdated.ts"),
      },
      diff: {
        brief: "Show in which packages and files two images differ.",
        load: () => import("./commands/images-diff.ts"),
      },
      sbom: {
        brief: "Print what an image is made of, as SPDX.",
        load: () => import("./commands/images-sbom.ts"),
      },
      export: {
        brief: "Write an image as an OCI layout, for other programs.",
        load: () => import("./commands/images-export.ts"),
      },
      import: {
        brief: "Bring in an image that others made, from an OCI layout.",
        load: () => import("./commands/images-import.ts"),
      },
    },
  },
  upgrade: { brief: "Bring images up to date.", load: () => import("./commands/upgrade.ts") },
  purge: { brief: "Remove images that are not needed.", load: () => import("./commands/purge.ts") },
  rollback: {
    brief: "Go back to the image that the last upgrade replaced.",
    load: () => import("./commands/rollback.ts"),
  },
  migrate: { brief: "Move an image to another base.", load: () => import("./commands/migrate.ts") },
  run: { brief: "Run an app here, with this terminal.", load: () => import("./commands/run.ts") },
  start: { brief: "Start an app in the background.", load: () => import("./commands/start.ts") },
  autostart: {
    brief: "Start all that is to run from boot or log-in on.",
    load: () => import("./commands/autostart.ts"),
  },
  enable: { brief: "Have an app started at boot or log-in.", load: () => import("./commands/enable.ts") },
  disable: { brief: "Have an app started by hand only.", load: () => import("./commands/disable.ts") },
  agent: { brief: "Run the agent in the foreground, for systemd.", load: () => import("./commands/agent.ts") },
  plan: { brief: "Show every step of a start, and do none.", load: () => import("./commands/plan.ts") },
  ps: { brief: "List what runs.", load: () => import("./commands/ps.ts") },
  net: {
    brief: "Show what a running app has reached, and what it was refused.",
    load: () => import("./commands/net.ts"),
  },
  stats: { brief: "Show what running apps use.", load: () => import("./commands/stats.ts") },
  stop: { brief: "Ask an app to end, and make it after ten seconds.", load: () => import("./commands/stop.ts") },
  restart: {
    brief: "End an app in the background, and start it again with what it is granted now.",
    load: () => import("./commands/restart.ts"),
  },
  vm: {
    brief: "Look after virtual machines: snapshots from which starts go on, memory, and what is suspended.",
    standard: "snapshots",
    commands: {
      snapshot: {
        brief: "Boot an instance's machine once, and write it down for run --clone.",
        load: () => import("./commands/vm-snapshot.ts"),
      },
      snapshots: { brief: "List them, and what they take.", load: () => import("./commands/vm-snapshots.ts") },
      forget: { brief: "Remove an instance's snapshot.", load: () => import("./commands/vm-forget.ts") },
      memory: {
        brief: "Show how much memory a running machine has, and ask it for some back.",
        load: () => import("./commands/vm-memory.ts"),
      },
      suspend: {
        brief: "Write down a machine as it runs, and end it; its next start goes on from there.",
        load: () => import("./commands/vm-suspend.ts"),
      },
      suspended: { brief: "List machines that were suspended.", load: () => import("./commands/vm-suspended.ts") },
      discard: {
        brief: "Let go of what a suspended machine had in memory.",
        load: () => import("./commands/vm-discard.ts"),
      },
    },
  },
  disk: {
    brief: "Look after snapshots of the disks of a system of its own.",
    standard: "snapshots",
    commands: {
      snapshot: {
        brief: "Keep what an instance's own disks hold.",
        load: () => import("./commands/disk-snapshot.ts"),
      },
      snapshots: { brief: "List what was kept.", load: () => import("./commands/disk-snapshots.ts") },
      restore: {
        brief: "Bring an instance's own disks back to what was kept.",
        load: () => import("./commands/disk-restore.ts"),
      },
      forget: { brief: "Let go of what was kept.", load: () => import("./commands/disk-forget.ts") },
    },
  },
  kill: { brief: "End an app at once, with all that it started.", load: () => import("./commands/kill.ts") },
  freeze: { brief: "Make an app stand still.", load: () => import("./commands/freeze.ts") },
  thaw: { brief: "Let a frozen app go on.", load: () => import("./commands/thaw.ts") },
  wait: { brief: "Wait until an app has ended.", load: () => import("./commands/wait.ts") },
  logs: { brief: "Show what a background app has said.", load: () => import("./commands/logs.ts") },
  shell: { brief: "Open a shell in a running app's compartment.", load: () => import("./commands/shell.ts") },
  exec: { brief: "Run one more program in a running app's compartment.", load: () => import("./commands/exec.ts") },
  cp: { brief: "Copy files into or out of a running app's compartment.", load: () => import("./commands/cp.ts") },
  screenshot: {
    brief: "Take a picture of an app's virtual screen.",
    load: () => import("./commands/screenshot.ts"),
  },
  asks: { brief: "List what apps want and wait for.", load: () => import("./commands/asks.ts") },
  answer: { brief: "Allow or deny what an app wants.", load: () => import("./commands/answer.ts") },
  changes: {
    brief: "Show what an app changed in copies of folders; apply or discard it.",
    load: () => import("./commands/changes.ts"),
  },
  audit: {
    brief: "Read and verify the record of what was done.",
    standard: "list",
    commands: {
      list: { brief: "Show records, of all or of one instance.", load: () => import("./commands/audit.ts") },
      verify: { brief: "Check that no record was changed or lost.", load: () => import("./commands/audit-verify.ts") },
      head: {
        brief: "Print the newest record's hash, to keep elsewhere.",
        load: () => import("./commands/audit-head.ts"),
      },
    },
  },
  completions: {
    brief: "Print a script that completes commands in a shell.",
    load: () => import("./commands/completions.ts"),
  },
  test: { brief: "Run Skerry's own tests.", load: () => import("./commands/test.ts") },
  uninstall: { brief: "Remove what Skerry has put on this host.", load: () => import("./commands/uninstall.ts") },
};

/**
 * The application, with the named command loaded.
 *
 * @param words - the command line's words; the first one or two name the command. Without them all are loaded
 */
export async function buildApp(
  words: readonly string[] | undefined,
  version: string,
  table: CommandTable = COMMANDS,
): Promise<Application<World>> {
  const [first, second] = words?.filter((word) => !word.startsWith("-")) ?? [];
  const all = words === undefined;
  const routes: Record<string, Command<World> | RouteMap<World>> = {};
  // Where one is named, the others are not asked about: even as a name and a sentence they take their time.
  const named = first !== undefined && Object.hasOwn(table, first);
  for (const [name, entry] of Object.entries(table)) {
    if (named && name !== first) continue;
    routes[name] =
      "load" in entry
        ? await commandOf(entry, all || name === first)
        : await groupOf(entry, all ? "all" : name === first, second);
  }
  const root = buildRouteMap<string, World>({
    routes,
    docs: {
      brief: "Every app on its own island; its owner decides what the ferries carry.",
      fullDescription: [
        "Skerry: every app on its own island; its owner decides what the ferries carry.",
        "Begin with `skerry demo`. Every command has --help, with an example.",
      ].join("\n"),
    },
  });
  return buildApplication(root, {
    name: "skerry",
    versionInfo: { currentVersion: version },
    scanner: { caseStyle: "allow-kebab-for-camel", allowArgumentEscapeSequence: true },
    documentation: { caseStyle: "convert-camel-to-kebab" },
    localization: { text: TEXT },
    // A command returns its code; only a fault gets here.
    determineExitCode: () => EXIT.fault,
  });
}

async function commandOf(entry: CommandEntry, wanted: boolean): Promise<Command<World>> {
  if (wanted) return (await entry.load()).default(entry.brief);
  return buildCommand<NoFlags, [], World>({
    parameters: {},
    docs: { brief: entry.brief },
    func() {
      throw new Error("a command ran that was not loaded");
    },
  });
}

/** @param wanted - whether one of the group is asked for, and by which word; the standard one by any other */
async function groupOf(
  group: CommandGroup,
  wanted: boolean | "all",
  word: string | undefined,
): Promise<RouteMap<World>> {
  const routes: Record<string, Command<World>> = {};
  const named = word !== undefined && Object.hasOwn(group.commands, word) ? word : group.standard;
  for (const [name, entry] of Object.entries(group.commands))
    routes[name] = await commandOf(entry, wanted === "all" || (wanted && name === named));
  const { standard } = group;
  return buildRouteMap<string, World>({
    routes,
    docs: { brief: group.brief },
    ...(standard === undefined ? {} : { defaultCommand: standard }),
  });
}

/** The words of stricli, but for faults, which people must be able to report. */
const TEXT: typeof text_en = {
  ...text_en,
  exceptionWhileRunningCommand: (error) => faultText(error, process.env["SKERRY_TRACE"] === "1"),
  exceptionWhileLoadingCommandFunction: (error) => faultText(error, process.env["SKERRY_TRACE"] === "1"),
  exceptionWhileLoadingCommandContext: (error) => faultText(error, process.env["SKERRY_TRACE"] === "1"),
  commandErrorResult: (error) => faultText(error, process.env["SKERRY_TRACE"] === "1"),
  briefs: {
    ...text_en.briefs,
    help: "Print this help",
    argumentEscapeSequence: "All that follows is an argument, untouched",
  },
};

/** Our exit codes for those that stricli has for itself, which are below zero; a command's own code stays. */
export function exitCodeOf(code: number | string | null | undefined): number {
  if (code === ExitCode.UnknownCommand || code === ExitCode.InvalidArgument) return EXIT.usage;
  return typeof code === "number" && code >= 0 ? code : EXIT.fault;
}
