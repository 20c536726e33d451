import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { Socket } from "node:net";
import { createServer, connect } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Qmp } from "./qmp.ts";

const GREETING = '{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}\r\n';

/** Far above what it takes; only a test in which nothing comes waits for less. */
const LIMIT_MS = 30_000;

/** A conversation with a stand-in, which answers each command with what it is told to. */
async function talk(
  answers: readonly ((id: unknown) => string)[],
  act: (qmp: Qmp) => Promise<unknown>,
  greeting = GREETING,
): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), "skerry-qmp-"));
  const path = join(folder, "s");
  const rest = [...answers];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write(greeting);
    socket.on("data", (piece) => {
      for (const line of String(piece).trim().split("\n")) socket.write(rest.shift()?.(JSON.parse(line).id) ?? "");
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const socket: Socket = connect(path);
  try {
    return await act(Qmp.on(socket));
  } finally {
    socket.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  }
}

const fine = (id: unknown) => `${JSON.stringify({ return: {}, id })}\r\n`;

test("a command gets its own answer, whatever events come between", async () => {
  const status = (id: unknown) =>
    `{"timestamp": {}, "event": "STOP"}\r\n${JSON.stringify({ return: { status: "paused" }, id })}\r\n`;
  const said = await talk([fine, status], async (qmp) => {
    await qmp.begin(LIMIT_MS);
    return await qmp.execute("query-status", {}, LIMIT_MS);
  });
  assert.deepEqual(said, { status: "paused" });
});

test("what QEMU refuses is said in its words", async () => {
  const refuses = (id: unknown) =>
    `${JSON.stringify({ error: { class: "GenericError", desc: "no such disk" }, id })}\r\n`;
  await assert.rejects(
    talk([fine, refuses], async (qmp) => {
      await qmp.begin(LIMIT_MS);
      await qmp.execute("eject", {}, LIMIT_MS);
    }),
    /QEMU: no such disk/,
  );
});

for (const [what, answer] of Object.entries({
  "another command's answer": '{"return": {}, "id": 77}\r\n',
  "what is no JSON": "}{\r\n",
  "what is no object": "[1]\r\n",
  "an answer without a value": '{"return": 7, "id": 1}\r\n',
  "a second greeting": GREETING,
  "a line without an end": "x".repeat(100_000),
  "nothing but events": '{"event": "RESET"}\r\n'.repeat(2000),
}))
  test(`${what} ends the conversation`, async () => {
    await assert.rejects(
      talk([() => answer], async (qmp) => await qmp.begin(LIMIT_MS)),
      /QEMU: it (said what its protocol does not have|did nothing but tell of events)/,
    );
  });

test("silence has a limit", async () => {
  await assert.rejects(
    talk([() => ""], async (qmp) => await qmp.begin(50)),
    /did not answer to \w+ in time/,
  );
});

test("whatever bytes come, in whatever pieces, each command ends with an answer or a refusal", async () => {
  const piece = fc.oneof(
    fc.constantFrom(GREETING, '{"return": {}, "id": 1}\n', '{"event": 1}\n', "\n", "{", '{"id": 1}'),
    fc.string({ unit: "binary", maxLength: 20 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
      const socket = Object.assign(new PassThrough(), { write: () => true });
      // A stand-in for a socket: what is fed to it is read, and what is written goes nowhere.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      const qmp = Qmp.on(socket as unknown as Socket);
      const ended = qmp.begin(LIMIT_MS).then(
        () => true,
        () => true,
      );
      for (const text of pieces) socket.emit("data", Buffer.from(text));
      socket.emit("close");
      assert.ok(await ended);
    }),
    { numRuns: 60 },
  );
});
