import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ArchiveEntry } from "../../step/index.ts";
import { withFolders, writeCpio } from "./cpio.ts";

interface Read {
  readonly path: string;
  readonly mode: number;
  readonly content: string;
}

/** As the kernel reads it: heads of 110 bytes, names and contents filled up to four. */
function read(archive: Buffer): readonly Read[] {
  const out: Read[] = [];
  for (let at = 0; ; ) {
    assert.equal(archive.toString("latin1", at, at + 6), "070701");
    const field = (index: number) =>
      Number.parseInt(archive.toString("latin1", at + 6 + index * 8, at + 14 + index * 8), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const path = archive.toString("utf8", at + 110, at + 110 + nameSize - 1);
    const start = Math.ceil((at + 110 + nameSize) / 4) * 4;
    if (path === "TRAILER!!!") return out;
    out.push({ path, mode, content: archive.toString("latin1", start, start + size) });
    at = Math.ceil((start + size) / 4) * 4;
  }
}

const name = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => !/[/\0]/.test(text) && !/^\.\.?$/.test(text));
const files = fc.uniqueArray(
  fc.record({
    path: fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    content: fc.uint8Array({ maxLength: 700 }),
  }),
  { selector: ({ path }) => path, maxLength: 8 },
);

test("what was written is read again, byte for byte, in whole sectors", () => {
  fc.assert(
    fc.property(files, (chosen) => {
      const entries = chosen.map((file): ArchiveEntry => ({ kind: "file", ...file }));
      const archive = writeCpio(entries);
      assert.equal(archive.length % 512, 0);
      const expected = chosen.map(({ path, mode, content }) => ({
        ...{ path, mode: 0o100000 | mode, content: Buffer.from(content).toString("latin1") },
      }));
      assert.deepEqual(read(archive), expected);
    }),
  );
});

test("the same entries give the same bytes", () => {
  const entries: readonly ArchiveEntry[] = [
    { kind: "folder", path: "bin", mode: 0o755 },
    { kind: "file", path: "bin/sh", mode: 0o755, content: "x" },
    { kind: "link", path: "bin/ash", target: "sh" },
  ];
  assert.deepEqual(writeCpio(entries), writeCpio(entries));
  assert.deepEqual(
    read(writeCpio(entries)).map(({ path, mode, content }) => [path, mode.toString(8), content]),
    [
      ["bin", "40755", ""],
      ["bin/sh", "100755", "x"],
      ["bin/ash", "120777", "sh"],
    ],
  );
});

test("folders on the way come before what is in them, and once", () => {
  const entries: readonly ArchiveEntry[] = [
    { kind: "file", path: "a/b/c", mode: 0o644, content: "" },
    { kind: "folder", path: "a/d", mode: 0o700 },
    { kind: "file", path: "a/d/e", mode: 0o644, content: "" },
  ];
  assert.deepEqual(
    withFolders(entries).map(({ path }) => path),
    ["a", "a/b", "a/b/c", "a/d", "a/d/e"],
  );
});

for (const path of ["", "/etc", "../x", "a/../b", "a//b", "a/", ".", "a\0b"])
  test(`no archive has the path ${JSON.stringify(path)}`, () => {
    assert.throws(() => writeCpio([{ kind: "file", path, mode: 0o644, content: "" }]), /no path for an archive/);
  });
