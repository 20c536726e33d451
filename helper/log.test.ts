import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import * as fc from "fast-check";
import { CANNOT_HERE, closeWorkshop, openWorkshop, runHelper } from "./helper.fixture.ts";

describe("log", { skip: CANNOT_HERE }, () => {
  const workshop = openWorkshop();
  after(() => closeWorkshop(workshop));
  let count = 0;
  const newFile = () => join(workshop.folder, `log-${count++}`);

  test("keeps what it reads, in a file that only its owner can read", () => {
    const file = newFile();
    assert.equal(runHelper(workshop, ["log", file, "100000"], "hello\n").status, 0);
    assert.equal(runHelper(workshop, ["log", file, "100000"], "again\n").status, 0);
    assert.equal(readFileSync(file, "utf8"), "hello\nagain\n");
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  test("keeps the end of a long text, in two files that together stay below the limit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 4096, max: 20_000 }), fc.nat(200_000), (limit, length) => {
        const file = newFile();
        const text = Array.from({ length: Math.ceil(length / 8) }, (_, index) => String(index).padStart(8, " "))
          .join("")
          .slice(0, length);
        assert.equal(runHelper(workshop, ["log", file, String(limit)], text).status, 0);
        const old = existsSync(`${file}.1`) ? readFileSync(`${file}.1`, "utf8") : "";
        const kept = old + readFileSync(file, "utf8");
        assert.ok(kept.length <= limit, `${kept.length} of ${limit}`);
        assert.ok(text.endsWith(kept));
        assert.ok(kept.length === length || kept.length * 3 > limit, `${kept.length} of ${limit} and ${length}`);
      }),
      { numRuns: 30 },
    );
  });

  test("follows no link and writes to no pipe", () => {
    const link = newFile();
    writeFileSync(`${link}-target`, "");
    symlinkSync(`${link}-target`, link);
    const linked = runHelper(workshop, ["log", link, "10000"], "text");
    assert.equal(linked.status, 125);
    assert.equal(linked.stderr, `skerry-helper: log: ${link}: Too many levels of symbolic links\n`);
    assert.equal(readFileSync(`${link}-target`, "utf8"), "");
    const pipe = newFile();
    assert.equal(spawnSync("/usr/bin/mkfifo", [pipe]).status, 0);
    assert.equal(runHelper(workshop, ["log", pipe, "10000"], "text").status, 125);
  });

  test("refuses a limit that is no plain number or leaves no room", () => {
    for (const limit of ["", "1k", "-5000", "0x5000", "05000", "4095", "99999999999999999999", " 5000"]) {
      const done = runHelper(workshop, ["log", newFile(), limit]);
      assert.equal(done.status, 125, limit);
      assert.match(done.stderr, /^skerry-helper: log: .*: (not a decimal number|number out of range)\n$/);
    }
  });

  test("reads on to the end when the disk is full", { skip: CANNOT_HERE }, () => {
    /* A file system of 16 KiB, made where nobody else sees it. */
    const script =
      'mount -t tmpfs -o size=16k none "$1" && "$2" log "$1/log" 1000000; echo "ended $?"; wc -c <"$1/log"';
    const done = spawnSync("/usr/bin/unshare", ["-Urm", "sh", "-c", script, "sh", "/mnt", workshop.helper], {
      input: "x".repeat(3_000_000),
      encoding: "utf8",
    });
    assert.equal(done.stderr, "");
    assert.match(done.stdout, /^ended 0\n\d+\n$/);
  });
});
