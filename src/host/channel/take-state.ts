/**
 * Take state: has a machine's monitor write it down (host/monitor/suspend.ts), into a file that is new.
 *
 * Invariant: the machine ends only when all of it is in the file, and on the disk; until then it runs on whatever fails.
 */
import { open } from "node:fs/promises";
import type { Socket } from "node:net";
import { type Result, refusal, success } from "../../result.ts";
import type { ProcessName } from "../processes.ts";
import { connectInside, type NoStream } from "./open-stream.ts";

/** What a machine takes beside its memory. */
const STATE_BYTES_LIMIT = 256 * 1024 * 1024;

const PIECE_BYTES_LIMIT = 16 * 1024 * 1024;
const REASON_BYTES_LIMIT = 1024;
const LENGTH_BYTES = 4;

export interface StateWanted {
  /** Words of programs in the machine: what is taken from it first, and what is shown again where it runs on. */
  readonly leave: readonly (readonly string[])[];
  readonly back: readonly (readonly string[])[];
  /** Of the machine. */
  readonly memoryBytes: number;
}

/** What is told of it: how much there is, and that all is kept, before the machine ends. */
export interface StateEvents {
  readonly told?: (bytes: number) => void;
  readonly ends: () => Promise<unknown>;
}

/** @returns the file's size; the machine is ending then */
export async function takeState(
  of: ProcessName,
  file: string,
  wanted: StateWanted,
  events: StateEvents,
): Promise<Result<number, NoStream>> {
  const connected = await connectInside(of, "suspend");
  return connected.ok ? await takeStateFrom(connected.value, file, wanted, events) : connected;
}

/** @param socket - connected to the monitor, with nothing said on it yet */
export async function takeStateFrom(
  socket: Socket,
  file: string,
  { leave, back, memoryBytes }: StateWanted,
  { told, ends }: StateEvents,
): Promise<Result<number, NoStream>> {
  socket.on("error", () => {});
  const limit = memoryBytes + STATE_BYTES_LIMIT;
  try {
    // First: nothing is asked of the machine that there is no place for.
    const target = await open(file, "wx", 0o600);
    try {
      socket.write(`${JSON.stringify({ leave, back })}\n`);
      let bytes = 0;
      for await (const piece of piecesOf(socket)) {
        bytes += piece.length;
        if (bytes > limit) throw new Error("it is larger than any machine of that size");
        await target.writeFile(piece);
        told?.(bytes);
      }
      await target.sync();
      await ends();
      socket.end("kept\n");
      return success(bytes);
    } finally {
      await target.close();
    }
  } catch (error) {
    socket.destroy();
    const because = error instanceof Error ? error.message : String(error);
    return refusal({ kind: "no-stream", because: because.replaceAll(/[^\x20-\x7e]/g, "?") });
  }
}

/** @throws with the machine's reason, and where it ends before it has said that all is there */
async function* piecesOf(socket: Socket): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  let answered = false;
  // The last word to it is still to be said.
  for await (const read of socket.iterator({ destroyOnReturn: false })) {
    const piece = Buffer.from(read);
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    if (!answered) {
      const end = rest.indexOf(10);
      if (end === -1 && rest.length > REASON_BYTES_LIMIT) break;
      if (end === -1) continue;
      if (rest[0] !== 0x2b) throw new Error(rest.toString("latin1", 1, end));
      answered = true;
      rest = rest.subarray(end + 1);
    }
    while (rest.length >= LENGTH_BYTES) {
      const length = rest.readUInt32BE();
      if (length > PIECE_BYTES_LIMIT) throw new Error("it says what no monitor of ours says");
      if (length === 0) return;
      if (rest.length < LENGTH_BYTES + length) break;
      yield rest.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
      rest = rest.subarray(LENGTH_BYTES + length);
    }
  }
  throw new Error("it ended half-way");
}
