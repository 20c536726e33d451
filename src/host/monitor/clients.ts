/**
 * Clients: a Unix socket at which the agent and the command line open streams into the machine, a connection for each.
 *
 * A client says four bytes of length and a label; it is answered `+NUMBER`, or `-` and a reason, and a line's end. From
 * there on the connection is the stream. The socket lies where only this machine's owner can reach it
 * (src/host/channel/, docs/decisions/0015-one-channel-into-a-machine.md).
 */
import { createServer, type Server, type Socket } from "node:net";
import { type Channel, Feed, pour } from "./channel.ts";
import { FRAME_BYTES_LIMIT } from "./mux-frames.ts";

/** Each has a stream at most. */
const CLIENTS_LIMIT = 150;

const LENGTH_BYTES = 4;

/** A label is said at once. */
const LABEL_WITHIN_MS = 30_000;

/** @returns what listens, which a monitor keeps for its machine's life */
export async function listenForClients(path: string, channel: Promise<Channel>): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on("error", () => {});
    client.setTimeout(LABEL_WITHIN_MS, () => client.destroy());
    let said: Buffer = Buffer.alloc(0);
    const more = (piece: Buffer) => {
      said = Buffer.concat([said, piece]);
      const length = said.length < LENGTH_BYTES ? 0 : said.readUInt32BE();
      if (length > FRAME_BYTES_LIMIT) client.destroy();
      if (length > FRAME_BYTES_LIMIT || said.length < LENGTH_BYTES + length || said.length < LENGTH_BYTES) return;
      client.off("data", more).pause().setTimeout(0);
      client.unshift(said.subarray(LENGTH_BYTES + length));
      const label = Buffer.from(said.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
      // Who comes before the machine is up waits for it.
      void channel.then((open) => serve(client, label, open));
    };
    client.on("data", more);
  });
  server.maxConnections = CLIENTS_LIMIT;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return server;
}

function serve(client: Socket, label: Buffer, channel: Channel): void {
  let feed: Feed | undefined;
  const id = channel.open(label, {
    room() {
      if (feed === undefined && id !== undefined) {
        client.write(`+${id}\n`);
        feed = new Feed(channel, id, client);
      }
      feed?.room();
    },
    data(bytes, passed) {
      // What it does not read any more is of no use to anybody.
      if (client.destroyed && id !== undefined) channel.reset(id);
      else pour(bytes, client, passed);
    },
    end: () => client.end(),
    reset(because) {
      if (feed === undefined) client.end(`-${because}\n`);
      else client.destroy();
    },
  });
  if (id === undefined) {
    client.end("-the machine takes no stream now\n");
    return;
  }
  // One that has said its last is closed as soon as the machine has, while its last words may still wait for room.
  let ended = false;
  client.once("end", () => (ended = true));
  client.once("close", () => (ended ? undefined : channel.reset(id)));
}
