/**
 * `demo`: the whole idea in one minute, with real packages and real walls.
 *
 * Uses a folder of its own below the temporary folder for what it shows, and Skerry's real places for the image, so that
 * the next start is quick. Leaves no deployment behind.
 */
import { mkdtemp, rm, writeFile, chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { LaunchResponseJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { CLEAN } from "../attach.ts";
import { defineCommand, YES_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { complain, paint, print, say } from "../print.ts";
import type { World } from "../world.ts";
import { setUp } from "./setup.ts";

export default defineCommand<{ readonly yes: boolean }>({
  parameters: { flags: { yes: YES_FLAG } },
  examples: ["demo", "demo --yes"],
  async run(world, { yes }) {
    // Where nobody can be asked, having typed the command is the answer; what is installed is said all the same.
    const ready = await setUp(world, yes || !world.terminal.input, true);
    if (ready !== EXIT.done) return ready;
    const folder = await mkdtemp(`${tmpdir()}/skerry-demo-`);
    await chmod(folder, 0o755);
    try {
      return await show(world, folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});

async function show(world: World, folder: string): Promise<number> {
  const note = `${folder}/note.txt`;
  await writeFile(note, "The ferry leaves at noon.\n", { mode: 0o644 });
  const step = (text: string) => print(world, `\n${paint(world, "bold", "==>")} ${text}`);

  step("1. Debian's ripgrep, built into an image of its own, run sealed: no network, no host files, no rights.");
  const version = await app(world, [], ["--version"]);
  if (version === undefined) return EXIT.unavailable;
  if (version.code !== 0) return broken(world, "the sealed app did not run", version);
  print(world, version.output.trimEnd());

  step(`2. A door that is shut: the app looks for ferry in ${folder}, which nobody granted.`);
  const shut = await app(world, [], ["ferry", folder]);
  if (shut === undefined) return EXIT.unavailable;
  if (shut.code === 0 || shut.output.includes("noon")) return broken(world, "the app read what was not granted", shut);
  print(world, `${shut.output.trimEnd()}\n(exit code ${shut.code}: there is no such folder in its world)`);

  step(`3. The same door opened, read-only, for one run: --folder ${folder}=real`);
  const open = await app(world, [`${folder}=real`], ["ferry", "/work"]);
  if (open === undefined) return EXIT.unavailable;
  if (open.code !== 0 || !open.output.includes("noon"))
    return broken(world, "the app could not read what was granted", open);
  print(world, open.output.trimEnd());

  print(
    world,
    [
      "",
      "That was a real Debian package behind a real wall. Where to go on:",
      "  skerry run ripgrep --folder .=real -- TODO    search this folder, and nothing else",
      "  skerry plan ripgrep                           every step of a start, with nothing done",
      "  skerry recipes                                what else can be run",
      "  skerry audit                                  what was just done, as it was recorded",
    ].join("\n"),
  );
  return EXIT.done;
}

interface Shown {
  readonly code: number;
  readonly output: string;
}

/** One sealed run of ripgrep; undefined where Skerry itself refused, which has been said. */
async function app(world: World, folders: readonly string[], words: readonly string[]): Promise<Shown | undefined> {
  const wanted = { name: "ripgrep", folders: [...folders], arguments: [...words], directory: "/", remove: true };
  const launched = await follow<LaunchResponseJson>(
    world,
    "Launch",
    { wanted, background: false, callerPid: process.pid },
    false,
  );
  if (!launched.ok) return undefined;
  const [program, ...rest] = launched.value.launched?.argv ?? [];
  if (program === undefined) return undefined;
  const ended = await world.run([program, ...rest], { environment: CLEAN, signal: world.signal, timeoutMs: 60_000 });
  return ended.ok ? { code: ended.value.code, output: ended.value.stdout + ended.value.stderr } : undefined;
}

function broken(world: World, what: string, { code, output }: Shown): number {
  complain(world, `${what} (exit code ${code})`);
  say(world, output);
  return EXIT.fault;
}
