import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { serveMemory } from "./memory.ts";

const MEBIBYTE = 1024 * 1024;

/** A stand-in for QEMU with a balloon, and what it was told. */
async function withVmm(act: (ask: (line: string) => Promise<string>, told: readonly unknown[]) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), "skerry-memory-"));
  const told: unknown[] = [];
  let actual = 512 * MEBIBYTE;
  const vmm = createServer((socket) => {
    socket.on("error", () => {});
    socket.write('{"QMP": {}}\r\n');
    socket.on("data", (piece) => {
      for (const line of String(piece).trim().split("\n")) {
        const said = JSON.parse(line);
        told.push(said.execute);
        const tooFew = said.execute === "balloon" && said.arguments.value < 100 * MEBIBYTE;
        if (said.execute === "balloon" && !tooFew) actual = said.arguments.value;
        const answer = tooFew
          ? { error: { desc: "no \u001b[2J balloon" } }
          : { return: said.execute === "query-balloon" ? { actual } : {} };
        socket.write(`${JSON.stringify({ ...answer, id: said.id })}\r\n`);
      }
    });
  });
  await new Promise<void>((resolve) => vmm.listen(`${folder}/vmm`, resolve));
  const connected = Promise.resolve(connect(`${folder}/vmm`));
  await serveMemory(`${folder}/memory`, { stream: () => ({ connected, close: () => {} }) });
  const ask = async (line: string) => {
    const socket = connect({ path: `${folder}/memory`, allowHalfOpen: true });
    socket.end(line);
    let said = "";
    for await (const piece of socket) said += String(piece);
    return said;
  };
  try {
    await act(ask, told);
  } finally {
    (await connected).destroy();
    vmm.close();
    rmSync(folder, { recursive: true });
  }
}

test("whoever asks hears what the system has, and what became of what was wanted", async () => {
  await withVmm(async (ask, told) => {
    assert.equal(await ask("\n"), "512\n");
    assert.equal(await ask("256\n"), "256\n");
    assert.deepEqual(await Promise.all([ask("300\n"), ask("\n")].map(async (one) => await one)), ["300\n", "300\n"]);
    assert.deepEqual(told.slice(0, 3), ["qmp_capabilities", "query-balloon", "balloon"]);
  });
});

test("what is no size reaches nobody, and a refusal of QEMU's comes as plain characters", async () => {
  await withVmm(async (ask, told) => {
    for (const line of ["0\n", "-1\n", "1e3\n", "12x\n", "", "1", `${"9".repeat(100)}\n`, "\0\n", " 5\n"])
      assert.equal(await ask(line), "-that is no size\n", JSON.stringify(line));
    assert.deepEqual(told, []);
    assert.equal(await ask("99\n"), "-QEMU: no ?[2J balloon\n");
    assert.equal(await ask("\n"), "512\n");
  });
});
