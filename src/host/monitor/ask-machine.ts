/** Ask machine: one of our own programs in the machine, started by its control end, and what it says. */
import type { Channel } from "./channel.ts";

/** What it says is a number, or a complaint. */
const SAID_BYTES_LIMIT = 4096;

/**
 * @returns its output, as plain characters
 * @throws with what it complains of, where it does not end with 0 in time
 */
export async function askMachine(channel: Channel, words: readonly string[], withinMs: number): Promise<string> {
  const opened: number[] = [];
  const hear = async (label: string): Promise<string> =>
    await new Promise((resolve, reject) => {
      let text = "";
      const id = channel.open(label, {
        room() {},
        data(bytes, passed) {
          passed();
          text = (text + bytes.toString("latin1")).slice(0, SAID_BYTES_LIMIT);
        },
        end() {
          if (id !== undefined) channel.end(id);
          resolve(text.replaceAll(/[^\x20-\x7e\n]/g, "?"));
        },
        reset: (because) => reject(new Error(because)),
      });
      if (id === undefined) reject(new Error("no stream"));
      else opened.push(id);
    });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it does not answer in time")), withinMs);
  });
  try {
    const ended = hear(`exec npp 24 80\0${words.map((word) => `${word}\0`).join("")}`);
    const [id] = opened;
    // One that is turned down takes the others with it, whose ends nobody waits for.
    const [end, out, err] = await Promise.race([Promise.all([ended, hear(`out ${id}`), hear(`err ${id}`)]), late]);
    if (end === "exit 0\n") return out;
    throw new Error(err.trim() === "" ? `it ended with ${end.trim()}` : err.trim());
  } catch (error) {
    for (const id of opened) channel.reset(id);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
