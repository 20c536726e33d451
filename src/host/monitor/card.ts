/**
 * Card: stands between a machine's network card and passt, and passes on what is the machine's own (card-frames.ts).
 *
 * passt has one client, which is this: it is connected before the VMM begins.
 */
import { connect, type Socket } from "node:net";
import { acknowledgeReset, FrameReader, isOwn, type Own } from "./card-frames.ts";
import { listenOnce } from "./streams.ts";

/** As the backend writes it: a path, and addresses as hexadecimal digits. */
interface CardWords {
  readonly socket: string;
  readonly mac: string;
  readonly four: string;
  readonly six: string;
}

/** @param path - where the VMM will connect its card */
export async function attachCard(path: string, words: string): Promise<void> {
  const { socket, mac, four, six }: CardWords = JSON.parse(words);
  const own: Own = { mac: Buffer.from(mac, "hex"), four: Buffer.from(four, "hex"), six: Buffer.from(six, "hex") };
  const outside = await new Promise<Socket>((resolve, reject) => {
    const made = connect(socket, () => resolve(made)).once("error", reject);
  });
  const { connected } = await listenOnce(path);
  void connected.then((inside) => {
    for (const [one, other] of [
      [inside, outside],
      [outside, inside],
    ] as const)
      one.on("error", () => {}).once("close", () => other.destroy());
    passOn(inside, outside, (frames) => frames.filter((frame) => isOwn(frame, own)));
    passOn(outside, inside, (frames) => {
      for (const frame of frames) acknowledgeReset(frame);
      return frames;
    });
  });
}

function passOn(from: Socket, to: Socket, change: (frames: readonly Buffer[]) => readonly Buffer[]): void {
  const reader = new FrameReader();
  from.on("data", (piece) => {
    const frames = reader.read(piece);
    if (frames === undefined) {
      from.destroy();
      return;
    }
    const kept = change(frames);
    if (kept.length === 0 || to.write(kept.length === 1 ? (kept[0] ?? piece) : Buffer.concat(kept))) return;
    from.pause();
    to.once("drain", () => from.resume());
  });
}
