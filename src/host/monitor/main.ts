/**
 * Monitor: stands beside one virtual machine for as long as it runs: `main.ts FOLDER VMM [ARGUMENT…]`. With `--template FILE`
 * in front of the VMM it only writes down how far the machine comes without knowing of a start; with `--copy FILE LIMIT`
 * the machine goes on from there, or, where that fails, is begun as stands behind `--or-else` (copies.ts).
 *
 * It makes the sockets of the machine's port and console in FOLDER, starts the VMM, and stands for the app towards the outer
 * wall: our standard streams are the app's, signals go to the app, and our exit code is the app's. Beside that it lets the
 * machine's owner open further streams, at the socket `channel`. A program of its own, behind the same wall as the VMM; it
 * may be started from its sources, so it imports nothing but its neighbours.
 *
 * Invariants
 * - Nothing that the machine says is believed: streams are passed on as they are, the console is kept in part and escaped,
 *   and one frame out of order ends the machine.
 * - The app's output is passed on whole before we end.
 */
import { App } from "./app.ts";
import { attachCard } from "./card.ts";
import { Channel } from "./channel.ts";
import { listenForClients } from "./clients.ts";
import { restore, saveTemplate } from "./copies.ts";
import { BEGINS_WITHIN_MS, FAILED, Machine } from "./machine.ts";
import { serveMemory } from "./memory.ts";
import { servePorts } from "./ports.ts";
import { type Raised, raise, STREAMS } from "./raise.ts";
import { SWITCHED_OFF, switchOff } from "./switch-off.ts";
import { keepTime, prepare } from "./tell.ts";

const cardWords = process.env["SKERRY_CARD"];
const [folder = "", ...words] = process.argv.slice(2);
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
const { promise: channel, resolve: stands } = Promise.withResolvers<Channel>();
await listenForClients(`${folder}/channel`, channel);
/** A copy has been told the time, and got its seed, before it went on. */
let told = false;
const raised = words[0] === "--copy" ? await raiseCopy(words.slice(1)) : await raiseNew(words);
const machine = new Machine(raised);
await serveMemory(`${folder}/memory`, raised);

// Between asking the app and killing all of us, its owner may have the machine switched off.
let isOff = false;
process.on("SIGPWR", () => {
  isOff = true;
  switchOff(raised);
});

/** How it ends, once that is known. */
let end: { readonly code: number } | { readonly because: string } | undefined;
const ends = (how: typeof end) => {
  end ??= how;
  machine.end();
};
const beginning = setTimeout(() => ends({ because: "it did not come up" }), BEGINS_WITHIN_MS);

void raised.stream("port").connected.then((socket) => {
  let app: App | undefined;
  const made = new Channel(socket, {
    linked() {
      if (app !== undefined) return;
      if (!told) prepare(made);
      keepTime(made);
      app = new App(made, {
        // What has begun may take as long as it likes.
        begun: () => clearTimeout(beginning),
        ended: (code) => ends({ code }),
        // An end of the machine's is told by how it ended.
        failed: (because) =>
          socket.destroyed ? undefined : ends({ because: `it could not run the app (${because})` }),
      });
      app.passOn();
      stands(made);
    },
    astray: (because) => ends({ because: `it said what no machine of ours says (${because})` }),
  });
});

const how = await raised.ended;
if (end !== undefined && "code" in end) process.exit(end.code);
if (isOff) process.exit(SWITCHED_OFF);
await machine.fail(end?.because ?? `it ended before the app did (${how})`);

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
    await restore(copy, { folder, file, withinMs: Number(withinMs) });
    told = true;
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
