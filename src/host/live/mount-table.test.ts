import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mountAt, mountsOf, mountsOn, plainPath, readMounts } from "./mount-table.ts";

const TABLE = `21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
37 21 254:0 /slots/docs /mnt/docs ro,nosuid,nodev master:2 - ext4 /dev/vda rw
39 38 254:0 /src/below /mnt/docs/below ro,nosuid shared:9 master:3 - ext4 /dev/vda rw
38 37 254:0 /home/a\\040b /mnt/docs ro,nosuid master:3 - ext4 /dev/vda rw
`;

test("a table of mounts is read, with blanks in paths", () => {
  const mounts = readMounts(TABLE);
  assert.deepEqual(mounts?.[3], {
    id: 38,
    parent: 37,
    device: "254:0",
    root: "/home/a b",
    point: "/mnt/docs",
    options: ["ro", "nosuid"],
    type: "ext4",
  });
});

test("a path leads into the deepest mount, and into the one on top of others", () => {
  const mounts = readMounts(TABLE) ?? [];
  assert.equal(mountAt(mounts, "/mnt/docs/letter")?.id, 38);
  assert.equal(mountAt(mounts, "/mnt/docs/below/x")?.id, 39);
  assert.equal(mountAt(mounts, "/mnt/docsx")?.id, 21);
});

test("what is mounted on a mount is found at any depth and in any order", () => {
  const mounts = readMounts(TABLE) ?? [];
  assert.deepEqual(
    mountsOn(mounts, new Set([37])).map(({ id }) => id),
    [39, 38],
  );
});

test("a text that is no table is refused whole", () => {
  for (const text of ["x", "1 2 3", `${TABLE}nonsense\n`, "a 1 254:0 / / rw - ext4 x rw", "1 1 254:0 / / rw ext4"])
    assert.equal(readMounts(text), undefined, text);
});

test("whatever the text, reading ends with a table or a refusal", () => {
  fc.assert(fc.property(fc.string(), (text) => void readMounts(text)));
});

test("a path with blanks, line ends and backslashes comes back as it was", () => {
  const escaped = (path: string) =>
    path.replaceAll(/[ \t\n\\]/g, (char) => `\\${(char.codePointAt(0) ?? 0).toString(8).padStart(3, "0")}`);
  fc.assert(
    fc.property(fc.string(), (path) => {
      assert.equal(plainPath(escaped(path)), Buffer.from(path).toString("utf8"));
    }),
  );
});

test("this process sees something mounted on its root", () => {
  assert.ok(mountsOf("self")?.some(({ point }) => point === "/"));
  assert.equal(mountsOf(2 ** 30), undefined);
});
