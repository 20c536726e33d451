/**
 * Runs one of Skerry's own programs in a machine, beside the app and outside of its wall, and hears what it says.
 *
 * What comes back is the machine's word: it is short, and believed for no more than that.
 */
import { type Result, refusal, success } from "../../result.ts";
import type { ProcessName } from "../processes.ts";
import { type NoStream, openStream, type Stream, untilAsked } from "./open-stream.ts";

const SAID_BYTES_LIMIT = 4096;

const ENDED = "the machine has ended";

/**
 * @param of - the first process behind the wall of the machine
 * @returns its output; refused where it does not end in time, or with a code of its own
 */
export async function runInMachine(
  of: ProcessName,
  words: readonly string[],
  limitMs: number,
): Promise<Result<string, NoStream>> {
  const opened: Stream[] = [];
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    for (const { socket } of opened) socket.destroy();
  }, limitMs);
  const hear = async (label: string): Promise<string | undefined> => {
    const stream = await openStream(of, label);
    if (!stream.ok) return undefined;
    opened.push(stream.value);
    return await saidBy(stream.value);
  };
  try {
    await untilAsked(of);
    const control = await openStream(of, `exec npp 24 80\0${words.map((word) => `${word}\0`).join("")}`);
    if (!control.ok) return control;
    opened.push(control.value);
    const { id } = control.value;
    const [end, out, err] = await Promise.all([saidBy(control.value), hear(`out ${id}`), hear(`err ${id}`)]);
    const code = /^exit (\d{1,3})\n$/.exec(end)?.[1];
    if (code === "0" && out !== undefined) return success(out);
    const because = code === undefined ? (late ? "the machine has not answered in time" : ENDED) : (err ?? "").trim();
    return refusal({ kind: "no-stream", because: because === "" ? `it ended with ${code}` : because });
  } finally {
    clearTimeout(limit);
    for (const { socket } of opened) socket.destroy();
  }
}

/** As plain characters, up to its end or its limit. */
async function saidBy({ socket }: Stream): Promise<string> {
  let said = "";
  try {
    for await (const piece of socket) {
      said += String(piece);
      if (said.length > SAID_BYTES_LIMIT) break;
    }
  } catch {
    // Cut off: what it has said so far is what there is.
  }
  return said.slice(0, SAID_BYTES_LIMIT).replaceAll(/[^\x20-\x7e\n]/g, "?");
}
