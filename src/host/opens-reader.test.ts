import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OpensReader, type OpensSeen } from "./opens-reader.ts";

const MARK = "/run/skerry/mark-folder/mark";

const read = (...fields: readonly (string | Buffer)[]) =>
  new OpensReader("/home/ada", MARK).push(
    Buffer.concat(fields.flatMap((field) => [typeof field === "string" ? Buffer.from(field) : field, Buffer.of(0)])),
  );

const shown = (seen: readonly OpensSeen[]) =>
  seen.map((one) => (one.kind === "event" ? `${one.event.kind} ${one.event.path}` : one.kind));

test("what is opened, listed and changed is told with its path below the folder", () => {
  const seen = read(
    ...["/home/ada/notes/a", "OPEN", "/home/ada/notes/", "OPEN,ISDIR", "/home/ada/notes", "OPEN,ISDIR"],
    ...[
      "/home/ada/",
      "OPEN,ISDIR",
      "/home/ada/b",
      "CREATE",
      "/home/ada/c",
      "CLOSE_WRITE,CLOSE",
      "/home/ada/d",
      "ATTRIB",
    ],
    ...["/home/ada/old", "MOVED_FROM,ISDIR", "/home/ada/new", "MOVED_TO,ISDIR", "/home/ada/new", "IGNORED"],
  );
  assert.deepEqual(shown(seen), [
    ...["read notes/a", "list notes", "list notes", "list ", "change b", "change c", "change d"],
    ...["change old", "change new"],
  ]);
});

test("a name may hold a line break, a comma, or words of an event", () => {
  const seen = read("/home/ada/a\nOPEN", "OPEN", "/home/ada/MODIFY,b", "OPEN");
  assert.deepEqual(shown(seen), ["read a\nOPEN", "read MODIFY,b"]);
});

test("a name that is no UTF-8 is marked, and is no other name", () => {
  const path = Buffer.concat([Buffer.from("/home/ada/x/"), Buffer.of(0xff, 0xfe)]);
  const [one] = read(path, "OPEN");
  assert.ok(one?.kind === "event" && one.event.path.startsWith("x/") && one.event.path.endsWith("\0"));
});

test("the mark is told, its folder is not, and what lies elsewhere or says something unknown is unreadable", () => {
  assert.deepEqual(shown(read(MARK, "OPEN", "/run/skerry/mark-folder/", "OPEN,ISDIR")), ["mark"]);
  assert.deepEqual(shown(read("/home/adam/x", "OPEN")), ["unreadable"]);
  assert.deepEqual(shown(read("/home/ada/x", "OPEN,SOMETHING")), ["unreadable"]);
  assert.deepEqual(shown(read("", "Q_OVERFLOW")), ["unreadable"]);
});

test("what never ends is given up", () => {
  const reader = new OpensReader("/home/ada", MARK);
  assert.deepEqual(reader.push(Buffer.alloc(20_000, 97)), [{ kind: "unreadable" }]);
});

test("where the bytes are cut does not matter, and whatever comes, paths stay below the folder", () => {
  const field = fc.oneof(
    fc.constantFrom("/home/ada/notes/a", "/home/ada", "OPEN", "OPEN,ISDIR", "CREATE", MARK, "", "/etc/passwd"),
    fc.string().filter((text) => !text.includes("\0")),
  );
  fc.assert(
    fc.property(fc.array(field), fc.array(fc.nat(40)), (fields, cuts) => {
      const bytes = Buffer.from(fields.map((text) => `${text}\0`).join(""));
      const whole = new OpensReader("/home/ada", MARK).push(bytes);
      const reader = new OpensReader("/home/ada", MARK);
      const pieces: OpensSeen[] = [];
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        pieces.push(...reader.push(bytes.subarray(at, at + cut)));
        at += cut;
      }
      pieces.push(...reader.push(bytes.subarray(at)));
      assert.deepEqual(pieces, whole);
      for (const one of whole) if (one.kind === "event") assert.ok(!one.event.path.startsWith("/"));
    }),
  );
});
