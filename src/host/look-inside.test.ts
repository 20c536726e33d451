import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { tmpdir } from "node:os";
import { existsBelow, existsInside, hasListener, listensOn } from "./look-inside.ts";

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1470 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 5 1 0 100 0 0 10 0
   1: 0100007F:0050 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 6 1 0 100 0 0 10 0
`;

test("a port is ready when something listens on it; a connection from it is no sign", () => {
  assert.equal(hasListener(TABLE, 5232), true);
  assert.equal(hasListener(TABLE, 80), false);
  const six = "   0: 00000000000000000000000000000000:1538 00000000000000000000000000000000:0000 0A 00000000:00000000";
  assert.equal(hasListener(six, 5432), true);
  assert.equal(hasListener("", 5432), false);
});

test("what shares the host's network is never ready by a port", async () => {
  assert.equal(await listensOn(process.pid, 1), false);
  assert.equal(await listensOn(2 ** 30, 1), false);
});

test("a path is looked for below the root of the process, through its links", async () => {
  const folder = mkdtempSync(`${tmpdir()}/look-inside-`);
  try {
    mkdirSync(`${folder}/a/b`, { recursive: true });
    writeFileSync(`${folder}/a/b/file`, "");
    symlinkSync("a/b", `${folder}/link`);
    symlinkSync(`${folder}/a`, `${folder}/absolute`);
    symlinkSync("nowhere", `${folder}/dangling`);
    symlinkSync("loop", `${folder}/loop`);
    symlinkSync("../".repeat(60) + folder.slice(1), `${folder}/up`);
    const there = async (path: string) => await existsBelow("/proc/self/root", `${folder}/${path}`);
    for (const path of ["a/b/file", "link/file", "absolute/b/file", "up/a/b/file"]) assert.ok(await there(path), path);
    for (const path of ["a/c", "a/b/file/x", "dangling", "loop", "link/../c"]) assert.ok(!(await there(path)), path);
    for (const pid of [2 ** 30, process.pid]) assert.equal(await existsInside(pid, "/etc"), false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
