import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Grant, isWithin } from "../model/index.ts";
import type { LearnedOf } from "./learn.ts";
import { FILES_MOST, type FolderEvent, learnFolder, NOTHING_SEEN, withEvent } from "./learn-folder.ts";

const request = (parts: Partial<LearnedOf> = {}): LearnedOf => ({
  ...{ name: "project", need: "optional", verbs: ["read", "write"], grant: undefined },
  ...parts,
});

const learn = (events: readonly FolderEvent[], parts: Partial<LearnedOf> = {}, folder = "/home/ada") =>
  learnFolder(request(parts), { folder, seen: events.reduce(withEvent, NOTHING_SEEN), unsure: undefined });

const events = (kind: FolderEvent["kind"], ...paths: readonly string[]) => paths.map((path) => ({ kind, path }));

const answer = ({ grant }: { readonly grant: Grant | undefined }) => [grant?.answer, grant?.folder, grant?.files];

test("what was not opened is denied, and empty where it is required", () => {
  assert.deepEqual(answer(learn([])), ["deny", undefined, undefined]);
  assert.deepEqual(answer(learn([], { need: "required" })), ["empty", undefined, undefined]);
});

test("few files are named, many are the deepest folder that holds them, read-only", () => {
  assert.deepEqual(answer(learn(events("read", "b/x", "a", "b/x"))), ["subset", "/home/ada", ["a", "b/x"]]);
  const many = Array.from({ length: FILES_MOST + 1 }, (_, count) => `src/lib/${count}`);
  assert.deepEqual(answer(learn(events("read", ...many))), ["subset", "/home/ada/src/lib", undefined]);
  assert.deepEqual(answer(learn(events("list", "src"))), ["subset", "/home/ada/src", undefined]);
});

test("what was written makes the deepest folder that holds all of it writable", () => {
  const done = [...events("read", "src/lib/a"), ...events("change", "src/out/b")];
  assert.deepEqual(answer(learn(done)), ["real", "/home/ada/src", undefined]);
  assert.match(learn(done).notes.join(), /get shorter by src\//);
  assert.deepEqual(answer(learn(events("change", "x"), {}, "/")), ["real", "/", undefined]);
  assert.deepEqual(answer(learn(events("change", "x/y"), {}, "/")), ["real", "/x", undefined]);
});

test("an app that may not write has not written: something else has, and that is said", () => {
  const learned = learn([...events("read", "a"), ...events("change", "b")], { verbs: ["read"] });
  assert.deepEqual(answer(learned), ["subset", "/home/ada", ["a"]]);
  assert.deepEqual(learned.notes, ["something else than the app has written there"]);
});

test("a name that would be a pattern is not named: it would mean other files as well", () => {
  assert.deepEqual(answer(learn(events("read", "d/*.txt"))), ["subset", "/home/ada/d", undefined]);
  assert.deepEqual(answer(learn(events("read", "d/why?"))), ["subset", "/home/ada/d", undefined]);
});

test("names that no file of ours can hold are not named one by one, or not at all", () => {
  assert.deepEqual(answer(learn(events("read", "d/a\u0007"))), ["subset", "/home/ada/d", undefined]);
  assert.deepEqual(answer(learn(events("read", "d/a\0"))), ["subset", "/home/ada/d", undefined]);
  assert.equal(learn(events("list", "d\0/e")).grant, undefined);
});

test("where not all is known nothing is proposed", () => {
  const unsure = learnFolder(request(), { folder: "/home/ada", seen: NOTHING_SEEN, unsure: "too much" });
  assert.deepEqual(unsure, { request: "project", grant: undefined, notes: ["too much"] });
});

test("what is proposed covers all that was seen, and never more than the watched folder", () => {
  const name = fc.constantFrom("a", "b", "c d", "ä", "..x");
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  const event = fc.oneof(
    fc.record({ kind: fc.constantFrom("read" as const, "change" as const), path }),
    fc.record({ kind: fc.constant("list" as const), path: fc.oneof(path, fc.constant("")) }),
  );
  const watched = fc.constantFrom("/", "/home/ada");
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 40 }), watched, (seen, folder) => {
      const { grant } = learn(seen, {}, folder);
      assert.ok(grant?.folder !== undefined && isWithin(grant.folder, folder));
      for (const one of seen) {
        const at = `${folder === "/" ? "" : folder}/${one.path}`.replace(/(.)\/$/, "$1");
        if (one.kind === "change")
          assert.ok(grant.answer === "real" && at !== grant.folder && isWithin(at, grant.folder));
        else if (grant.files === undefined) assert.ok(isWithin(at, grant.folder));
        else assert.ok(one.kind === "list" || grant.files.includes(one.path));
      }
    }),
  );
});
