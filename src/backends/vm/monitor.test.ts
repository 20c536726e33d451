import assert from "node:assert/strict";
import { test } from "node:test";
import { monitorCommand, monitorFiles } from "./monitor.ts";

const MACHINE = { kernel: "/k", root: "/r", disks: [], node: "/n/node", program: "/p" };
const BUNDLED = { ...MACHINE, monitors: "/p/dist/1/host/monitor" };

test("a monitor is one bundle where there is one, and nothing of Skerry is shown beside it", () => {
  assert.deepEqual(monitorFiles(BUNDLED, "service", ["service.ts", "raise.ts"], "/vm"), [
    { file: "/n/node", inside: "/vm/node" },
    { file: "/p/dist/1/host/monitor/service.mjs", inside: "/vm/monitor/service.mjs" },
  ]);
  assert.equal(monitorCommand(BUNDLED, "service", "/vm").at(-1), "/vm/monitor/service.mjs");
});

test("without bundles a monitor is started from its sources", () => {
  const shown = monitorFiles(MACHINE, "main", ["main.ts", "raise.ts"], "/vm").map(({ inside }) => inside);
  assert.deepEqual(shown, ["/vm/node", "/vm/monitor/main.ts", "/vm/monitor/raise.ts", "/vm/package.json"]);
  assert.equal(monitorCommand(MACHINE, "main", "/vm").at(-1), "/vm/monitor/main.ts");
});
