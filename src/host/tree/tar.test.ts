import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ListedEntry, readEntry, writeEntry } from "./entry.ts";
import { BadTar, type TarHead, TarReader } from "./read-tar.ts";
import { ARCHIVE_END, memberHead, padding, type TarMember } from "./write-tar.ts";

interface Read {
  readonly head: TarHead;
  readonly content: Buffer;
}

function readAll(pieces: readonly Buffer[]): readonly Read[] {
  const found: { head: TarHead; content: Buffer }[] = [];
  const reader = new TarReader({
    head: (head) => found.push({ head, content: Buffer.alloc(0) }),
    data(piece) {
      const last = found.at(-1);
      if (last !== undefined) last.content = Buffer.concat([last.content, piece]);
    },
    end() {},
  });
  for (const piece of pieces) reader.write(piece);
  reader.finish();
  return found;
}

const bytes = (max: number) =>
  fc
    .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: max })
    .map((each) => String.fromCharCode(...each));

const name = bytes(300).filter((text) => !text.endsWith("/"));

const attributes = fc
  .uniqueArray(fc.tuple(bytes(20), bytes(100)), { selector: ([key]) => key, maxLength: 3 })
  .map((pairs) =>
    pairs
      .map(([key, value]) => [`SCHILY.xattr.user.${key.replaceAll("=", "")}`, value] as const)
      .toSorted(([left], [right]) => (left < right ? -1 : 1)),
  )
  .filter((pairs) => new Set(pairs.map(([key]) => key)).size === pairs.length)
  .filter((pairs) => pairs.every(([key]) => !key.startsWith("SCHILY.xattr.user.overlay.")));

const content = fc.uint8Array({ maxLength: 2000 }).map((each) => Buffer.from(each));

const common = {
  name,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 0xffff_ffff }),
  gid: fc.integer({ min: 0, max: 0xffff_ffff }),
  mtime: fc.integer({ min: -1_000_000, max: 10_000_000_000 }),
  attributes,
};

const member: fc.Arbitrary<{ readonly head: TarMember; readonly body: Buffer }> = fc.oneof(
  fc.record({ ...common, body: content }).map(({ body, ...rest }) => ({
    head: { ...rest, type: "file" as const, size: body.length, target: "" },
    body,
  })),
  fc.record({ ...common, target: bytes(300) }).map((rest) => ({
    head: { ...rest, type: "link" as const, size: 0 },
    body: Buffer.alloc(0),
  })),
  fc.record(common).map((rest) => ({
    head: { ...rest, type: "folder" as const, size: 0, target: "" },
    body: Buffer.alloc(0),
  })),
);

const archiveOf = (members: readonly { readonly head: TarMember; readonly body: Buffer }[]) =>
  Buffer.concat([...members.flatMap(({ head, body }) => [memberHead(head), body, padding(body.length)]), ARCHIVE_END]);

test("what is written is read again as it was, in whatever pieces it comes", () => {
  fc.assert(
    fc.property(fc.array(member, { maxLength: 6 }), fc.integer({ min: 1, max: 5000 }), (members, size) => {
      const archive = archiveOf(members);
      const pieces: Buffer[] = [];
      for (let at = 0; at < archive.length; at += size) pieces.push(archive.subarray(at, at + size));
      const found = readAll(pieces);
      assert.deepEqual(
        found.map(({ head }) => ({ ...head, name: head.type === "folder" ? head.name.replace(/\/$/, "") : head.name })),
        members.map(({ head }) => ({ ...head, device: [0, 0] })),
      );
      assert.deepEqual(
        found.map((each) => each.content),
        members.map(({ body }) => body),
      );
    }),
  );
});

test("an archive that was cut off, or changed in one bit of a head, is not taken for a whole one", () => {
  fc.assert(
    fc.property(fc.array(member, { minLength: 1, maxLength: 3 }), fc.nat(), fc.nat(), (members, cut, flip) => {
      const archive = archiveOf(members);
      assert.throws(() => readAll([archive.subarray(0, cut % archive.length)]), BadTar);
      const [first] = members;
      if (first === undefined || memberHead(first.head).length !== 512) return;
      const spoilt = Buffer.from(archive);
      const at = flip % 512;
      // The checksum's own trailing bytes and the unused rest of the block aside, every bit counts.
      spoilt[at] = (spoilt[at] ?? 0) ^ 1;
      if (at >= 148 && at < 156) return;
      assert.throws(() => readAll([spoilt]), BadTar);
    }),
  );
});

test("whatever is not a tar archive ends in BadTar and nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (noise) => {
      assert.throws(() => readAll([Buffer.from(noise)]), BadTar);
    }),
  );
});

const listed: fc.Arbitrary<ListedEntry> = fc
  .record({
    path: bytes(200),
    type: fc.constantFrom("file" as const, "folder" as const, "link" as const, "fifo" as const, "whiteout" as const),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 0xffff_ffff }),
    gid: fc.integer({ min: 0, max: 0xffff_ffff }),
    mtime: fc.integer({ min: -1_000_000, max: 10_000_000_000 }),
    size: fc.nat(),
    target: fc.oneof(fc.constant(""), bytes(200)),
    attributes: fc.array(fc.tuple(bytes(20), bytes(50)), { maxLength: 3 }),
    sha256: fc.constantFrom("", "0123456789abcdef".repeat(4)),
  })
  .map((entry) => ({ ...entry }));

test("a line of a list of files says its entry and no other, whatever names hold", () => {
  fc.assert(
    fc.property(listed, (entry) => {
      const line = writeEntry(entry);
      assert.match(line, /^[\t -~]*$/);
      assert.deepEqual(readEntry(line), entry);
    }),
  );
});
