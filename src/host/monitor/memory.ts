/**
 * Memory: lets the machine's owner see how much memory its system has, and ask it for some back, at a socket of its own.
 *
 * Who connects writes a line: nothing, or how many whole MiB the system is to have. The answer is one line: how many it has
 * now, or `-` and why that cannot be said. What the system gives back is the host's; how fast it does so, and whether, is its own.
 *
 * Invariant: one question at a time goes to the VMM, and nobody waits for ever.
 */
import { createServer } from "node:net";
import { Qmp } from "./qmp.ts";
import type { Raised } from "./raise.ts";
import { lineOf } from "./streams.ts";

const MEBIBYTE = 1024 * 1024;
/** One that has not answered by then is asked nothing any more, and so cannot be suspended either. */
const ANSWERS_WITHIN_MS = 120_000;

/** Nothing, or a number of MiB. */
const LINE_BYTES_LIMIT = 16;

/** Of those that ask; a person asks once. */
const MOST_ASKING = 16;

export async function serveMemory(path: string, machine: Pick<Raised, "stream">): Promise<void> {
  let [asking, turn] = [0, Promise.resolve()];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    if (asking >= MOST_ASKING) {
      socket.destroy();
      return;
    }
    asking += 1;
    // Of a question that does not come, none is asked.
    const line = lineOf(socket, LINE_BYTES_LIMIT, ANSWERS_WITHIN_MS).catch(() => "?");
    void line.then((question) => {
      turn = turn.then(async () => {
        socket.end(`${await answerTo(question, machine)}\n`);
        asking -= 1;
      });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  server.unref();
}

async function answerTo(line: string, machine: Pick<Raised, "stream">): Promise<string> {
  if (!/^([1-9]\d{0,8})?$/.test(line)) return "-that is no size";
  try {
    const qmp = Qmp.on(await machine.stream("qmp").connected);
    await qmp.begin(ANSWERS_WITHIN_MS);
    if (line !== "") await qmp.execute("balloon", { value: Number(line) * MEBIBYTE }, ANSWERS_WITHIN_MS);
    const { actual } = await qmp.execute("query-balloon", {}, ANSWERS_WITHIN_MS);
    return typeof actual === "number" ? String(Math.ceil(actual / MEBIBYTE)) : "-QEMU did not say";
  } catch (error) {
    return `-${error instanceof Error ? error.message : String(error)}`.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 200);
  }
}
