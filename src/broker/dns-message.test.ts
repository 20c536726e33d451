import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type DnsQuery, DNS_CODES, DNS_TYPES, readQuery, writeAnswer, writeCode } from "./index.ts";
import { queryBytes } from "./query.fixture.ts";

function read(bytes: Uint8Array): DnsQuery {
  const query = readQuery(bytes);
  assert.ok(query.ok, JSON.stringify(query));
  return query.value;
}

function why(bytes: Uint8Array) {
  const query = readQuery(bytes);
  assert.ok(!query.ok, "it was let in");
  return query.problem;
}

test("a query is read as it was asked, and names are compared in lower case", () => {
  const query = read(queryBytes({ name: "WWW.Example.org", type: 28, id: 4711, room: 1400 }));
  assert.deepEqual(
    [query.id, query.name, query.shown, query.type, query.roomBytes, query.extended, query.recursionDesired],
    [4711, "www.example.org", "WWW.Example.org", 28, 1232, true, true],
  );
  assert.equal(read(queryBytes({ name: "a.example" })).roomBytes, 512);
  assert.equal(read(queryBytes({ name: "a.example", room: 100 })).roomBytes, 512, "less than that is not a size");
});

test("a name that is made of anything else matches nothing, and is shown escaped", () => {
  const query = read(queryBytes({ name: "a\u001b[2J\u0000.b c.\u00fc" }));
  assert.equal(query.name, undefined);
  assert.equal(query.shown, "a\\027\\0912J\\000.b\\032c.\\252");
  assert.deepEqual([read(queryBytes({ name: "" })).name, read(queryBytes({ name: "" })).shown], [undefined, "."]);
  assert.equal(read(queryBytes({ name: "_sip._tcp.example" })).name, "_sip._tcp.example");
});

test("an answer has the question's own bytes, and the addresses of the kind that was asked for", () => {
  const query = read(queryBytes({ name: "ExAmple.org", id: 258, room: 1232 }));
  const answer = Buffer.from(writeAnswer(query, ["198.18.1.0", "fd53:6b65:7279::100", "198.18.1.1"], 60));
  assert.deepEqual([...answer.subarray(0, 12)], [1, 2, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 1]);
  assert.deepEqual(answer.subarray(12, 12 + query.question.length), Buffer.from(query.question));
  const first = answer.subarray(12 + query.question.length, 12 + query.question.length + 16);
  assert.deepEqual([...first], [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 18, 1, 0]);
  const six = read(queryBytes({ name: "example.org", type: DNS_TYPES.AAAA }));
  const last = Buffer.from(writeAnswer(six, ["198.18.1.0", "fd53:6b65:7279::100"], 0)).subarray(-16);
  assert.equal(last.toString("hex"), "fd536b65727900000000000000000100");
  const mail = Buffer.from(writeAnswer(read(queryBytes({ name: "example.org", type: 15 })), ["198.18.1.0"], 0));
  assert.equal(mail.readUInt16BE(6), 0, "another kind has nothing");
  assert.equal(writeCode(query, DNS_CODES.refused)[3], 0x85);
});

test("an answer that does not fit is cut, and says so", () => {
  const query = read(queryBytes({ name: "example.org" }));
  const many = Array.from({ length: 100 }, (_, index) => `192.0.2.${index}`);
  const answer = Buffer.from(writeAnswer(query, many, 60));
  assert.ok(answer.length <= 512);
  assert.equal(answer.readUInt16BE(2) & 0x0200, 0x0200);
  assert.equal(answer.length, 12 + query.question.length + 16 * answer.readUInt16BE(6));
});

test("what is no plain query is refused, with an answer only where one can be given", () => {
  const plain = queryBytes({ name: "example.org" });
  const changed = (at: number, value: number) => Buffer.from(plain.map((byte, index) => (index === at ? value : byte)));
  assert.equal(why(plain.subarray(0, 11)).answer, undefined);
  assert.equal(why(changed(2, 0x81)).answer, undefined, "an answer is not answered");
  const reasons: readonly (readonly [Uint8Array, string])[] = [
    [changed(2, 0x28), "another operation than a query"],
    [changed(2, 0x02), "cut off"],
    [changed(5, 2), "another number of records than a query has"],
    [changed(7, 1), "another number of records than a query has"],
    [changed(11, 9), "another number of records than a query has"],
    [changed(12, 0xc0), "a name that refers to another place"],
    [changed(12, 0x40), "a name that refers to another place"],
    [changed(12, 60), "a name that is cut off"],
    [changed(plain.length - 1, 3), "another class than the internet's"],
    [plain.subarray(0, -1), "a question that is cut off"],
    [Buffer.concat([plain, Buffer.from([0])]), "bytes behind its end"],
    [Buffer.concat([plain, Buffer.alloc(2000)]), "longer than 1024 bytes"],
    [changed(11, 1), "a record that no query has"],
    [Buffer.concat([queryBytes({ name: "a.example", room: 512 }), Buffer.from([1])]), "bytes behind its end"],
    [queryBytes({ name: Array.from({ length: 5 }, () => "x".repeat(60)).join(".") }), "a name that is too long"],
  ];
  for (const [bytes, because] of reasons) {
    const problem = why(bytes);
    assert.equal(problem.because, because);
    const answer = Buffer.from(problem.answer ?? []);
    assert.equal(answer.length, 12, because);
    assert.ok(answer.readUInt16BE(0) === 7 && answer.readUInt16BE(2) >= 0x8000 && (answer[3] ?? 0) % 16 !== 0);
    assert.ok(answer.subarray(4).every((byte) => byte === 0));
  }
});

const label = fc.string({
  unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyzABCDEF0123456789-_"),
  minLength: 1,
  maxLength: 63,
});

test("every query that is written is read back, and its answer is within what the asker takes", () => {
  const asked = fc.record({
    name: fc
      .array(label, { minLength: 1, maxLength: 12 })
      .map((labels) => labels.join("."))
      .filter((name) => name.length <= 253),
    type: fc.integer({ min: 0, max: 65_535 }),
    id: fc.integer({ min: 0, max: 65_535 }),
    room: fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(asked, fc.array(fc.ipV4()), (wanted, addresses) => {
      const query = read(queryBytes(wanted));
      assert.deepEqual([query.name, query.type, query.id], [wanted.name.toLowerCase(), wanted.type, wanted.id]);
      const answer = writeAnswer(query, addresses, 60);
      assert.ok(answer.length <= query.roomBytes && query.roomBytes <= Math.max(512, wanted.room ?? 0));
    }),
  );
});

test("whatever bytes come, they are read or refused, and no refusal answers more than was sent", () => {
  const noise = fc.uint8Array({ maxLength: 1500 });
  const broken = fc
    .tuple(fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 }), fc.nat(60))
    .map(([changes, cut]) => {
      const bytes = queryBytes({ name: "www.example.org", room: 1232 });
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return bytes.subarray(0, bytes.length - (cut % 20));
    });
  fc.assert(
    fc.property(fc.oneof(noise, broken), (bytes) => {
      const query = readQuery(bytes);
      if (!query.ok) return assert.ok((query.problem.answer?.length ?? 0) <= bytes.length);
      assert.ok(/^[!-~]+$/.test(query.value.shown), "a shown name is printable");
      assert.ok(query.value.name === undefined || /^[a-z0-9_.-]{1,253}$/.test(query.value.name));
      assert.ok(query.value.question.length <= 259);
    }),
    { numRuns: 2000 },
  );
});
