import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { processOf } from "./processes.ts";
import { inodeIn, inodeOfSocket, programWith } from "./socket-owner.ts";

const LIST = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:C350 0712A8C0:01BB 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:C351 B80D0120000000000000000007000000:0050 01 0:0 0:0 0 0 0 4713 1 0
   3: 0100007F:C352 0712A8C0:01BB 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 100 0 0 10 0
`;

test("a socket is found by both of its ends, in whichever form they are written", () => {
  const far = { address: "192.168.18.7", port: 443 };
  const near = { address: "127.0.0.1", port: 50_000 };
  assert.equal(inodeIn(LIST, near, far), "4712");
  assert.equal(inodeIn(LIST, { address: "::ffff:127.0.0.1", port: 50_000 }, far), "4712");
  assert.equal(inodeIn(LIST, { ...near, port: 50_001 }, { address: "2001:db8::7:0:0", port: 80 }), undefined);
  assert.equal(inodeIn(LIST, { ...near, port: 50_001 }, { address: "2001:db8::7", port: 80 }), "4713");
  assert.equal(inodeIn(LIST, near, { ...far, port: 444 }), undefined);
  assert.equal(inodeIn(LIST, { address: undefined, port: 53 }, undefined), "4711");
  assert.equal(inodeIn(LIST, { address: undefined, port: 50_002 }, undefined), undefined, "nobody has it any more");
});

test("whatever the list, reading it ends", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      inodeIn(`\n${text}`, { address: "127.0.0.1", port: 1 }, undefined);
    }),
  );
});

test("this program is found by a connection of its own", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const client = connect(address.port, "127.0.0.1");
  await once(client, "connect");
  const own = processOf(process.pid);
  assert.ok(own !== undefined);
  const inode = inodeOfSocket(
    own,
    "tcp",
    { address: client.localAddress, port: client.localPort ?? 0 },
    { address: "127.0.0.1", port: address.port },
  );
  assert.ok(inode !== undefined);
  // On a busy machine it is not found in time, and then not told.
  let found: string | undefined;
  for (let tries = 0; found === undefined && tries < 100; tries++) found = programWith(inode, own);
  assert.equal(found, process.execPath);
  assert.equal(programWith("1", own), undefined);
  client.destroy();
  server.close();
});
