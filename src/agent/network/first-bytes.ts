/**
 * First bytes: reads which name a TLS connection asks for before it is made, and keeps what was read for who is to get it.
 */
import type { Socket } from "node:net";
import { ClientHelloReader, type Hello } from "../../broker/index.ts";
import { readInto } from "./reading.ts";

/** A client says hello at once; who waits is none, or holds a place open. */
const HELLO_MS = 10_000;

/** @returns what the app has asked for, and all that it has sent until then; the socket is paused again */
export async function firstBytes(app: Socket): Promise<{ readonly hello: Hello; readonly bytes: Buffer }> {
  const reader = new ClientHelloReader();
  const pieces: Buffer[] = [];
  return await new Promise((resolve) => {
    let hello: Hello = { kind: "more" };
    const finish = () => {
      clearTimeout(timer);
      app.pause();
      for (const name of ["end", "close"]) app.off(name, finish);
      resolve({ hello, bytes: Buffer.concat(pieces) });
    };
    const take = (piece: Uint8Array) => {
      pieces.push(Buffer.from(piece));
      hello = reader.push(piece);
      if (hello.kind !== "more") finish();
      return undefined;
    };
    const timer = setTimeout(finish, HELLO_MS);
    for (const name of ["end", "close"]) app.once(name, finish);
    readInto(app, take, { lender: undefined });
  });
}
