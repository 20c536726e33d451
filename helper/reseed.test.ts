import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { CANNOT_HERE, closeWorkshop, openWorkshop, refused, runHelper } from "./helper.fixture.ts";

const WORDS = ["/nowhere", "/nowhere", "lowerdir=/nowhere", "/nowhere", "trans=virtio", "/nowhere", "/nowhere"];

/** What is right would set the clock: it is tried in machines (tests/journeys/vm-snapshot.test.ts). */
describe("reseed", { skip: CANNOT_HERE }, () => {
  const workshop = openWorkshop();
  after(() => closeWorkshop(workshop));
  const seed = "0f".repeat(64);

  test("says that it waits, and believes no line but a time and a seed", () => {
    const lines = [
      ...["", "\n", seed, `1700000000000 ${seed}`, `${seed}\n`, `0 ${seed}\n`, `-1 ${seed}\n`, `now ${seed}\n`],
      ...[`1700000000000 ${seed}0\n`, `1700000000000 ${seed.slice(2)}\n`, `1700000000000 ${"g".repeat(128)}\n`],
      ...[`1700000000000  ${seed.slice(1)}\n`, `1700000000000 ${seed}${" ".repeat(1000)}\n`],
    ];
    for (const line of lines) {
      const { status, stdout, stderr } = runHelper(workshop, ["reseed", ...WORDS], line);
      assert.equal(status, 125, JSON.stringify(line));
      assert.equal(stdout, "waits\n");
      assert.match(stderr, /^skerry-helper: reseed: [^\n]*\n$/);
    }
  });

  test("takes neither from its words: whoever sees a program's words would see the seed", () => {
    refused(workshop, ["reseed", "1700000000000", seed], /usage/);
    refused(workshop, ["reseed", ...WORDS, seed], /usage/);
  });
});
