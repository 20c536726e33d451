/** Layers of strangers, entry by entry: what could write elsewhere, give a right or say two things is refused by name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Below, LayerRules } from "../../../src/host/tree/layer-rules.ts";
import { BadTar, TarReader } from "../../../src/host/tree/read-tar.ts";
import type { TarMember } from "../../../src/host/tree/write-tar.ts";
import { type Entry, tarOf } from "./layout.fixture.ts";

const FOLDER = { type: "folder", mode: 0o750, uid: 3, gid: 4, mtime: 5 } as const;

const BELOW: Below = new Map<string, typeof FOLDER | (Omit<typeof FOLDER, "type"> & { type: "link" | "file" })>([
  [".", FOLDER],
  ["usr", FOLDER],
  ["lib", { ...FOLDER, type: "link" }],
  ["etc", FOLDER],
  ["etc/passwd", { ...FOLDER, type: "file" }],
]);

function admit(entries: readonly Entry[], { isLowest = false } = {}): { members: TarMember[]; rules: LayerRules } {
  const rules = new LayerRules(isLowest ? new Map() : BELOW, isLowest);
  const members: TarMember[] = [];
  const reader = new TarReader({ head: (head) => members.push(...rules.admit(head)), data() {}, end() {} });
  reader.write(tarOf(entries));
  reader.finish();
  return { members, rules };
}

const link = (name: string, target: string) => ({ name, target, type: "2" });
const hard = (name: string, target: string) => ({ name, target, type: "1" });

const REFUSED: Readonly<Record<string, readonly [readonly Entry[], RegExp]>> = {
  "a path upwards": [[{ name: "../out" }], /^\.\.\/out: a path with \.\.$/],
  "a path upwards in its middle": [[{ name: "usr/../../out" }], /a path with \.\./],
  "a path upwards in an extended header": [[{ name: "in", pax: { path: "../../out" } }], /a path with \.\./],
  "an absolute path": [[{ name: "/etc/shadow" }], /an absolute path/],
  "a path with an empty part": [[{ name: "usr//bin" }], /no plain path/],
  "a path with a dot": [[{ name: "usr/./bin" }], /no plain path/],
  "a file of a root": [[{ name: "./" }], /the root is no folder/],
  "a folder that begins like a mark": [[{ name: ".wh.usr/bin" }], /a folder that begins with .wh./],
  "an entry below a link of its own": [
    [link("way", "/tmp"), { name: "way/out" }],
    /^way\/out: it lies below way, which is no folder in this layer$/,
  ],
  "an entry below a link of a lower layer": [[{ name: "lib/out" }], /below lib, which is no folder in the layers below/],
  "an entry below a file of a lower layer": [[{ name: "etc/passwd/out" }], /no folder in the layers below/],
  "an entry below a file": [[{ name: "file" }, { name: "file/out" }], /no folder in this layer/],
  "an entry below what it hides": [[{ name: ".wh.usr" }, { name: "usr/bin" }], /no folder in this layer/],
  "a link upwards past the root": [[link("usr/way", "../../out")], /a link that leads out of the image/],
  "a link to nothing": [[link("way", "")], /a link to nothing/],
  "a hard link upwards": [[hard("passwd", "../../etc/passwd")], /a hard link that leads out/],
  "a hard link to an absolute path": [[hard("passwd", "/etc/passwd")], /a hard link that leads out/],
  "a hard link to a link": [[link("way", "/etc/passwd"), hard("passwd", "way")], /a hard link to what is no file before/],
  "a hard link to a lower layer": [[hard("passwd", "etc/passwd")], /a hard link to what is no file before/],
  "a hard link to itself": [[hard("self", "self")], /a hard link to what is no file before/],
  "a character device": [[{ name: "dev/mem", type: "3" }], /a device node/],
  "a block device": [[{ name: "dev/sda", type: "4" }], /a device node/],
  "a named pipe": [[{ name: "pipe", type: "6" }], /a named pipe/],
  "a file twice": [[{ name: "same" }, { name: "./same" }], /it is there twice/],
  "a folder and a file of one name": [[{ name: "same/", type: "5" }, { name: "same" }], /it is there twice/],
  "a file that is there and hidden": [[{ name: "same" }, { name: ".wh.same" }], /it is there twice/],
  "a mark that names nothing": [[{ name: "usr/.wh." }], /names nothing/],
  "a mark that names the folder above": [[{ name: "usr/.wh..." }], /names nothing/],
  "a mark of a mark": [[{ name: ".wh..wh.usr" }], /names nothing/],
  "a mark with content": [[{ name: ".wh.usr", content: "x" }], /no empty file/],
  "a mark that is a link": [[link(".wh.usr", "/etc")], /no empty file/],
  "an owner beyond the range": [[{ name: "far", uid: 65536 }], /belongs to a number above 65535/],
  "a time that nobody can keep": [[{ name: "late", pax: { mtime: "99999999999" } }], /no disk can keep its time/],
  "a sparse file": [[{ name: "wide", pax: { "GNU.sparse.major": "1" } }], /stored as sparse/],
  "a size beyond all disks": [[{ name: "wide", pax: { size: "99999999999999" } }], /a size that cannot be/],
  "a folder with a size": [[{ name: "wide/", type: "5", size: 512, content: "x" }], /a size that cannot be/],
  "a negative size": [[{ name: "neg", pax: { size: "-1" } }], /a number makes no sense/],
  "a type that nobody knows": [[{ name: "odd", type: "Z" }], /unknown type/],
  "a path that is too deep": [[{ name: "x", pax: { path: "d/".repeat(300).concat("x") } }], /too deep/],
  "a name that is too long": [[{ name: "x", pax: { path: "n".repeat(256) } }], /no plain path/],
};

for (const [what, [entries, words]] of Object.entries(REFUSED)) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => admit(entries),
      (error) => error instanceof BadTar && words.test(error.message),
    );
  });
}

test("a mark in the lowest layer is refused, since nothing lies below", () => {
  assert.throws(() => admit([{ name: ".wh.usr" }], { isLowest: true }), /nothing lies below/);
});

test("rights that a file gives are taken off and counted, and those of a folder stay", () => {
  const { members, rules } = admit([
    { name: "su", mode: 0o4755 },
    { name: "wall", mode: 0o2755 },
    { name: "mail/", type: "5", mode: 0o2775 },
    { name: "ping", pax: { "SCHILY.xattr.security.capability": "\u0001\u0000\u0000\u0002" } },
    { name: "near", pax: { "SCHILY.xattr.user.overlay.opaque": "y", "SCHILY.xattr.user.mine": "kept" } },
  ]);
  const modes = members.map(({ name, mode }) => [name, mode.toString(8)]);
  assert.deepEqual(modes.slice(1), [
    ["./su", "755"],
    ["./wall", "755"],
    ["./mail", "2775"],
    ["./ping", "644"],
    ["./near", "644"],
  ]);
  assert.deepEqual(members.at(-1)?.attributes, [["SCHILY.xattr.user.mine", "kept"]]);
  assert.deepEqual(rules.takenOff, { rights: 2, attributes: 2 });
});

test("a folder that the layer does not name keeps what the layers below say of it", () => {
  const { members } = admit([{ name: "usr/new/file" }]);
  const about = members.map(({ name, type, mode, uid }) => [name, type, mode, uid]);
  assert.deepEqual(about, [
    [".", "folder", 0o750, 3],
    ["./usr", "folder", 0o750, 3],
    ["./usr/new", "folder", 0o755, 0],
    ["./usr/new/file", "file", 0o644, 0],
  ]);
});

const word = fc.constantFrom("a", "b", "..", ".", "", "usr", "lib", ".wh.a", ".wh..wh..opq", "etc", "passwd", "\u00e4");
const path = fc.array(word, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
const entry = fc.record({ name: path, type: fc.constantFrom("0", "1", "2", "3", "5", "6"), target: path });

test("whatever is let in lies below folders that were let in before it, under plain names", () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), fc.boolean(), (entries, isLowest) => {
      const rules = new LayerRules(isLowest ? new Map() : BELOW, isLowest);
      const types = new Map<string, TarMember["type"]>();
      let refused = false;
      const reader = new TarReader({
        head(head) {
          // One that is refused ends an import.
          if (refused) return;
          let members: readonly TarMember[] = [];
          try {
            members = rules.admit(head);
          } catch (error) {
            assert.ok(error instanceof BadTar);
            refused = true;
          }
          for (const { name, type, target } of members) {
            assert.match(name, /^\.(?:\/[^/]+)*$/);
            const parts = name.split("/").slice(1);
            assert.ok(parts.every((part) => part !== ".." && part !== "." && !part.startsWith(".wh.")));
            parts.forEach((_, index) => {
              assert.equal(types.get([".", ...parts.slice(0, index)].join("/")), "folder");
            });
            if (type === "hard-link") assert.equal(types.get(target), "file");
            types.set(name, type === "hard-link" ? "file" : type);
          }
        },
        data() {},
        end() {},
      });
      const usable = entries.filter(({ name }) => name !== "");
      reader.write(tarOf(usable));
      reader.finish();
    }),
    { numRuns: 500 },
  );
});
