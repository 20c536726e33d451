/**
 * Card: stands between a machine's network card and passt, and passes on what is the machine's own (card-frames.ts).
 *
 * passt has one client, which is this, and ends with it: a copy of a machine that does not go on has not been that client.
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
  readonly asks: boolean;
}

export interface Card {
  /** Connects it: before the VMM begins, or when a copy has gone on. */
  readonly begin: () => Promise<void>;
  /** Frees its place, where it has not begun. */
  readonly close: () => void;
}

/** @param path - where the VMM will connect its card */
export async function attachCard(path: string, words: string): Promise<Card> {
  const { socket, mac, four, six, asks }: CardWords = JSON.parse(words);
  const bytes = (digits: string) => Buffer.from(digits, "hex");
  const own: Own = { mac: bytes(mac), four: bytes(four), six: bytes(six), asks };
  const { connected, close } = await listenOnce(path);
  const begin = async () => {
    const outside = await new Promise<Socket>((resolve, reject) => {
      const made = connect(socket, () => resolve(made)).once("error", reject);
    });
    void connected.then((inside) => join(inside, outside, own));
  };
  return { begin, close };
}

function join(inside: Socket, outside: Socket, own: Own): void {
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
