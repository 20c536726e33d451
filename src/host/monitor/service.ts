/**
 * Service: the monitor of a machine whose image is a whole system: `service.ts FOLDER VMM [ARGUMENT…]`. It stands beside it as
 * main.ts does beside a machine with an app of ours. That the system is up and that it has ended is said in lines, and
 * its journal is a stream; our control end in it (system-disk.ts) is one of its services, and may begin anew.
 *
 * Invariant: nothing that the machine says is believed: its journal is passed on as it is, the console is kept in part and
 * escaped, and one word or frame out of order ends the machine.
 */
import type { Socket } from "node:net";
import { askMachine } from "./ask-machine.ts";
import { attachCard } from "./card.ts";
import { Channel } from "./channel.ts";
import { listenForClients } from "./clients.ts";
import { ControlReader, type Said } from "./control.ts";
import { BEGINS_WITHIN_MS, Machine } from "./machine.ts";
import { serveMemory } from "./memory.ts";
import { servePorts } from "./ports.ts";
import { raise, SYSTEM_STREAMS } from "./raise.ts";
import { passOn } from "./streams.ts";
import { areWords, goOn, offerSuspend } from "./suspend.ts";
import { SWITCHED_OFF, switchOff } from "./switch-off.ts";
import { keepTime, prepare } from "./tell.ts";

/** Handed on to the app. SIGUSR1 is Node's own. */
const PASSED_ON = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR2"] as const;

/** Longer than any frame, so that the next greeting is not taken for the rest of one. */
const SILENCE = Buffer.alloc(65_545);

const SHOWS_WITHIN_MS = 120_000;

const [folder = "", ...words] = process.argv.slice(2);
const cardWords = process.env["SKERRY_CARD"];
await servePorts(folder, (line) => process.stderr.write(`skerry: ${line}\n`));
if (cardWords !== undefined) await (await attachCard(`${folder}/card`, cardWords)).begin();
const { promise: channel, resolve: stands } = Promise.withResolvers<Channel>();
await listenForClients(`${folder}/channel`, channel);
// With `--resume FILE BACK` in front of the VMM, it goes on from that file; BACK is what is shown in it again then.
const [resumed, back = [], command] =
  words[0] === "--resume" ? [words[1], wordsIn(words[2]), words.slice(3)] : [undefined, undefined, words];
const raised = await raise(folder, command, SYSTEM_STREAMS);
const machine = new Machine(raised);
await serveMemory(`${folder}/memory`, raised);

// Between asking the system and killing all of us, its owner may have the machine switched off.
let isOff = false;
process.on("SIGPWR", () => {
  isOff = true;
  switchOff(raised);
});

let said: Said | undefined;
const beginning = setTimeout(() => {
  said ??= { kind: "failed", what: "it did not come up" };
  machine.end();
}, BEGINS_WITHIN_MS);
let toControl: Socket | undefined;
const waiting: string[] = [];
const signal = (name: string) => {
  if (toControl === undefined) waiting.push(name);
  else toControl.write(`signal ${name}\n`);
};
for (const name of PASSED_ON) process.on(name, () => signal(name.slice("SIG".length)));

void raised.stream("control").connected.then((socket) => {
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
    if (said !== undefined) machine.end();
  });
});
await offerSuspend(folder, raised, channel, () => {
  said = { kind: "exit", code: 0 };
});
if (resumed !== undefined)
  goOn(raised, folder, resumed).catch((error: unknown) => {
    process.stderr.write(`skerry: it could not go on: ${error instanceof Error ? error.message : String(error)}\n`);
    said = { kind: "failed", what: "going on" };
    machine.end();
  });
void raised.stream("port").connected.then((socket) => {
  // What it was hearing when it stood still may be half a frame.
  if (resumed !== undefined) socket.write(SILENCE);
  const made = new Channel(socket, {
    linked() {
      prepare(made);
      if (resumed !== undefined) {
        clearTimeout(beginning);
        void showAgain(made);
      }
      stands(made);
    },
    astray() {
      said ??= { kind: "astray" };
      machine.end();
    },
  });
  keepTime(made);
});
const passedOn = Promise.race([raised.stream("out").connected, raised.ended]).then(async (socket) => {
  if (typeof socket !== "string") await passOn(socket, process.stdout);
});

/** One after the other: what is attached first is shown then. */
async function showAgain(into: Channel): Promise<void> {
  for (const one of back.splice(0))
    await askMachine(into, one, SHOWS_WITHIN_MS).catch((error: unknown) => {
      process.stderr.write(`skerry: ${one.slice(-2).join(" ")}: ${String(error)}\n`);
    });
}

function wordsIn(text = ""): (readonly string[])[] {
  const value: unknown = JSON.parse(text);
  return areWords(value) ? [...value] : [];
}

const how = await raised.ended;
await passedOn;
if (said?.kind === "exit") process.exit(said.code);
if (isOff) process.exit(SWITCHED_OFF);
await machine.fail(
  said?.kind === "failed"
    ? `it could not start (${said.what})`
    : said?.kind === "astray"
      ? "it said what no machine of ours says"
      : `it ended before it was asked to (${how})`,
);
