import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ControlReader } from "./control.ts";
import { Tail } from "./streams.ts";

function read(...pieces: readonly string[]) {
  const reader = new ControlReader();
  return pieces.flatMap((piece) => reader.read(Buffer.from(piece, "latin1")));
}

test("an exit code is said in one line, however it comes in", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), fc.nat(), (code, cut) => {
      const line = `exit ${code}\n`;
      const at = cut % line.length;
      assert.deepEqual(read(line.slice(0, at), line.slice(at)), [{ kind: "exit", code }]);
    }),
  );
});

test("that the app begins is said before how it ended", () => {
  assert.deepEqual(read("up\nex", "it 0\n"), [{ kind: "up" }, { kind: "exit", code: 0 }]);
});

for (const line of [
  "exit 256",
  "exit -1",
  "exit 07",
  "exit",
  "exit 1 ",
  "Exit 1",
  "exit 1\r",
  "",
  "failed ROOT",
  "\x1b[2J",
])
  test(`a machine that says ${JSON.stringify(line)} is not listened to any more`, () => {
    assert.deepEqual(read(`${line}\n`, "exit 0\n").at(0), { kind: "astray" });
  });

test("a line without end is none", () => {
  assert.deepEqual(read("e".repeat(65)), [{ kind: "astray" }]);
  assert.deepEqual(read("e".repeat(64)), []);
});

test("whatever a machine says ends in few words of ours", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 80 })), (pieces) => {
      for (const said of read(...pieces)) assert.ok(["up", "exit", "failed", "astray"].includes(said.kind));
    }),
  );
});

test("of a console the end is kept, and nothing that a terminal would act on", () => {
  const tail = new Tail(16);
  tail.add(Buffer.from(`${"x".repeat(1000)}\r\npanic \x1b[31m\xff`, "latin1"));
  assert.equal(tail.text(), "xx\npanic \\x1b[31m\\xff".slice(-tail.text().length));
  assert.match(tail.text(), /panic \\x1b\[31m\\xff$/);
});
