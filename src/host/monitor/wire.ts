/**
 * Wire: joins the card of a machine to its port at a provider, for as long as the machine runs.
 *
 * The VMM connects to us and never again; the port comes and goes with the provider. So a provider can be started anew, and
 * the machine sees only that nothing answers for a while. Frames are handed on whole, or dropped.
 */
import { connect, type Socket } from "node:net";
import { framed, FrameReader } from "./frames.ts";
import { listenOnce } from "./streams.ts";

/** While a provider is away it is looked for this often. */
const AGAIN_AFTER_MS = 250;

/** What waits for a reader who is slow; more is dropped, as on any network. */
const WAITING_BYTES_LIMIT = 1024 * 1024;

/** @param card - where the VMM connects; @param port - where the provider listens */
export async function joinWire(card: string, port: string): Promise<void> {
  const { connected } = await listenOnce(card);
  void connected.then((vmm) => {
    let toPort: Socket | undefined;
    const dial = () => {
      const socket = connect(port);
      socket.on("error", () => {});
      socket.once("connect", () => (toPort = socket));
      // A stream that makes no sense is shut, and begun anew.
      handOn(socket, () => vmm);
      socket.once("close", () => {
        toPort = undefined;
        if (!vmm.destroyed) setTimeout(dial, AGAIN_AFTER_MS);
      });
    };
    vmm.on("error", () => {});
    handOn(vmm, () => toPort);
    vmm.once("close", () => toPort?.destroy());
    dial();
  });
}

function handOn(from: Socket, target: () => Socket | undefined): void {
  const reader = new FrameReader();
  from.on("data", (piece) => {
    const frames = reader.read(piece);
    if (frames === undefined) from.destroy();
    for (const frame of frames ?? []) offer(frame, target());
  });
}

/** @returns whether there was room for it */
export function offer(frame: Buffer, target: Socket | undefined): boolean {
  if (target === undefined || target.destroyed || target.writableLength > WAITING_BYTES_LIMIT) return false;
  target.write(framed(frame));
  return true;
}
