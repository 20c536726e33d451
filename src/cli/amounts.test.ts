import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAge, parseSize } from "./amounts.ts";

test("times and sizes are read as they are written", () => {
  assert.equal(parseAge("30d"), 30 * 86_400_000);
  assert.equal(parseAge("12h"), 12 * 3_600_000);
  assert.equal(parseSize("2GB"), 2_000_000_000);
  assert.equal(parseSize("1.5GiB"), 1.5 * 2 ** 30);
});

test("what is no amount is refused, and what is read is a whole number that is not negative", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const parse of [parseAge, parseSize]) {
        let value: number;
        try {
          value = parse(text);
        } catch {
          continue;
        }
        assert.ok(Number.isSafeInteger(value) && value >= 0, text);
      }
    }),
  );
  for (const text of ["", "30", "d", "-1d", "1e3d", "30 d", "2", "2gb", "0x2GB", "1,5GB"]) {
    assert.throws(() => parseAge(text));
    assert.throws(() => parseSize(text));
  }
});
