import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import fc from "fast-check";
import { readGlobals, screenGlobals } from "./screen-globals.ts";

const folder = mkdtempSync(`${tmpdir()}/skerry-globals-`);
after(() => rmSync(folder, { recursive: true }));

function event(object: number, opcode: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(object);
  head.writeUInt16LE(opcode, 4);
  head.writeUInt16LE(8 + body.length, 6);
  return Buffer.concat([head, body]);
}

function global(name: string): Buffer {
  const padded = Buffer.alloc(Math.ceil((name.length + 1) / 4) * 4);
  padded.write(name, "latin1");
  const [head, tail] = [Buffer.alloc(8), Buffer.alloc(4)];
  head.writeUInt32LE(name.length + 1, 4);
  return event(2, 0, Buffer.concat([head, padded, tail]));
}

const DONE = event(3, 0, Buffer.alloc(4));

test("what a compositor offers is read up to its answer, in whatever pieces it comes", () => {
  const whole = Buffer.concat([global("wl_compositor"), event(1, 1, Buffer.alloc(4)), global("wl_shm"), DONE]);
  for (let length = 0; length < whole.length; length++)
    assert.deepEqual(readGlobals(whole.subarray(0, length)), { kind: "more" });
  assert.deepEqual(readGlobals(whole), { kind: "all", interfaces: ["wl_compositor", "wl_shm"] });
});

test("what no compositor says is no answer", () => {
  const bad = [
    Buffer.from("HTTP/1.1 400 Bad Request\r\n"),
    event(1, 0, Buffer.alloc(12)),
    event(2, 0, Buffer.alloc(4)),
    global("Not A Name"),
    global(""),
    event(2, 0, Buffer.concat([Buffer.alloc(4), Buffer.alloc(4, 0xff), Buffer.alloc(8)])),
    event(3, 0, Buffer.alloc(4)).fill(1, 6, 8),
  ];
  for (const bytes of bad) assert.equal(readGlobals(bytes).kind, "wrong", bytes.toString("hex"));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.ok(["all", "more", "wrong"].includes(readGlobals(Buffer.from(bytes)).kind));
    }),
  );
});

test("a socket is asked, and one that says too much or hangs up has no answer", async () => {
  const said: readonly Buffer[] = [
    Buffer.concat([global("wl_shm"), DONE]),
    Buffer.concat(Array.from({ length: 3000 }, () => global("wl_compositor"))),
    Buffer.alloc(0),
  ];
  const found = [];
  for (const [index, bytes] of said.entries()) {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end(bytes));
    });
    await new Promise<void>((resolve) => server.listen(`${folder}/${index}`, resolve));
    found.push(await screenGlobals(`${folder}/${index}`));
    server.close();
  }
  assert.deepEqual(found, [new Set(["wl_shm"]), undefined, undefined]);
  assert.equal(await screenGlobals(`${folder}/absent`), undefined);
});
