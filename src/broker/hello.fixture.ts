/** ClientHellos for tests: a real one of this Node's TLS, and made ones with any extensions. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { connect as connectTls } from "node:tls";

/** The first bytes that a real client sends. */
export async function realHello(name: string | undefined): Promise<Buffer> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const socket = connect(address.port, "127.0.0.1");
  const client = connectTls({ socket, ...(name === undefined ? {} : { servername: name }) });
  client.on("error", () => undefined);
  const [peer] = await once(server, "connection");
  const [bytes] = await once(peer, "data");
  client.destroy();
  peer.destroy();
  server.close();
  return bytes;
}

export type Extension = readonly [kind: number, content: Uint8Array];

export function sized(size: 1 | 2 | 3, bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(size);
  length.writeUIntBE(bytes.length, 0, size);
  return Buffer.concat([length, bytes]);
}

export function serverName(...names: readonly string[]): Extension {
  const entries = names.map((name) => Buffer.concat([Buffer.from([0]), sized(2, Buffer.from(name, "latin1"))]));
  return [0, sized(2, Buffer.concat(entries))];
}

/** The handshake message, without records. */
export function helloMessage(extensions: readonly Extension[] | undefined): Buffer {
  const list = extensions?.map(([kind, content]) => {
    const head = Buffer.alloc(2);
    head.writeUInt16BE(kind);
    return Buffer.concat([head, sized(2, content)]);
  });
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    sized(1, Buffer.alloc(32, 9)),
    sized(2, Buffer.from([0x13, 1])),
    sized(1, Buffer.from([0])),
    ...(list === undefined ? [] : [sized(2, Buffer.concat(list))]),
  ]);
  return Buffer.concat([Buffer.from([1]), sized(3, body)]);
}

/** Cut into records of at most so many bytes. */
export function records(message: Uint8Array, size = 16_384): Buffer {
  const out: Buffer[] = [];
  for (let at = 0; at < message.length; at += size)
    out.push(Buffer.concat([Buffer.from([22, 3, 1]), sized(2, message.subarray(at, at + size))]));
  return Buffer.concat(out);
}
