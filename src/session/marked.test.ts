import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { marked, whose } from "./marked.ts";

test("what was written and not changed is ours; any change makes it the owner's", () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ minLength: 1 }), (text, more) => {
      assert.equal(whose(marked(text)), "ours");
      assert.equal(whose(`${marked(text)}${more}`), "edited");
      assert.notEqual(whose(`${more}${marked(text)}`), "ours");
    }),
  );
  assert.equal(whose("[Unit]\n"), "foreign");
  assert.equal(whose(""), "foreign");
});
