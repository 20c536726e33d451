import assert from "node:assert/strict";
import { test } from "node:test";
import { refusal, success } from "../../result.ts";
import type { Step } from "../../step/index.ts";
import { giveBack } from "./give-back.ts";

const spec = { name: "net-vm" };

const back = (address: string): Step => ({ kind: "bind-device", address, driver: undefined });

test("all is tried, and what the host did not get back is said", async () => {
  const tried: string[] = [];
  const performer = {
    perform: async (step: Step) => {
      assert.ok(step.kind === "bind-device");
      tried.push(step.address);
      return step.address.startsWith("0000:03")
        ? refusal({ kind: "step-failed" as const, step: "give it back", because: "busy\u001b[31m" })
        : success({ output: "", captured: {}, from: undefined });
    },
  };
  const notes = await giveBack({ undo: [back("0000:03:00.0"), back("0000:04:00.0")], spec }, performer);
  assert.deepEqual(tried, ["0000:03:00.0", "0000:04:00.0"]);
  assert.deepEqual(notes, ["the host has not got back all that it gave: give it back: busy\\x1b[31m"]);
  assert.deepEqual(await giveBack({ spec }, performer), []);
});
