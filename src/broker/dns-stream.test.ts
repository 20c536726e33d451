import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DnsStreamReader, framed } from "./index.ts";

test("messages come out whole and in order, however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 1024 }), { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 }),
      (messages, cuts) => {
        const stream = Buffer.concat(messages.map(framed));
        const reader = new DnsStreamReader();
        const out: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = cuts[turn % cuts.length] ?? 1;
          out.push(...(reader.push(stream.subarray(at, at + size)) ?? assert.fail("the stream was closed")));
          at += size;
        }
        assert.deepEqual(
          out.map((message) => Buffer.from(message)),
          messages.map((message) => Buffer.from(message)),
        );
      },
    ),
  );
});

test("a length that no query has closes the stream for good", () => {
  for (const head of [
    [0, 0],
    [4, 1],
    [0xff, 0xff],
  ]) {
    const reader = new DnsStreamReader();
    assert.equal(reader.push(Buffer.from(head)), undefined);
    assert.equal(reader.push(framed(Buffer.from([1]))), undefined);
  }
});
