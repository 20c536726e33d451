import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { listenAtOwnerSocket, removeOwnerSocket, type SocketId } from "./owner-socket.ts";

let folder: string;
const servers: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skerry-socket-"));
});

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(folder, { recursive: true });
});

async function listen(path: string, before?: SocketId, ownFolders: readonly string[] = []) {
  const server = createServer((socket) => socket.end("here"));
  servers.push(server);
  let id: SocketId | undefined;
  const listens = await listenAtOwnerSocket(server, {
    ...{ path, before, ownFolders },
    remember: async (made) => void (id = made),
  });
  return { because: listens.ok ? undefined : listens.problem.because, id };
}

async function said(path: string): Promise<string> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    socket.once("data", (piece) => resolve(String(piece)));
    socket.once("error", (error) => resolve("code" in error ? String(error.code) : error.message));
  });
}

test("a socket is made for its owner alone, and nothing is left beside it", async () => {
  const path = `${folder}/a.sock`;
  assert.equal((await listen(path)).because, undefined);
  assert.equal(lstatSync(path).mode & 0o777, 0o600);
  assert.equal(await said(path), "here");
  assert.deepEqual(readdirSync(folder), ["a.sock"]);
});

test("what is there stays, and a socket of one's own is replaced", async () => {
  const path = `${folder}/a.sock`;
  for (const put of [() => writeFileSync(path, "mine"), () => symlinkSync("/nowhere", path), () => mkdirSync(path)]) {
    put();
    assert.equal((await listen(path)).because, "taken");
    assert.equal((await listen(path, { inode: "1", born: "1" })).because, "taken");
    rmSync(path, { recursive: true });
  }
  const first = await listen(path);
  assert.equal((await listen(path)).because, "taken");
  const second = await listen(path, first.id);
  assert.equal(second.because, undefined);
  assert.ok(first.id !== undefined && second.id !== undefined);
  removeOwnerSocket(path, first.id);
  assert.deepEqual(readdirSync(folder), ["a.sock"], "that is another one by now");
  removeOwnerSocket(path, second.id);
  assert.deepEqual(readdirSync(folder), []);
  writeFileSync(path, "mine");
  removeOwnerSocket(path, second.id);
  assert.equal(readFileSync(path, "utf8"), "mine");
});

test("what a killed agent has left half-made is cleared up, and nothing else is", async () => {
  const path = `${folder}/a.sock`;
  const made = await listen(path);
  assert.ok(made.id !== undefined);
  removeOwnerSocket(path, made.id);
  const room = `${folder}/.skerry-${createHash("sha256").update(path).digest("hex").slice(0, 12)}`;
  mkdirSync(room);
  writeFileSync(`${room}/s`, "");
  assert.equal((await listen(path)).because, undefined);
  assert.deepEqual(readdirSync(folder), ["a.sock"]);
  mkdirSync(room);
  writeFileSync(`${room}/mine`, "mine");
  rmSync(path);
  assert.equal((await listen(path)).because, "failed");
  assert.equal(readFileSync(`${room}/mine`, "utf8"), "mine");
});

test("a folder that is not there, open to others, or Skerry's own is refused, by whatever name", async () => {
  mkdirSync(`${folder}/own`);
  symlinkSync(`${folder}/own`, `${folder}/link`);
  assert.equal((await listen(`${folder}/none/a.sock`)).because, "no-folder");
  writeFileSync(`${folder}/file`, "");
  assert.equal((await listen(`${folder}/file/a.sock`)).because, "no-folder");
  assert.equal((await listen(`${folder}/link/a.sock`, undefined, [`${folder}/own`])).because, "skerrys");
  chmodSync(`${folder}/own`, 0o777);
  assert.equal((await listen(`${folder}/own/a.sock`)).because, "open-folder");
  chmodSync(`${folder}/own`, 0o1777);
  assert.equal((await listen(`${folder}/own/a.sock`)).because, undefined, "with the sticky bit each keeps his own");
  const others = process.getuid?.() === 0 ? "/proc/self" : "/";
  assert.notEqual((await listen(`${others}/a.sock`)).because, undefined);
});

test("a long path is as good as a short one, as far as clients can name it", async () => {
  const deep = `${folder}/${"d".repeat(Math.max(1, 105 - folder.length - 2))}`;
  mkdirSync(deep);
  assert.equal((await listen(`${deep}/s`)).because, undefined);
  assert.equal(await said(`${deep}/s`), "here");
});
