/**
 * Suspend: a machine's owner connects to a socket of the monitor's, and gets the machine's memory and state; when that is
 * kept, the machine ends. A later monitor has another VMM go on from there (`goOn`).
 *
 * The owner says one line, JSON: what is taken from the machine first (`leave`), and what is shown in it again where it
 * runs on after all (`back`), each the words of a program of ours in it. A machine with something of the host's attached
 * cannot be written down. The answer is `+` or `-` and a reason, and a line's end; behind `+` come pieces, each with its
 * length (four bytes), and an empty one at the end. `kept` and a line's end is the owner's last word.
 *
 * Invariant: whatever fails before that word, also the owner's own end, lets the machine run on as it was.
 */
import { createReadStream } from "node:fs";
import { createServer, connect, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { askMachine } from "./ask-machine.ts";
import type { Channel } from "./channel.ts";
import { Qmp } from "./qmp.ts";
import type { Raised } from "./raise.ts";
import { lineOf } from "./streams.ts";

const REQUEST_BYTES_LIMIT = 64 * 1024;
const REQUEST_WITHIN_MS = 30_000;

/** Each looks at all processes of a machine. */
const ASKS_WITHIN_MS = 60_000;

/** QEMU answers nobody while the host keeps it waiting, for its memory or for its disk. */
const ANSWERS_WITHIN_MS = 120_000;

/** Memory goes over it as fast as the owner's disk is. */
const SAVES_WITHIN_MS = 600_000;
const KEPT_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 50;

/** As fast as it comes; by itself QEMU holds it to a slow network's speed. */
const SPEED = { "max-bandwidth": 8 * 1024 ** 3 };

interface Request {
  readonly leave: readonly (readonly string[])[];
  readonly back: readonly (readonly string[])[];
}

/** @param off - called when the machine's state is kept, and it is to end */
export async function offerSuspend(
  folder: string,
  machine: Pick<Raised, "stream">,
  channel: Promise<Channel>,
  off: () => void,
): Promise<Server> {
  let busy = false;
  const act = async (client: Socket) => {
    const request = requestIn(await lineOf(client, REQUEST_BYTES_LIMIT, REQUEST_WITHIN_MS));
    if (busy) throw new Error("it is being written down already");
    busy = true;
    await suspend(client, request, { folder, machine, channel, off }).finally(() => (busy = false));
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on("error", () => {});
    act(client).catch((error: unknown) => {
      // Before anything was sent it is an answer; behind that, an end without the empty piece is.
      if (client.bytesWritten === 0) client.end(`-${wordsOf(error)}\n`);
      else client.destroy();
    });
  });
  await listen(server, `${folder}/suspend`);
  return server;
}

interface Around {
  /** With the monitor's sockets. */
  readonly folder: string;
  readonly machine: Pick<Raised, "stream">;
  readonly channel: Promise<Channel>;
  readonly off: () => void;
}

async function suspend(
  client: Socket,
  { leave, back }: Request,
  { folder, machine, channel, off }: Around,
): Promise<void> {
  const open = await channel;
  const qmp = Qmp.on(await machine.stream("qmp").connected);
  let stopped = false;
  try {
    // Nobody else may have something of a folder: one that is counted is a reason to leave all as it is.
    for (const words of leave) {
      const held = (await askMachine(open, words, ASKS_WITHIN_MS)).trim();
      if (held !== "" && held !== "0")
        throw new Error(`programs in it hold something of ${words.at(-2) ?? ""}: ${held}`);
    }
    await qmp.begin(ANSWERS_WITHIN_MS);
    await qmp.execute("stop", {}, ANSWERS_WITHIN_MS);
    stopped = true;
    await qmp.execute("migrate-set-parameters", SPEED, ANSWERS_WITHIN_MS);
    await send(client, folder, qmp);
    if ((await lineOf(client, REQUEST_BYTES_LIMIT, KEPT_WITHIN_MS)) !== "kept")
      throw new Error("its owner has not kept it");
  } catch (error) {
    if (stopped) await runOn(qmp);
    for (const words of back) await askMachine(open, words, ASKS_WITHIN_MS).catch(() => {});
    throw error;
  }
  off();
  await qmp.execute("quit", {}, ANSWERS_WITHIN_MS).catch(() => {});
}

/** All that makes the machine, through a socket of ours: QEMU opens no file and starts no program for it. */
async function send(client: Socket, folder: string, qmp: Qmp): Promise<void> {
  const path = `${folder}/state`;
  const server = createServer();
  const sent = new Promise<void>((resolve, reject) => {
    server.once("connection", (state) => {
      server.close();
      pipeline(state, pieces, async (framed) => {
        if (client.bytesWritten === 0) client.write("+\n");
        for await (const piece of framed) await write(client, piece);
      }).then(resolve, reject);
    });
  });
  let broken: unknown;
  sent.catch((error: unknown) => (broken = error));
  await listen(server, path);
  try {
    await qmp.execute("migrate", { uri: `unix:${path}` }, ANSWERS_WITHIN_MS);
    // What is asked of QEMU has its answer before anything else is: one command at a time.
    await reached(qmp, SAVES_WITHIN_MS, () => broken);
    await sent;
    await write(client, Buffer.alloc(LENGTH_BYTES));
  } finally {
    server.close();
  }
}

const LENGTH_BYTES = 4;

async function* pieces(state: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of state) {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(piece.length);
    yield Buffer.concat([length, piece]);
  }
}

async function write(client: Socket, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    client.write(bytes, (error) => (error === undefined || error === null ? resolve() : reject(error))),
  );
}

async function runOn(qmp: Qmp): Promise<void> {
  await qmp.execute("migrate_cancel", {}, ANSWERS_WITHIN_MS).catch(() => {});
  await qmp.execute("cont", {}, ANSWERS_WITHIN_MS);
}

/** A VMM that waits for it takes what was written down, and goes on. @throws with the reason; it is of no use then */
export async function goOn(machine: Pick<Raised, "stream">, folder: string, file: string): Promise<void> {
  const qmp = Qmp.on(await machine.stream("qmp").connected);
  await qmp.begin(ANSWERS_WITHIN_MS);
  const path = `${folder}/state`;
  await qmp.execute("migrate-incoming", { uri: `unix:${path}` }, ANSWERS_WITHIN_MS);
  // Whether all has arrived is for the VMM to say: it hangs up as soon as it has enough.
  pipeline(createReadStream(file), connect(path)).catch(() => {});
  await reached(qmp, SAVES_WITHIN_MS);
  await qmp.execute("cont", {}, ANSWERS_WITHIN_MS);
}

async function reached(qmp: Qmp, withinMs: number, broken: () => unknown = () => undefined): Promise<void> {
  for (const deadline = performance.now() + withinMs; performance.now() < deadline; await pause(LOOK_EVERY_MS)) {
    const because = broken();
    if (because !== undefined) throw because;
    const { status, "error-desc": words } = await qmp.execute("query-migrate", {}, ANSWERS_WITHIN_MS);
    if (status === "completed") return;
    if (status === "failed" || status === "cancelled")
      throw new Error(`QEMU: ${typeof words === "string" ? words : status}`);
  }
  throw new Error("it did not come to its end in time");
}

/** It comes from the machine's owner; it is looked at so that a mistake is none of ours. */
function requestIn(line: string): Request {
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null || !("leave" in value) || !("back" in value))
    throw new Error("not understood");
  const { leave, back } = value;
  if (!areWords(leave) || !areWords(back)) throw new Error("not understood");
  return { leave, back };
}

export function areWords(value: unknown): value is readonly (readonly string[])[] {
  return (
    Array.isArray(value) &&
    value.every((words) => Array.isArray(words) && words.every((word) => typeof word === "string"))
  );
}

function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/[^\x20-\x7e]/g, " ").slice(0, 400);
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
}
