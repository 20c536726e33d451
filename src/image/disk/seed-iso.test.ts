import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import fc from "fast-check";
import { seedIso } from "./seed-iso.ts";

const SECTOR = 2048;

/** As a system finds them: from the descriptor of that kind to the root's entries. */
function filesIn(image: Buffer, kind: 1 | 2): ReadonlyMap<string, Buffer> {
  const descriptor = image.subarray((15 + kind) * SECTOR, (16 + kind) * SECTOR);
  assert.equal(descriptor.toString("latin1", 1, 6), "CD001");
  assert.equal(descriptor.readUInt8(0), kind);
  assert.equal(descriptor.readUInt32LE(80) * SECTOR, image.length);
  const root = descriptor.readUInt32LE(158) * SECTOR;
  const out = new Map<string, Buffer>();
  for (let at = root; image.readUInt8(at) !== 0; at += image.readUInt8(at)) {
    assert.equal(image.readUInt32LE(at + 2), image.readUInt32BE(at + 6));
    if ((image.readUInt8(at + 25) & 2) !== 0) continue;
    const raw = image.subarray(at + 33, at + 33 + image.readUInt8(at + 32));
    const name = kind === 1 ? raw.toString("latin1") : Buffer.from(raw).swap16().toString("utf16le");
    const content = image.readUInt32LE(at + 2) * SECTOR;
    out.set(name, image.subarray(content, content + image.readUInt32LE(at + 10)));
  }
  return out;
}

test("both trees of a seed name the same files, byte for byte", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.stringMatching(/^[a-z0-9-]{1,16}$/), fc.uint8Array({ maxLength: 5000 }), { maxKeys: 8 }),
      (files) => {
        const wanted = Object.entries(files).map(([name, content]) => ({ name, content }));
        const image = seedIso("cidata", wanted);
        const [plain, joliet] = [filesIn(image, 1), filesIn(image, 2)];
        assert.equal(plain.size, wanted.length);
        assert.equal(joliet.size, wanted.length);
        for (const { name, content } of wanted) {
          assert.deepEqual(plain.get(`${name.toUpperCase()}.;1`), Buffer.from(content));
          assert.deepEqual(joliet.get(name), Buffer.from(content));
        }
        assert.deepEqual(seedIso("cidata", wanted.toReversed()), image, "whatever the order");
      },
    ),
  );
});

test("a name that no entry could hold is a fault", () => {
  for (const name of ["../x", "A", "a b", "", "a".repeat(17), "x;1"])
    assert.throws(() => seedIso("cidata", [{ name, content: Buffer.alloc(0) }]), /no name on a seed/);
});

test("others find the label", (context) => {
  const blkid = "/usr/sbin/blkid";
  if (!existsSync(blkid)) return context.skip("cannot here: blkid is not installed");
  const folder = mkdtempSync(`${tmpdir()}/skerry-seed-`);
  try {
    writeFileSync(
      `${folder}/seed.iso`,
      seedIso("cidata", [{ name: "user-data", content: Buffer.from("#cloud-config\n") }]),
    );
    const said = execFileSync(blkid, ["-p", "-o", "export", `${folder}/seed.iso`], { encoding: "utf8" });
    assert.match(said, /^LABEL=cidata$/m);
    assert.match(said, /^TYPE=iso9660$/m);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
