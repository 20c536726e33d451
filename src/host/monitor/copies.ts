/**
 * Copies: a machine that has booted and knows of no start yet is written down once, and others go on from there.
 *
 * Its memory is a file that the VMM itself has mapped: shared while it is written, private in each copy. All else that
 * makes the machine, some hundred kilobytes, goes through a socket of ours, so that the VMM opens no file and starts no
 * program for it.
 *
 * Invariant: what is written down holds nothing of a start, neither an app nor a secret nor a random number that it will
 * use; a copy gets a seed of its own and the time before it goes on.
 */
import { randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { Qmp } from "./qmp.ts";
import type { Raised } from "./raise.ts";

/** Far above what a machine without devices of weight has. */
const STATE_BYTES_LIMIT = 64 * 1024 * 1024;

/** A word of the machine's on the stream `go`. */
const WORD_BYTES_LIMIT = 64;

const SEED_BYTES = 64;

const ANSWERS_WITHIN_MS = 30_000;
const SAVES_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 3;

/** Its streams end just before it does. */
const HEARD_WITHIN_MS = 500;

/** What lies in files is not sent, and not waited for. */
const CAPABILITIES = { capabilities: [{ capability: "x-ignore-shared", state: true }] };

/** @throws with the reason, in words for the owner */
export async function saveTemplate(machine: Raised, folder: string, file: string, withinMs: number): Promise<void> {
  await unlessGone(machine, async (gone) => await save(machine, folder, file, withinMs, gone));
}

async function save(
  machine: Raised,
  folder: string,
  file: string,
  withinMs: number,
  gone: Promise<never>,
): Promise<void> {
  const qmp = Qmp.on(await Promise.race([machine.stream("qmp").connected, gone]));
  await Promise.race([qmp.begin(ANSWERS_WITHIN_MS), gone]);
  const go = await Promise.race([machine.stream("go").connected, gone]);
  await Promise.race([wordOn(go, "waits", withinMs), gone]);
  await qmp.execute("stop", {}, ANSWERS_WITHIN_MS);
  await qmp.execute("migrate-set-capabilities", CAPABILITIES, ANSWERS_WITHIN_MS);
  const path = `${folder}/state`;
  const taken = await takeOnce(path, file);
  await qmp.execute("migrate", { uri: `unix:${path}` }, ANSWERS_WITHIN_MS);
  // A VMM that fails to send it may never have connected.
  const sent = reached(qmp, "query-migrate", "completed", SAVES_WITHIN_MS);
  await Promise.race([Promise.all([taken.written, sent]), gone]);
  const state = await open(file, "r");
  await state.sync();
  await state.close();
  await qmp.execute("quit", {}, ANSWERS_WITHIN_MS);
  await machine.ended;
}

/**
 * @throws with the reason; the machine is of no use then
 */
export async function restore(machine: Raised, wanted: Restored): Promise<void> {
  await unlessGone(machine, async (gone) => await goOn(machine, wanted, gone));
}

interface Restored {
  readonly folder: string;
  readonly file: string;
  readonly withinMs: number;
}

async function goOn(machine: Raised, { folder, file, withinMs }: Restored, gone: Promise<never>): Promise<void> {
  const qmp = Qmp.on(await Promise.race([machine.stream("qmp").connected, gone]));
  await Promise.race([qmp.begin(withinMs), gone]);
  await qmp.execute("migrate-set-capabilities", CAPABILITIES, withinMs);
  const path = `${folder}/state`;
  await qmp.execute("migrate-incoming", { uri: `unix:${path}` }, withinMs);
  // Whether all has arrived is for the VMM to say: it hangs up as soon as it has enough.
  pipeline(createReadStream(file), limited(), connect(path)).catch(() => {});
  await Promise.race([reached(qmp, "query-migrate", "completed", withinMs), gone]);
  await qmp.execute("cont", {}, withinMs);
  const go = await Promise.race([machine.stream("go").connected, gone]);
  go.write(`${Date.now()} ${randomBytes(SEED_BYTES).toString("hex")}\n`);
  await Promise.race([wordOn(go, "goes", withinMs), gone]);
}

/** When the VMM ends, what it would have answered does not come any more, and its end is what is to be told. */
async function unlessGone(
  { ended, programWords }: Raised,
  act: (gone: Promise<never>) => Promise<void>,
): Promise<void> {
  const gone = ended.then((how): never => {
    throw new Error([`it ended (${how})`, programWords.text()].filter((text) => text !== "").join(": "));
  });
  gone.catch(() => {});
  try {
    await act(gone);
  } catch (error) {
    await Promise.race([gone, pause(HEARD_WITHIN_MS)]);
    throw error;
  }
}

/** The machine's one word on this stream; it is not believed, so any other one is a fault of its. */
async function wordOn(socket: Socket, word: string, withinMs: number): Promise<void> {
  const expected = `${word}\n`;
  let said = "";
  const timer = new AbortController();
  const heard = new Promise<void>((resolve, reject) => {
    const listen = (piece: Buffer) => {
      said += piece.toString("latin1").replaceAll("\r", "");
      if (said === expected) resolve();
      else if (said.length > WORD_BYTES_LIMIT || !expected.startsWith(said))
        reject(new Error("it said what no machine of ours says"));
      else return;
      socket.off("data", listen);
    };
    socket.on("error", () => {});
    socket.on("data", listen);
  });
  const late = pause(withinMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error("it did not answer in time");
  });
  late.catch(() => {});
  await Promise.race([heard, late]).finally(() => timer.abort());
}

/** Takes one connection, and writes what comes into a new file. */
async function takeOnce(path: string, file: string): Promise<{ readonly written: Promise<void> }> {
  const server = createServer();
  const written = new Promise<void>((resolve, reject) => {
    server.once("connection", (socket) => {
      server.close();
      pipeline(socket, limited(), createWriteStream(file, { flags: "wx", mode: 0o600 })).then(resolve, reject);
    });
  });
  written.catch(() => {});
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return { written };
}

function limited(): Transform {
  let bytes = 0;
  return new Transform({
    transform(piece: Buffer, _, done) {
      bytes += piece.length;
      if (bytes > STATE_BYTES_LIMIT) done(new Error("its state is larger than any machine's"));
      else done(null, piece);
    },
  });
}

/** Asks until it says so. */
async function reached(qmp: Qmp, question: string, wanted: string, withinMs: number): Promise<void> {
  for (const deadline = performance.now() + withinMs; performance.now() < deadline; await pause(LOOK_EVERY_MS)) {
    const { status, "error-desc": because } = await qmp.execute(question, {}, withinMs);
    if (status === wanted) return;
    if (status === "failed" || status === "cancelled")
      throw new Error(`QEMU: ${typeof because === "string" ? because : status}`);
  }
  throw new Error("it did not answer in time");
}
