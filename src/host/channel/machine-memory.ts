/**
 * Machine memory: asks a machine's monitor how much memory its system has, and for a change of it (host/monitor/memory.ts).
 *
 * The answer is a stranger's word: it is short, and a number or a reason.
 */
import { type Result, refusal, success } from "../../result.ts";
import type { ProcessName } from "../processes.ts";
import { connectInside, type NoStream } from "./open-stream.ts";

const ANSWERS_WITHIN_MS = 60_000;
const ANSWER_BYTES_LIMIT = 256;

/**
 * @param of - the first process behind the wall of the machine
 * @param wantedMiB - that the system is to have; undefined: only look
 * @returns whole MiB that it has now
 */
export async function machineMemory(of: ProcessName, wantedMiB?: number): Promise<Result<number, NoStream>> {
  const opened = await connectInside(of, "memory");
  if (!opened.ok) return opened;
  const socket = opened.value;
  const late = setTimeout(() => socket.destroy(), ANSWERS_WITHIN_MS);
  let said = "";
  try {
    socket.end(`${wantedMiB ?? ""}\n`);
    for await (const piece of socket) {
      said += String(piece);
      if (said.length > ANSWER_BYTES_LIMIT) break;
    }
  } catch {
    // Cut off: what it has said so far is what there is.
  } finally {
    clearTimeout(late);
    socket.destroy();
  }
  const memoryMiB = /^([1-9]\d{0,8})\n$/.exec(said)?.[1];
  if (memoryMiB !== undefined) return success(Number(memoryMiB));
  const because = /^-([\x20-\x7e]{1,200})\n$/.exec(said)?.[1];
  return refusal({ kind: "no-stream", because: because ?? "the machine has ended, or did not answer" });
}
