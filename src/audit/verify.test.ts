import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { AuditEvent } from "./event.ts";
import { type AuditRecord, type ChainEnd, CHAIN_START, headOf, parseHead, parseRecord, sealRecord } from "./record.ts";
import { type AuditLine, describeBroken, verifyChain } from "./verify.ts";

const TIME = "2026-11-20T12:00:00.000Z";

interface Chain {
  readonly texts: readonly string[];
  readonly records: readonly AuditRecord[];
}

function chainOf(events: readonly AuditEvent[]): Chain {
  const texts: string[] = [];
  const records: AuditRecord[] = [];
  let end: ChainEnd = CHAIN_START;
  for (const event of events) {
    const { record, line } = sealRecord(event, end, TIME);
    texts.push(line);
    records.push(record);
    end = record;
  }
  return { texts, records };
}

function linesOf(texts: readonly string[]): AuditLine[] {
  return texts.map((text, index) => ({ file: "00000001.jsonl", line: index + 1, content: { text }, torn: false }));
}

/** What verifyChain() finds, as its kind and the record that it names. */
function findingOf(texts: readonly string[], head?: ReturnType<typeof headOf>): string {
  const verdict = verifyChain(linesOf(texts), head);
  return verdict.ok ? "whole" : `${verdict.problem.what} ${verdict.problem.seq}`;
}

const anyText = fc.string({ unit: "binary", maxLength: 30 });
const anyEvent: fc.Arbitrary<AuditEvent> = fc.oneof(
  fc.record({ kind: fc.constant("stop" as const), instance: anyText, id: anyText }),
  fc.record({
    kind: fc.constant("exec" as const),
    instance: anyText,
    id: anyText,
    command: fc.array(anyText, { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant("refused" as const),
    instance: fc.option(anyText, { nil: undefined }),
    what: anyText,
    because: anyText,
  }),
  fc.record({ kind: fc.constant("lock" as const), recipe: anyText, lock: anyText, packages: fc.nat() }),
);
const anyChain = fc.array(anyEvent, { minLength: 2, maxLength: 8 }).map(chainOf);

test("a chain as it was written is whole, and ends with its head", () => {
  fc.assert(
    fc.property(anyChain, ({ texts, records }) => {
      const last = records.at(-1);
      assert.ok(last);
      const verdict = verifyChain(linesOf(texts), headOf(last));
      assert.deepEqual(verdict, {
        ok: true,
        value: { records: texts.length, from: 1, head: headOf(last), headFound: true, torn: undefined },
      });
    }),
  );
});

test("a change of any single character is found, in the line where it was made", () => {
  fc.assert(
    fc.property(
      anyChain,
      fc.nat(),
      fc.nat(),
      fc.string({ minLength: 1, maxLength: 1 }),
      ({ texts }, which, where, char) => {
        const index = which % texts.length;
        const text = texts[index] ?? "";
        const at = where % text.length;
        fc.pre(text[at] !== char);
        const verdict = verifyChain(linesOf(texts.with(index, text.slice(0, at) + char + text.slice(at + 1))));
        assert.ok(!verdict.ok);
        assert.equal(verdict.problem.line, index + 1);
      },
    ),
    { numRuns: 1000 },
  );
});

test("a removed record is found and named, whichever but the last it is", () => {
  fc.assert(
    fc.property(anyChain, fc.nat(), ({ texts }, which) => {
      const index = which % (texts.length - 1);
      const expected = index === 0 ? "start-missing 1" : `missing ${index + 1}`;
      assert.equal(findingOf(texts.toSpliced(index, 1)), expected);
    }),
  );
});

test("two swapped records are found", () => {
  fc.assert(
    fc.property(anyChain, fc.nat(), fc.nat(), ({ texts }, one, other) => {
      const left = one % texts.length;
      const right = other % texts.length;
      fc.pre(left < right);
      const swapped = texts.with(left, texts[right] ?? "").with(right, texts[left] ?? "");
      const verdict = verifyChain(linesOf(swapped));
      assert.ok(!verdict.ok);
      assert.ok(["misplaced", "start-missing"].includes(verdict.problem.what));
    }),
  );
});

test("a record that stands there twice is found", () => {
  const { texts } = chainOf([stop("a"), stop("b"), stop("c")]);
  assert.equal(findingOf([...texts, texts[1] ?? ""]), "misplaced 2");
});

test("a cut-off end is not found without an exported head, and is found with one", () => {
  fc.assert(
    fc.property(anyChain, fc.nat(), ({ texts, records }, which) => {
      const keep = which % texts.length;
      const last = records.at(-1);
      assert.ok(last);
      assert.equal(findingOf(texts.slice(0, keep)), "whole");
      assert.equal(findingOf(texts.slice(0, keep), headOf(last)), `cut-off ${last.seq}`);
    }),
  );
});

test("a record replaced by one that is whole in itself is found, and a chain written anew differs from the head", () => {
  const honest = chainOf([stop("a"), stop("b"), stop("c")]);
  const forged = chainOf([stop("a"), stop("other"), stop("c")]);
  assert.equal(findingOf(honest.texts.with(1, forged.texts[1] ?? "")), "replaced 2");
  assert.equal(findingOf(forged.texts), "whole");
  const head = honest.records.at(-1);
  assert.ok(head);
  assert.equal(findingOf(forged.texts, headOf(head)), "head-differs 3");
});

test("a chain whose start retention removed is whole only with the record that says so", () => {
  const before = chainOf([stop("a"), stop("b"), stop("c")]);
  const end = before.records.at(-1);
  const cut = before.records[1];
  assert.ok(end && cut);
  const trimmed = sealRecord(
    { kind: "trimmed", through: 2, throughHash: cut.hash, files: ["00000001.jsonl"] },
    end,
    TIME,
  );
  const kept = [...before.texts.slice(2), trimmed.line];
  const verdict = verifyChain(linesOf(kept));
  assert.ok(verdict.ok);
  assert.equal(verdict.value.from, 3);
  assert.equal(findingOf(before.texts.slice(2)), "start-missing 2");
  assert.equal(findingOf(kept.slice(1)), "start-missing 3");
  assert.equal(findingOf(kept, headOf(cut)), "whole");
  assert.equal(findingOf(kept, headOf(before.records[0] ?? cut)), "head-too-old 1");
});

test("an unfinished last line is reported and breaks nothing", () => {
  const { texts } = chainOf([stop("a"), stop("b")]);
  const torn: AuditLine = { file: "00000001.jsonl", line: 3, content: { text: '{"cod' }, torn: true };
  const verdict = verifyChain([...linesOf(texts), torn]);
  assert.ok(verdict.ok);
  assert.deepEqual(verdict.value.torn, { file: "00000001.jsonl", line: 3 });
});

test("a finding is told in one line with file, line and record", () => {
  const { texts } = chainOf([stop("a"), stop("b"), stop("c")]);
  const verdict = verifyChain(linesOf(texts.toSpliced(1, 1)));
  assert.ok(!verdict.ok);
  assert.equal(
    describeBroken(verdict.problem),
    "00000001.jsonl:2: record 2 is missing: record 1 is followed by record 3",
  );
});

test("what an app's command line holds is escaped and bounded before it is sealed", () => {
  const command = ["/usr/bin/rg", "\u001b[2J", "x".repeat(100_000), ...Array<string>(1000).fill("y")];
  const { record, line } = sealRecord({ kind: "exec", instance: "a", id: "a.0", command }, CHAIN_START, TIME);
  assert.ok(line.length < 2000);
  assert.ok(!line.includes("\u001b"));
  const kept = record.facts["command"];
  assert.ok(Array.isArray(kept));
  assert.equal(kept[1], "\\x1b[2J");
  assert.equal(kept.at(-1), "… and 971 more");
});

test("any line at all is read or refused, and never throws", () => {
  const { texts } = chainOf([stop("a")]);
  const text = texts[0] ?? "";
  const hostile = [
    "",
    "null",
    "[]",
    "{}",
    '{"__proto__":1}',
    "[".repeat(100_000),
    "x".repeat(1_000_000),
    text.replace('"seq":1', '"seq":1.5'),
  ];
  for (const line of hostile) assert.equal(parseRecord(line).ok, false);
  fc.assert(
    fc.property(fc.json(), (line) => {
      assert.equal(parseRecord(line).ok, false);
    }),
  );
});

test("an exported head is read back, and anything else is refused", () => {
  const { records } = chainOf([stop("a")]);
  const head = records[0] && headOf(records[0]);
  assert.deepEqual(parseHead(`${JSON.stringify(head)}\n`), { ok: true, value: head });
  for (const text of ["", "{}", '{"seq":1}', '{"seq":"1","hash":"","time":""}'])
    assert.equal(parseHead(text).ok, false);
});

function stop(instance: string): AuditEvent {
  return { kind: "stop", instance, id: `${instance}.00000000` };
}
