import assert from "node:assert/strict";
import { test } from "node:test";
import { ABLE } from "../../backends/contract.fixture.ts";
import { diskWall } from "./disk-wall.ts";

test("qemu-img sees the folder of the disks and this host's programs, and is told what it opens", () => {
  const wanted = { folder: "/d/volumes/debian/system/own", disk: "system", act: "restore", label: "before" } as const;
  const argv = diskWall(wanted, ABLE);
  const bound = argv.flatMap((word, index) =>
    /^--(ro-)?bind$/.test(word) ? [argv.slice(index, index + 3).join(" ")] : [],
  );
  assert.deepEqual(bound, ["--ro-bind /usr /usr", "--bind /d/volumes/debian/system/own /disks"]);
  for (const word of ["--unshare-all", "--clearenv", "--disable-userns", "--die-with-parent"])
    assert.ok(argv.includes(word), word);
  assert.ok(!argv.includes("--share-net") && !argv.includes("--cap-add"));
  const program = argv.slice(argv.lastIndexOf("--") + 1);
  assert.deepEqual(program.slice(1, 4), ["snapshot", "-a", "before"]);
  const node: unknown = JSON.parse(program[4]?.replace(/^json:/, "") ?? "");
  assert.deepEqual(node, { driver: "qcow2", file: { driver: "file", filename: "/disks/system.qcow2" }, backing: null });
});
