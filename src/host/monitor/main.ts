/**
 * Monitor: stands beside one virtual machine for as long as it runs: `main.ts FOLDER VMM [ARGUMENT…]`. With `--template FILE`
 * in front of the VMM it only writes down how far the machine comes without knowing of a start; with `--copy FILE LIMIT`
 * the machine goes on from there, or, where that fails, is begun as stands behind `--or-else` (copies.ts).
 *
 * It makes the sockets of the machine's streams in FOLDER, starts the VMM, and stands for the app towards the outer wall:
 * our standard streams are the app's, signals go to the app, and our exit code is the app's. A program of its own, behind
 * the same wall as the VMM; it is started from its sources, so it imports nothing but its neighbours.
 *
 * Invariants
 * - Nothing that the machine says is believed: streams are passed on as they are, the console is kept in part and escaped,
 *   and one word out of order on the control stream ends the machine.
 * - The app's output is passed on whole before we end.
 *
 * Of the VMM's words, `{input}` becomes `pipe` where our standard input is handed on, and `nothing` where it is a device.
 */
import { fstatSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { attachCard } from "./card.ts";
import { ControlReader, type Said } from "./control.ts";
import { servePorts } from "./ports.ts";
import { restore, saveTemplate } from "./copies.ts";
import { type Raised, raise, STREAMS } from "./raise.ts";
import { Tail } from "./streams.ts";
import { SWITCHED_OFF, switchOff } from "./switch-off.ts";

/** Ours, when there is no exit code of the app's: the same as the helper's. */
const FAILED = 125;

/** Of the console, kept for a machine that fails. */
const TAIL_BYTES = 4096;

/** What a VMM that was asked to end may take. */
const ENDS_WITHIN_MS = 5_000;

/** What was said before the machine ended is with us in a moment. */
const HEARD_WITHIN_MS = 1_000;

/** Far above what an emulated machine takes on a host with other work. */
const BEGINS_WITHIN_MS = 300_000;

/** Handed on to the app. SIGUSR1 is Node's own. */
const PASSED_ON = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR2"] as const;

/** Ctrl-C and Ctrl-\\ are for all that runs in the foreground; in the machine is no terminal that would send them. */
const TERMINALS: ReadonlySet<string> = new Set(["INT", "QUIT"]);
const onTerminal = process.stdin.isTTY || process.stdout.isTTY;

/** A device is none for an app that looks what it can read from: a terminal is not in the machine, and in /dev/null is nothing. */
const INPUT = fstatSync(0).isCharacterDevice() ? "nothing" : "pipe";

const kernelWords = new Tail(TAIL_BYTES);
let toControl: Socket | undefined;
const waiting: string[] = [];
const signal = (name: string) => {
  if (toControl === undefined) waiting.push(name);
  else toControl.write(`${TERMINALS.has(name) && onTerminal ? "group" : "signal"} ${name}\n`);
};
for (const name of PASSED_ON) process.on(name, () => signal(name.slice("SIG".length)));

const cardWords = process.env["SKERRY_CARD"];
const [folder = "", ...words] = process.argv.slice(2).map((word) => word.replaceAll("{input}", INPUT));
if (words[0] === "--template") {
  const [, file = "", ...command] = words;
  // Its card, where it has one, is connected with nothing.
  const template = await raise(folder, command, [...STREAMS, "go", "card"]);
  try {
    await saveTemplate(template, folder, file, BEGINS_WITHIN_MS);
  } catch (error) {
    await template.drop();
    process.stderr.write(`skerry: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(FAILED);
  }
  process.exit(0);
}
await servePorts(folder, (line) => process.stderr.write(`skerry: ${line}\n`));
const { stream, vmm, ended, programWords } =
  words[0] === "--copy" ? await raiseCopy(words.slice(1)) : await raiseNew(words);
const [control, input, output, errors, console] = (["control", "in", "out", "err", "console"] as const).map(stream);

// Between asking the app and killing all of us, its owner may have the machine switched off.
let isOff = false;
process.on("SIGPWR", () => {
  isOff = true;
  switchOff({ stream, vmm });
});

let said: Said | undefined;
const beginning = setTimeout(() => {
  said ??= { kind: "failed", what: "it did not come up" };
  endMachine();
}, BEGINS_WITHIN_MS);

const heard = console?.connected.then(async (socket) => {
  socket.on("data", (piece) => kernelWords.add(piece)).on("error", () => {});
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
});
void control?.connected.then((socket) => {
  toControl = socket;
  for (const name of waiting) signal(name);
  const reader = new ControlReader();
  socket.on("error", () => {});
  socket.on("data", (piece) => {
    if (said !== undefined) return;
    const all = reader.read(piece);
    // What has begun may take as long as it likes.
    if (all.length > 0) clearTimeout(beginning);
    said = all.find(({ kind }) => kind !== "up");
    if (said !== undefined) endMachine();
  });
});
void input?.connected.then((socket) => {
  socket.on("error", () => {});
  socket.resume();
  process.stdin.on("error", () => socket.end());
  // Closed half-way only: what is still under way then reaches the app before the end of its input does.
  process.stdin.pipe(socket);
});
const passedOn = [passOn(output?.connected, process.stdout), passOn(errors?.connected, process.stderr)];

const how = await ended;
await Promise.all(passedOn);
if (said?.kind === "exit") process.exit(said.code);
if (isOff) process.exit(SWITCHED_OFF);
// A kernel's last words are said just before the machine's end.
await Promise.race([heard, pause(HEARD_WITHIN_MS)]);
const why =
  said?.kind === "failed"
    ? `it could not start the app (${said.what})`
    : said?.kind === "astray"
      ? "it said what no machine of ours says"
      : `it ended before the app did (${how})`;
process.stderr.write(
  ["skerry: the virtual machine failed:", why, programWords.text(), kernelWords.text()]
    .filter((text) => text !== "")
    .join("\n")
    .concat("\n"),
  () => process.exit(FAILED),
);

async function raiseNew(command: readonly string[]): Promise<Raised> {
  if (cardWords !== undefined) await (await attachCard(`${folder}/card`, cardWords)).begin();
  return await raise(folder, command, STREAMS);
}

/** A copy that does not go on is no reason for the app not to start. */
async function raiseCopy([file = "", withinMs = "", ...rest]: readonly string[]): Promise<Raised> {
  const orElse = rest.indexOf("--or-else");
  const card = cardWords === undefined ? undefined : await attachCard(`${folder}/card`, cardWords);
  const copy = await raise(folder, rest.slice(0, orElse), [...STREAMS, "go"]);
  try {
    await restore(copy, { folder, file, input: INPUT, withinMs: Number(withinMs) });
    await card?.begin();
    return copy;
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    process.stderr.write(`skerry: the copy of the machine did not go on: ${because}; a new one boots instead\n`);
    await copy.drop();
    card?.close();
    return await raiseNew(rest.slice(orElse + 1));
  }
}

/** The app has ended: what the machine would still do is of no use to anybody. */
function endMachine(): void {
  vmm.kill("SIGTERM");
  setTimeout(() => vmm.kill("SIGKILL"), ENDS_WITHIN_MS).unref();
}

/** Resolves when all is written. A reader who has gone is told to the app as the kernel would: by SIGPIPE. */
async function passOn(connected: Promise<Socket> | undefined, target: NodeJS.WriteStream): Promise<void> {
  let gone = false;
  target.on("error", () => {
    if (!gone) signal("PIPE");
    gone = true;
  });
  const socket = await Promise.race([connected, ended]);
  if (socket === undefined || typeof socket === "string") return;
  socket.on("error", () => {});
  for await (const piece of socket) {
    if (gone || target.write(piece)) continue;
    await new Promise<void>((resolve) => {
      target.once("drain", resolve).once("error", () => resolve());
    });
  }
}
