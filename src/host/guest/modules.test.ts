import assert from "node:assert/strict";
import { test } from "node:test";
import { modulesFor } from "./modules.ts";

function modules(all: Readonly<Record<string, string>>, builtIn: readonly string[] = []) {
  return {
    builtIn: new Set(builtIn),
    read: async (name: string) => {
      const depends = all[name];
      return await Promise.resolve(
        depends === undefined ? undefined : Buffer.from(`\x7fELF…\0license=GPL\0depends=${depends}\0`),
      );
    },
  };
}

test("a module is loaded behind all that it depends on, and once", async () => {
  const kernel = modules({ a: "b-c,d", b_c: "d", d: "", e: "d" });
  const ordered = await modulesFor(["a", "e"], kernel);
  assert.deepEqual(
    ordered.map(({ name }) => name),
    ["d", "b_c", "a", "e"],
  );
});

test("what the kernel has built in needs no file", async () => {
  assert.deepEqual(await modulesFor(["overlay"], modules({}, ["overlay"])), []);
});

test("a missing module and a circle are refused by name", async () => {
  await assert.rejects(modulesFor(["x"], modules({})), /no module x/);
  await assert.rejects(modulesFor(["x"], modules({ x: "y", y: "x" })), /depends on itself/);
});
