import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Extension, helloMessage, realHello, records, serverName, sized } from "./hello.fixture.ts";
import { ClientHelloReader, type Hello, MAX_HELLO_BYTES, whyNotSameName } from "./index.ts";

function read(bytes: Uint8Array, piece = bytes.length): Hello {
  const reader = new ClientHelloReader();
  let hello: Hello = { kind: "more" };
  for (let at = 0; at < bytes.length; at += piece) hello = reader.push(bytes.subarray(at, at + piece));
  return hello;
}

const hello = (extensions: readonly Extension[] | undefined) => read(records(helloMessage(extensions)));

test("a real client's name is read, in one piece and byte by byte", async () => {
  const bytes = await realHello("www.example.org");
  assert.deepEqual(read(bytes), { kind: "name", name: "www.example.org" });
  assert.deepEqual(read(bytes, 1), { kind: "name", name: "www.example.org" });
  assert.deepEqual(read(bytes.subarray(0, -1)), { kind: "more" });
  assert.deepEqual(read(await realHello(undefined)), { kind: "no-name" });
});

test("a name in other letters is the same name; whatever else a server might fold is none", () => {
  assert.deepEqual(hello([serverName("Bank.Example")]), { kind: "name", name: "bank.example" });
  for (const name of [
    "bank.example.",
    "bank.example\0.evil.example",
    "b\u00fccher.example",
    ".bank.example",
    "a..b",
    "",
    "[::1]",
  ])
    assert.equal(hello([serverName(name)]).kind, "malformed", JSON.stringify(name));
  assert.equal(hello([serverName("a".repeat(64))]).kind, "malformed");
  assert.equal(hello([serverName(`${"a.".repeat(127)}a`)]).kind, "malformed");
});

test("two names are no name: which of them counts is for others to guess", () => {
  assert.equal(hello([serverName("a.example", "b.example")]).kind, "malformed");
  assert.equal(hello([serverName("a.example"), serverName("b.example")]).kind, "malformed");
  assert.equal(hello([serverName()]).kind, "malformed");
});

test("an encrypted ClientHello is told from a readable one, whatever name stands outside", () => {
  for (const kind of [0xfe0d, 0xfe08, 0xffce])
    assert.deepEqual(hello([serverName("bank.example"), [kind, Buffer.alloc(20)]]), { kind: "encrypted" });
});

test("what is no TLS is said at its first byte", () => {
  assert.deepEqual(read(Buffer.from("GET / HTTP/1.1\r\n")), { kind: "not-tls" });
  assert.deepEqual(read(Buffer.from([22, 2])), { kind: "not-tls" });
  assert.deepEqual(read(Buffer.from([0x80, 0x2e, 1, 3, 1])), { kind: "not-tls" }, "SSL 2");
  assert.deepEqual(read(Buffer.alloc(0)), { kind: "more" });
});

test("what begins as TLS and breaks its rules is malformed", () => {
  const whole = records(helloMessage([serverName("a.example")]));
  const message = helloMessage([serverName("a.example")]);
  const twoKinds = Buffer.concat([records(message.subarray(0, 9)), Buffer.from([23, 3, 3, 0, 1, 0])]);
  const cases: Readonly<Record<string, Uint8Array>> = {
    "an empty record": Buffer.from([22, 3, 1, 0, 0]),
    "a record that is too long": Buffer.from([22, 3, 1, 0x40, 1]),
    "another message": Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]),
    "a message that is too long": Buffer.from([22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff]),
    "two messages in a record": records(Buffer.concat([message, message])),
    "a record of another kind between": twoKinds,
    "an extension that is cut off": records(
      Buffer.concat([Buffer.from([1]), sized(3, Buffer.concat([message.subarray(4, -1)]))]),
    ),
  };
  for (const [what, bytes] of Object.entries(cases)) assert.equal(read(bytes).kind, "malformed", what);
  assert.equal(read(Buffer.concat([whole, Buffer.from("anything")])).kind, "name", "what comes behind is not read");
  assert.equal(hello(undefined).kind, "no-name");
});

test("many small records are read up to a bound", () => {
  const message = helloMessage([serverName("a.example")]);
  assert.equal(read(records(message, 2)).kind, "name");
  const long = helloMessage([[21, Buffer.alloc(500)], serverName("a.example")]);
  assert.equal(read(records(long, 1)).kind, "malformed", "too many records");
  assert.equal(read(records(helloMessage([[21, Buffer.alloc(15_000)], serverName("a.example")]))).kind, "name");
  assert.equal(read(records(helloMessage([[21, Buffer.alloc(MAX_HELLO_BYTES)]]))).kind, "malformed");
});

test("however a ClientHello is cut into records and pieces, the same is read", () => {
  fc.assert(
    fc.property(
      fc.domain().map((name) => name.toLowerCase()),
      fc.integer({ min: 12, max: 600 }),
      fc.integer({ min: 1, max: 400 }),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 60_000 }), fc.uint8Array({ maxLength: 80 })), { maxLength: 5 }),
      (name, record, piece, others) => {
        const kinds = new Map(others);
        const bytes = records(helloMessage([...kinds, serverName(name)]), record);
        assert.deepEqual(read(bytes, piece), { kind: "name", name });
      },
    ),
  );
});

test("whatever bytes come, there is one answer, and a name only from what is whole", () => {
  const plain = records(helloMessage([serverName("a.example"), [10, Buffer.alloc(9)]]));
  const broken = fc.array(fc.tuple(fc.nat(plain.length - 1), fc.nat(255)), { maxLength: 4 }).map((changes) => {
    const bytes = Buffer.from(plain);
    for (const [at, value] of changes) bytes[at] = value;
    return bytes;
  });
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array({ maxLength: 400 }), broken),
      fc.integer({ min: 1, max: 50 }),
      (bytes, piece) => {
        const whole = read(bytes);
        const cut = read(bytes, piece);
        if (whole.kind === "name") assert.ok(/^[a-z0-9_.-]{1,253}$/.test(whole.name));
        assert.equal(cut.kind, whole.kind);
      },
    ),
    {
      numRuns: 2000,
      examples: [
        [Buffer.from([22, 3, 1, 0, 1, 1, 23]), 7],
        [Buffer.from([22, 3, 1, 0, 1, 1, 23]), 1],
      ],
    },
  );
});

test("same-name lets through the granted name alone", () => {
  assert.equal(whyNotSameName({ kind: "name", name: "bank.example" }, "bank.example"), undefined);
  assert.equal(whyNotSameName({ kind: "name", name: "evil.example" }, "bank.example"), "other-name");
  assert.equal(whyNotSameName({ kind: "encrypted" }, "bank.example"), "encrypted-name");
  assert.equal(whyNotSameName({ kind: "no-name" }, "bank.example"), "no-name");
  assert.equal(whyNotSameName({ kind: "more" }, "bank.example"), "not-tls");
  assert.equal(whyNotSameName({ kind: "not-tls" }, "bank.example"), "not-tls");
  assert.equal(whyNotSameName({ kind: "malformed", because: "x" }, "bank.example"), "malformed");
});
