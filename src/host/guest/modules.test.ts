import assert from "node:assert/strict";
import { test } from "node:test";
import { modulesFor, withoutSignature } from "./modules.ts";

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

test("a signature is cut off, and nothing else is", () => {
  const module = Buffer.from("\x7fELF and so on");
  const signed = (size: number, claims = size) => {
    const head = Buffer.alloc(12);
    head.writeUInt32BE(claims, 8);
    return Buffer.concat([module, Buffer.alloc(size, 7), head, Buffer.from("~Module signature appended~\n")]);
  };
  assert.deepEqual(withoutSignature(signed(700)), module);
  assert.deepEqual(withoutSignature(module), module);
  assert.deepEqual(withoutSignature(Buffer.alloc(0)), Buffer.alloc(0));
  assert.throws(() => withoutSignature(signed(700, 5000)), /shorter than its signature/);
});

test("what the kernel has built in needs no file", async () => {
  assert.deepEqual(await modulesFor(["overlay"], modules({}, ["overlay"])), []);
});

test("a missing module and a circle are refused by name", async () => {
  await assert.rejects(modulesFor(["x"], modules({})), /no module x/);
  await assert.rejects(modulesFor(["x"], modules({ x: "y", y: "x" })), /depends on itself/);
});
