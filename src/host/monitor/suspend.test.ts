/** Both ends of a suspend, with a stand-in for QEMU between them: who keeps what, and that the machine runs on otherwise. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { takeStateFrom } from "../channel/take-state.ts";
import { Channel } from "./channel.ts";
import { goOn, offerSuspend } from "./suspend.ts";

const MEBIBYTE = 1024 * 1024;

const NOTHING = { leave: [], back: [], memoryBytes: MEBIBYTE };
const UNHEARD = { ends: async () => {} };

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function listening(path: string, take: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    ends.push(() => socket.destroy());
    take(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  ends.push(() => server.close());
  return server;
}

/** A stand-in for QEMU: what it was told to do, and how much it says of itself. */
async function machine(state: Buffer, how: "completes" | "fails" = "completes") {
  const folder = mkdtempSync(join(tmpdir(), "skerry-suspend-"));
  ends.push(() => rmSync(folder, { recursive: true }));
  const told: string[] = [];
  let off = false;
  let migrated = "none";
  const taken: Buffer[] = [];
  await listening(`${folder}/qmp`, (qmp) => {
    qmp.write('{"QMP": {}}\r\n');
    qmp.on("data", (piece) => {
      for (const line of String(piece).trim().split("\n")) {
        const { execute, arguments: values, id } = JSON.parse(line);
        told.push(execute);
        const path = String(values["uri"] ?? "").replace("unix:", "");
        if (execute === "migrate")
          connect(path)
            .on("error", () => (migrated = "failed"))
            .on("close", () => (migrated = how === "fails" ? "failed" : "completed"))
            .end(state);
        if (execute.startsWith("migrate")) migrated = "none";
        if (execute === "migrate-incoming")
          void listening(path, (socket) => {
            socket.on("data", (part) => taken.push(Buffer.from(part))).on("end", () => (migrated = "completed"));
          }).then(() => qmp.write(`${JSON.stringify({ return: {}, id })}\r\n`));
        else {
          const value = execute === "query-migrate" ? { status: migrated } : {};
          qmp.write(`${JSON.stringify({ return: value, id })}\r\n`);
        }
      }
    });
  });
  const qmp = connect(`${folder}/qmp`);
  ends.push(() => qmp.destroy());
  const stream = () => ({ connected: Promise.resolve(qmp), close() {} });
  await listening(`${folder}/port`, () => {});
  const nobody = new Channel(connect(`${folder}/port`), { linked() {}, astray() {} });
  const server = await offerSuspend(folder, { stream }, Promise.resolve(nobody), () => (off = true));
  ends.push(() => server.close());
  return {
    ...{ folder, told, taken, stream },
    file: join(folder, "kept"),
    isOff: () => off,
    owner: () => {
      const socket = connect({ path: `${folder}/suspend`, allowHalfOpen: true });
      ends.push(() => socket.destroy());
      return socket;
    },
  };
}

async function until(look: () => boolean): Promise<void> {
  while (!look()) await pause(5);
}

const STATE = Buffer.from(Array.from({ length: 3 * MEBIBYTE }, (_, index) => index % 251));

test("a machine is kept whole, ends when it is, and another one takes all of it", async () => {
  const { owner, file, told, isOff, folder, stream, taken } = await machine(STATE);
  let wasOff = true;
  const kept = await takeStateFrom(owner(), file, NOTHING, { ends: async () => (wasOff = isOff()) });
  assert.deepEqual(kept, { ok: true, value: STATE.length });
  assert.equal(wasOff, false, "it ends after that");
  await until(() => told.includes("quit"));
  assert.ok(isOff() && !told.includes("cont"));
  assert.ok(readFileSync(file).equals(STATE));
  await goOn({ stream }, folder, file);
  assert.ok(Buffer.concat(taken).equals(STATE));
  assert.equal(told.at(-1), "cont");
});

test("a machine whose owner goes before all is kept runs on", async () => {
  const { owner, told, isOff, folder } = await machine(STATE);
  const socket = owner();
  socket.write(`${JSON.stringify(NOTHING)}\n`);
  socket.once("data", () => socket.destroy());
  await until(() => told.includes("cont"));
  assert.ok(!isOff() && !told.includes("quit"));
  // And it can be asked again.
  for (let round = 0; ; round += 1) {
    const kept = await takeStateFrom(owner(), join(folder, `later${round}`), NOTHING, UNHEARD);
    if (kept.ok) break;
    assert.match(kept.problem.because, /being written down already/);
    await pause(5);
  }
});

test("a machine runs on where nothing can be kept, or not all of it, and where it is larger than it may be", async () => {
  const { owner, told, isOff, file, folder } = await machine(STATE);
  const nowhere = await takeStateFrom(owner(), join(folder, "no/such"), NOTHING, UNHEARD);
  assert.match(JSON.stringify(nowhere), /ENOENT/);
  assert.equal(told.length, 0, "nothing was asked of it");
  const small = { ...NOTHING, memoryBytes: -256 * MEBIBYTE };
  const larger = await takeStateFrom(owner(), file, small, UNHEARD);
  assert.match(JSON.stringify(larger), /larger than any machine/);
  await until(() => told.includes("cont"));
  assert.ok(!isOff());
});

test("what QEMU refuses is told, and nothing is taken for whole", async () => {
  const { owner, told, isOff, file } = await machine(STATE, "fails");
  const kept = await takeStateFrom(owner(), file, NOTHING, UNHEARD);
  assert.equal(kept.ok, false);
  await until(() => told.includes("cont"));
  assert.ok(!isOff());
});

test("what an owner must not say is answered, and asks nothing of the machine", async () => {
  const { owner, told } = await machine(STATE);
  for (const words of ["", "{}", "[]", "nothing", '{"leave":[[1]],"back":[]}', '{"leave":"x","back":[]}']) {
    const socket = owner();
    socket.write(`${words}\n`);
    let said = "";
    for await (const piece of socket) said += String(piece);
    assert.match(said, /^-.+\n$/, words);
  }
  assert.equal(told.length, 0);
});

test("a monitor that says what none of ours says leaves nothing that looks whole", async () => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-suspend-"));
  ends.push(() => rmSync(folder, { recursive: true }));
  const piece = (length: number, bytes: Buffer) => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    return Buffer.concat([Buffer.from("+\n"), head, bytes]);
  };
  const cases: readonly (readonly [Buffer, RegExp])[] = [
    [Buffer.from("-no \x1b[2J room\n"), /no \?\[2J room/],
    [Buffer.from("x".repeat(5000)), /half-way/],
    [piece(0xffffffff, Buffer.alloc(0)), /no monitor of ours/],
    [piece(100, Buffer.alloc(99)), /half-way/],
    [Buffer.from("+\n"), /half-way/],
    [Buffer.alloc(0), /half-way/],
  ];
  for (const [index, [words, because]] of cases.entries()) {
    const path = join(folder, `socket${index}`);
    await listening(path, (socket) => socket.once("data", () => socket.end(words)));
    const taken = await takeStateFrom(connect(path), join(folder, `file${index}`), NOTHING, {
      ends: async () => assert.fail("it was not whole"),
    });
    assert.match(JSON.stringify(taken), because);
    assert.ok(existsSync(join(folder, `file${index}`)));
  }
});
