/** What a machine's start disk holds, unpacked on this host: as it was written, and nothing else from anything else. */
import assert from "node:assert/strict";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import { withFolders, writeCpio } from "../src/host/guest/cpio.ts";
import type { ArchiveEntry } from "../src/step/index.ts";
import { CANNOT_HERE, closeWorkshop, openWorkshop, runHelper } from "./helper.fixture.ts";

describe("unpack", { skip: CANNOT_HERE }, () => {
  const workshop = openWorkshop();
  after(() => closeWorkshop(workshop));

  function unpack(archive: Buffer) {
    const room = mkdtempSync(join(workshop.folder, "u"));
    const [disk, folder] = [join(room, "disk"), join(room, "folder")];
    mkdirSync(folder);
    writeFileSync(disk, archive);
    const done = runHelper(workshop, ["unpack", disk, folder]);
    assert.deepEqual(readdirSync(room).toSorted(), ["disk", "folder"], "nothing is made beside the folder");
    return { ...done, folder };
  }

  const word = fc.stringMatching(/^[a-zA-Z0-9 .ä-]{1,12}$/).filter((name) => name !== "." && name !== "..");
  const path = fc.array(word, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  const entry = fc.oneof(
    fc.record({ kind: fc.constant("folder" as const), path, mode: fc.constantFrom(0o755, 0o700, 0o711) }),
    fc.record({
      kind: fc.constant("file" as const),
      path,
      mode: fc.constantFrom(0o644, 0o600, 0o755),
      content: fc.uint8Array({ maxLength: 300 }),
    }),
    fc.record({ kind: fc.constant("link" as const), path, target: word }),
  );

  test("what was written is there, with its modes and its content", () => {
    fc.assert(
      fc.property(fc.uniqueArray(entry, { maxLength: 8, selector: (one) => one.path }), (wanted) => {
        // What is no folder has nothing below it.
        const entries: readonly ArchiveEntry[] = withFolders(
          wanted
            .filter((one) => !wanted.some((other) => other.kind !== "folder" && one.path.startsWith(`${other.path}/`)))
            .toSorted((left, right) => (left.path < right.path ? -1 : 1)),
        );
        const { status, stderr, folder } = unpack(writeCpio(entries));
        assert.equal(status, 0, stderr);
        for (const one of entries) {
          const at = join(folder, one.path);
          const about = lstatSync(at);
          if (one.kind === "link") assert.equal(readlinkSync(at), one.target);
          else assert.equal(about.mode & 0o7777, one.mode);
          if (one.kind === "file") assert.deepEqual(readFileSync(at), Buffer.from(one.content));
        }
      }),
      { numRuns: 40 },
    );
  });

  test("a file larger than any buffer comes whole, and what fills the disk behind the archive is left alone", () => {
    const content = Buffer.alloc(300_001, "skerry");
    const archive = writeCpio([{ kind: "file", path: "large", mode: 0o600, content }], 1024 * 1024);
    const { status, folder } = unpack(archive);
    assert.equal(status, 0);
    assert.ok(readFileSync(join(folder, "large")).equals(content));
  });

  const named = (name: string, mode = "000081a4", content = "") => {
    const size = content.length.toString(16).padStart(8, "0");
    const length = (Buffer.byteLength(name) + 1).toString(16).padStart(8, "0");
    const zero = "00000000";
    const head = `070701${zero}${mode}${zero.repeat(4)}${size}${zero.repeat(4)}${length}${zero}${name}\0`;
    const even = (text: string) => text + "\0".repeat((4 - (Buffer.byteLength(text) % 4)) % 4);
    return Buffer.from(even(head) + even(content));
  };

  test("names that lead out, kinds of files that no start has, and half an archive are refused", () => {
    const good = writeCpio([{ kind: "file", path: "a", mode: 0o644, content: "text" }]);
    const cases: readonly Buffer[] = [
      ...["../a", "/a", "a/../../b", ".", "..", "a//b", "./a", "a/."].map((name) => named(name)),
      ...["000021a4", "000061a4", "000011a4", "0000c1a4", "00000000"].map((mode) => named("device", mode)),
      named("a\0b"),
      named("x".repeat(5000)),
      named("folder", "000041ed", "text"),
      named("link", "0000a1ff", ""),
      named("link", "0000a1ff", "x".repeat(5000)),
      Buffer.concat([named("twice"), named("twice")]),
      Buffer.concat([named("away", "0000a1ff", ".."), named("away/was-here")]),
      Buffer.concat([named("away", "0000a1ff", ".."), named("away/was-here", "000041ed")]),
      Buffer.concat([named("away", "0000a1ff", "../x"), named("away")]),
      Buffer.from(good.toString("latin1").replace("070701", "070702"), "latin1"),
      Buffer.from(good.toString("latin1").replace("000081a4", "0000 1a4"), "latin1"),
      good.subarray(0, 50),
      good.subarray(0, 118),
      Buffer.alloc(0),
      Buffer.alloc(4096),
    ];
    for (const archive of cases) {
      const { status, stderr } = unpack(archive);
      assert.equal(status, 125, JSON.stringify(archive.subarray(0, 140).toString("latin1")));
      assert.match(stderr, /^skerry-helper: unpack: [^\n]*\n$/);
    }
  });

  test("bytes of any kind end it in order", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat({ max: 200 }), (noise, at) => {
        const archive = Buffer.concat([named("a", "000081a4", "some text"), named("b"), named("TRAILER!!!")]);
        Buffer.from(noise).copy(archive, at);
        const { status, signal } = unpack(archive);
        assert.ok(signal === null && (status === 0 || status === 125));
      }),
      { numRuns: 60 },
    );
  });
});
