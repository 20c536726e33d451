import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MachineReader } from "./machine-control.ts";

function heard(...pieces: readonly string[]) {
  const reader = new MachineReader();
  return pieces.map((piece) => reader.read(Buffer.from(piece)));
}

test("who switched a machine off is heard, however the words come in", () => {
  const text = `{"QMP": {"version": {}}}\r\n{"return": {}}\r\n{"event": "SHUTDOWN", "data": {"guest": true}}\r\n`;
  fc.assert(
    fc.property(fc.nat(text.length), (cut) => {
      const kinds = heard(text.slice(0, cut), text.slice(cut)).flatMap((all) => all ?? []);
      assert.deepEqual(kinds, [{ kind: "greeting" }, { kind: "other" }, { kind: "shutdown", guest: true }]);
    }),
  );
});

test("a full disk is another fault than a broken one", () => {
  const event = (data: string) => heard(`{"event": "BLOCK_IO_ERROR", "data": ${data}}\n`)[0];
  assert.deepEqual(event('{"nospace": true, "action": "stop"}'), [{ kind: "disk-fault", full: true }]);
  assert.deepEqual(event('{"nospace": false, "action": "report"}'), [{ kind: "disk-fault", full: false }]);
  assert.deepEqual(event('"full"'), [{ kind: "disk-fault", full: false }]);
});

test("an answer about a picture says whether there is one", () => {
  assert.deepEqual(heard('{"return": {}, "id": "picture"}\n'), [[{ kind: "picture", drawn: true }]]);
  assert.deepEqual(heard('{"error": {"desc": "no"}, "id": "picture"}\n'), [[{ kind: "picture", drawn: false }]]);
  assert.deepEqual(heard('{"return": {}, "id": "other"}\n'), [[{ kind: "other" }]]);
});

test("what is no talk of QEMU's ends the talk", () => {
  for (const text of ["hello\n", "[]\n", "null\n", '"QMP"\n', "{\n", "x".repeat(300_000)])
    assert.deepEqual(heard(text), [undefined], text.slice(0, 20));
});

test("whatever is said ends in few words of ours", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.string(),
          fc.json().map((text) => `${text}\n`),
        ),
      ),
      (pieces) => {
        for (const all of heard(...pieces))
          for (const one of all ?? [])
            assert.ok(["greeting", "shutdown", "disk-fault", "picture", "other"].includes(one.kind));
      },
    ),
  );
});
