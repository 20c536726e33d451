import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { spawnSync } from "node:child_process";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { apply } from "./apply.ts";
import { compare, type CompareOptions, type Comparison } from "./compare.ts";
import { withDiffs } from "./differ.ts";
import { discardAll, discardChosen } from "./discard.ts";
import { settle } from "./journal.ts";
import { findStale } from "./stale.ts";
import {
  anyTree,
  at,
  type Entry,
  file,
  folder,
  KNOWS_ALL,
  KNOWS_NOTHING,
  link,
  makePlace,
  makeWhiteout,
  markOpaque,
  type Place,
  readTree,
  type Tree,
  writeTree,
  writeUpper,
} from "./trees.fixture.ts";

function found(place: Place, options: CompareOptions = KNOWS_ALL): Comparison {
  const comparison = compare(place, options);
  assert.ok(comparison !== undefined);
  return comparison;
}

function applyAll(place: Place, force = false, options = KNOWS_ALL, chosen: (path: string) => boolean = () => true) {
  return apply(found(place, options), place, {
    own: place.own,
    force,
    compared: options,
    comparedAt: NEVER,
    chosen,
    progress: () => {},
  });
}

/** A copy in which an app has made `now` of `old`. */
function copyOf(context: TestContext, old: Tree, now: Tree, isOpaque: (name: string) => boolean = () => false): Place {
  const place = makePlace();
  context.after(place.close);
  writeTree(place.real, old);
  writeUpper(place.upper, old, now, isOpaque);
  return place;
}

const NEVER = 10n ** 19n;

const OLD: Tree = {
  keep: file("keep"),
  change: file("old"),
  gone: file("gone"),
  folder: folder({ inner: file("in") }),
};
const NOW: Tree = { keep: file("keep"), change: file("new"), more: folder({ x: file("x") }), folder: file("file now") };

test("a change is told by what it is", (context) => {
  const now = { ...NOW, keep: file("keep", 0o755), away: link("/etc/passwd") };
  const rows = found(copyOf(context, OLD, now)).changes.map(({ path, kind, type }) => [path, kind, type]);
  assert.deepEqual(rows, [
    ["away", "added", "link"],
    ["change", "changed", "file"],
    ["folder", "retyped", "file"],
    ["gone", "removed", "file"],
    ["keep", "mode", "file"],
    ["more", "added", "folder"],
    ["more/x", "added", "file"],
  ]);
});

test("whatever an app made of a tree, applying gives the same tree, and then there is nothing left to apply", () => {
  fc.assert(
    fc.property(anyTree, anyTree, fc.func(fc.boolean()), (old, now, isOpaque) => {
      const place = makePlace();
      try {
        writeTree(place.real, old);
        writeUpper(place.upper, old, now, isOpaque);
        const { changes } = applyAll(place);
        assert.deepEqual(
          changes.filter(({ outcome }) => outcome?.kind !== "applied"),
          [],
        );
        assert.deepEqual(readTree(place.real), sorted(now));
        assert.deepEqual(found(place).changes, []);
        assert.deepEqual(readdirSync(place.upper), []);
        assert.deepEqual(readdirSync(place.own), ["upper"]);
      } finally {
        place.close();
      }
    }),
    { numRuns: 40 },
  );
});

test("applied one by one in any order it is the same, and what was not applied waits", () => {
  fc.assert(
    fc.property(anyTree, anyTree, fc.infiniteStream(fc.nat()), (old, now, picks) => {
      const place = makePlace();
      try {
        writeTree(place.real, old);
        writeUpper(place.upper, old, now, () => false);
        for (let { changes } = found(place); changes.length > 0; { changes } = found(place)) {
          const pick = changes[(picks.next().value ?? 0) % changes.length]?.path;
          const below = (path: string) => path === pick || path.startsWith(`${pick}/`);
          applyAll(place, false, KNOWS_ALL, below);
          const left = found(place).changes;
          assert.ok(left.length < changes.length, `${pick} is still there`);
          assert.ok(!left.some(({ path }) => below(path)));
        }
        assert.deepEqual(readTree(place.real), sorted(now));
      } finally {
        place.close();
      }
    }),
    { numRuns: 15 },
  );
});

test("what is discarded is as it was, and the real folder is not touched", () => {
  fc.assert(
    fc.property(anyTree, anyTree, (old, now) => {
      const place = makePlace();
      try {
        writeTree(place.real, old);
        writeUpper(place.upper, old, now, () => false);
        const first = found(place).changes.find(({ path }) => !path.includes("/"))?.path;
        if (first !== undefined) {
          discardChosen(place.upper, found(place).changes, [first]);
          assert.ok(!found(place).changes.some(({ path }) => path === first || path.startsWith(`${first}/`)));
        }
        discardAll(place.upper);
        assert.deepEqual(found(place).changes, []);
        assert.deepEqual(readTree(place.real), sorted(old));
      } finally {
        place.close();
      }
    }),
    { numRuns: 15 },
  );
});

test("what was changed in the real folder since conflicts, is left out, and can be forced", (context) => {
  const place = copyOf(context, OLD, NOW);
  const conflicts = found(place, KNOWS_NOTHING).changes.filter(({ conflict }) => conflict !== undefined);
  assert.deepEqual(
    conflicts.map(({ path }) => path),
    ["change", "folder", "gone"],
  );
  const { changes } = applyAll(place, false, KNOWS_NOTHING);
  assert.deepEqual(
    changes.map(({ path, outcome }) => [path, outcome?.kind]),
    [
      ["change", "conflict"],
      ["folder", "conflict"],
      ["gone", "conflict"],
      ["more", "applied"],
      ["more/x", "applied"],
    ],
  );
  assert.deepEqual(readTree(place.real), sorted({ ...OLD, more: folder({ x: file("x") }) }));
  applyAll(place, true, KNOWS_NOTHING);
  assert.deepEqual(readTree(place.real), sorted(NOW));
});

test("each change conflicts by the time from which it counts", (context) => {
  const place = copyOf(context, { one: file("1"), two: file("2") }, { one: file("11"), two: file("22") });
  const known = { ...KNOWS_ALL.known, paths: { one: "0" } };
  const at = (options: CompareOptions) => found(place, options).changes.map(({ path, conflict }) => [path, conflict]);
  assert.deepEqual(at({ known, hidden: [] }), [
    ["one", "changed-meanwhile"],
    ["two", undefined],
  ]);
  const incomplete = { ...known, first: "0", paths: { one: known.latest }, incomplete: true };
  assert.deepEqual(at({ known: incomplete, hidden: [] }), [
    ["one", undefined],
    ["two", "changed-meanwhile"],
  ]);
});

test("a removed folder in which something was changed meanwhile stays", (context) => {
  const place = copyOf(context, { f: folder({ a: folder({ b: file("b") }) }) }, {});
  assert.deepEqual(
    applyAll(place, false, KNOWS_NOTHING).changes.map(({ outcome }) => outcome?.kind),
    ["conflict"],
  );
  assert.ok(existsSync(`${place.real}/f/a/b`));
});

test("a folder in which something is changed while others are applied stays", (context) => {
  const place = copyOf(
    context,
    { f: folder({ a: file("a") }), g: folder({ b: file("b") }) },
    { g: file("now a file") },
  );
  const options = { own: place.own, force: true, compared: KNOWS_ALL, chosen: () => true, progress: () => {} };
  const { changes } = apply(found(place), place, { ...options, comparedAt: 0n });
  assert.deepEqual(
    changes.map(({ path, outcome }) => [path, outcome?.kind]),
    [
      ["f", "conflict"],
      ["g", "conflict"],
    ],
  );
  assert.deepEqual(readTree(place.real), { f: folder({ a: file("a") }), g: folder({ b: file("b") }) });
});

test("what came into the place meanwhile is not replaced", (context) => {
  const place = copyOf(context, OLD, NOW);
  const before = found(place);
  writeFileSync(`${place.real}/change`, "by somebody else");
  writeFileSync(`${place.real}/more`, "by somebody else");
  const { changes } = apply(before, place, {
    own: place.own,
    force: true,
    compared: KNOWS_ALL,
    comparedAt: NEVER,
    chosen: () => true,
    progress: () => {},
  });
  const kinds = Object.fromEntries(changes.map(({ path, outcome }) => [path, outcome?.kind]));
  assert.deepEqual(kinds, {
    change: "conflict",
    folder: "applied",
    gone: "applied",
    more: "conflict",
    "more/x": "failed",
  });
  assert.deepEqual(readTree(place.real)["change"], file("by somebody else"));
});

test("no link is followed out of either tree", (context) => {
  const outside = makePlace();
  context.after(outside.close);
  writeFileSync(`${outside.real}/secret`, "secret");
  // Where the app saw a folder, there is a link by now; and where the copy has a folder, the real one has a link.
  const place = copyOf(context, { d: folder({}) }, { d: folder({ x: file("x") }), l: link(outside.real) });
  const before = found(place);
  spawnSync("/usr/bin/rmdir", [`${place.real}/d`]);
  writeTree(place.real, { d: link(outside.real) });
  const { changes } = apply(before, place, {
    own: place.own,
    force: true,
    compared: KNOWS_ALL,
    comparedAt: NEVER,
    chosen: () => true,
    progress: () => {},
  });
  assert.equal(changes.find(({ path }) => path === "d/x")?.outcome?.kind, "failed");
  assert.deepEqual(readdirSync(outside.real), ["secret"]);
  // Looked at anew it is a link that a folder replaces.
  assert.equal(found(place).changes.find(({ path }) => path === "d")?.kind, "retyped");
  applyAll(place, true);
  assert.deepEqual(readTree(place.real), { d: folder({ x: file("x") }), l: link(outside.real) });
  assert.deepEqual(readdirSync(outside.real), ["secret"]);
});

test("set-id bits are not applied, hard links become files, and pipes and sockets stay where they are", (context) => {
  const place = copyOf(context, {}, { tool: file("tool", 0o755), one: file("same") });
  chmodSync(`${place.upper}/tool`, 0o6755);
  linkSync(`${place.upper}/one`, `${place.upper}/other`);
  spawnSync("/usr/bin/mkfifo", [`${place.upper}/pipe`]);
  const { changes } = applyAll(place);
  const failed = changes.filter(({ outcome }) => outcome?.kind === "failed");
  assert.deepEqual(
    failed.map(({ path }) => path),
    ["pipe"],
  );
  assert.deepEqual(readTree(place.real), {
    one: file("same"),
    other: file("same"),
    tool: file("tool", 0o755),
  });
  assert.equal(statSync(`${place.real}/one`).nlink, 1);
  assert.deepEqual(readdirSync(place.upper), ["pipe"]);
});

test("a file with holes is copied with its holes", (context) => {
  const place = copyOf(context, {}, { big: file("start") });
  truncateSync(`${place.upper}/big`, 2 ** 40);
  applyAll(place);
  const { size, blocks } = statSync(`${place.real}/big`);
  assert.equal(size, 2 ** 40);
  assert.ok(blocks * 512 < 2 ** 24, `${blocks} blocks`);
});

test("folders in each other without end are left out, and can be discarded", (context) => {
  const place = copyOf(context, {}, { plain: file("plain") });
  const deep = `const { mkdirSync } = require("node:fs");
    for (let count = 0; count < 3000; count++) { mkdirSync("deeper"); process.chdir("deeper"); }`;
  assert.equal(spawnSync(process.execPath, ["-e", deep], { cwd: place.upper }).status, 0);
  const { changes } = applyAll(place);
  assert.deepEqual(
    changes.filter(({ outcome }) => outcome?.kind === "failed").map(({ path }) => path.split("/").length),
    [200],
  );
  assert.equal(existsSync(`${place.real}/plain`), true);
  discardAll(place.upper);
  assert.deepEqual(readdirSync(place.upper), []);
  spawnSync("/usr/bin/rm", ["-rf", `${place.real}/deeper`]);
});

test("a folder made anew hides what was there, also where a mark of overlayfs stands on nothing", (context) => {
  const place = copyOf(context, { d: folder({ a: file("a"), b: file("b") }) }, {});
  spawnSync("/usr/bin/rm", [`${place.upper}/d`]);
  mkdirSync(`${place.upper}/d`);
  markOpaque(at(place.upper, "d"));
  makeWhiteout(at(`${place.upper}/d`, "a"));
  makeWhiteout(at(`${place.upper}/d`, "never"));
  makeWhiteout(at(place.upper, "never"));
  const rows = found(place).changes.map(({ path, kind }) => [path, kind]);
  assert.deepEqual(rows, [
    ["d/a", "removed"],
    ["d/b", "removed"],
  ]);
  applyAll(place, false, KNOWS_ALL, (path) => path === "d/b");
  assert.deepEqual(
    found(place).changes.map(({ path }) => path),
    ["d/a"],
  );
  applyAll(place);
  assert.deepEqual(readTree(place.real), { d: folder({}) });
  assert.deepEqual(readdirSync(place.upper), []);
});

test("what is Skerry's own is neither told nor applied", (context) => {
  const place = copyOf(
    context,
    { s: folder({ own: folder({}) }) },
    { s: folder({ own: folder({ x: file("x") }), y: file("y") }) },
  );
  const options = { ...KNOWS_ALL, hidden: ["s/own"] };
  assert.deepEqual(
    found(place, options).changes.map(({ path }) => path),
    ["s/y"],
  );
  applyAll(place, false, options);
  assert.deepEqual(readTree(place.real), { s: folder({ own: folder({}), y: file("y") }) });
});

test("an apply that ended anywhere is cleared up: things half made go, things half replaced come back", (context) => {
  const place = copyOf(context, { f: folder({ x: file("x") }), g: folder({ y: file("y") }) }, {});
  const token = "0123456789abcdef";
  const journal = {
    token,
    folders: ["", "gone"],
    asides: [
      { path: "f", replaced: true },
      { path: "g", replaced: false },
    ],
  };
  writeFileSync(`${place.own}/journal.json`, JSON.stringify(journal));
  writeTree(place.real, { [`.skerry-${token}.new`]: file("half") });
  spawnSync("/usr/bin/mv", [`${place.real}/f`, `${place.real}/.skerry-${token}.0.old`]);
  spawnSync("/usr/bin/mv", [`${place.real}/g`, `${place.real}/.skerry-${token}.1.old`]);
  assert.equal(settle(place.own, place.real), true);
  assert.deepEqual(readTree(place.real), { f: folder({ x: file("x") }) });
  assert.equal(settle(place.own, place.real), false);
});

test("differences are shown of texts, and of nothing that is none or too large", (context) => {
  const now: Tree = {
    change: file("new\n"),
    binary: file("\0"),
    large: file("x".repeat(2 * 1024 * 1024)),
    "es\u001bc\nape": file("1\n"),
    l: link("\u001b]0;t"),
    mode: file("same", 0o755),
  };
  const place = copyOf(context, { change: file("old\n"), mode: file("same"), gone: file("bye\n") }, now);
  const diffs = Object.fromEntries(withDiffs(found(place).changes, place).map(({ path, diff }) => [path, diff]));
  assert.deepEqual(diffs, {
    binary: "not shown: no text\n",
    change: "--- a/change\n+++ b/change\n@@ -1 +1 @@\n-old\n+new\n",
    "es\u001bc\nape": "--- /dev/null\n+++ b/es\\x1bc\\x0aape\n@@ -0,0 +1 @@\n+1\n",
    gone: "--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-bye\n",
    l: "link none -> \\x1b]0;t\n",
    large: "not shown: larger than 1048576 bytes\n",
    mode: "mode 644 -> 755\n",
  });
});

test("what was changed in the real folder while an app runs is found by its time", (context) => {
  const place = copyOf(context, { a: folder({ b: file("b") }), own: folder({ c: file("c") }) }, {});
  assert.deepEqual(findStale(place.real, 0n, ["own"]), ["a/b"]);
  assert.deepEqual(findStale(place.real, 10n ** 19n, []), []);
});

/** As a listing of names gives them. */
function sorted(tree: Tree): Tree {
  return Object.fromEntries(
    Object.keys(tree)
      .toSorted()
      .map((name): [string, Entry] => {
        const entry = tree[name] ?? file("");
        return [name, entry.kind === "folder" ? { ...entry, entries: sorted(entry.entries) } : entry];
      }),
  );
}
