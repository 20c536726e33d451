import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { serveStreams } from "./serve-streams.ts";

const folder = mkdtempSync(`${tmpdir()}/skerry-streams-`);
after(() => rmSync(folder, { recursive: true }));

/** @returns all that is said to who says `words` and then listens */
async function answer(path: string, words: string): Promise<string> {
  const socket = connect({ path, allowHalfOpen: true });
  socket.end(words);
  let said = "";
  socket.on("data", (piece) => (said += String(piece))).on("error", () => {});
  await new Promise((resolve) => socket.once("close", resolve));
  return said;
}

test("a connection is the standard streams of a program, and nobody else can make one", async () => {
  const served = await serveStreams(`${folder}/one`, async () => ["/usr/bin/tr", "a-z", "A-Z"]);
  const path = `${served.folder}/${served.name}`;
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(served.folder).mode & 0o777, 0o700);
  assert.equal(await answer(path, "said"), "SAID");
  assert.equal(await answer(path, "again"), "AGAIN");
  served.close();
  assert.equal(existsSync(served.folder), false);
});

test("who is shown the folder reaches the socket that a later one has in it", async () => {
  const first = await serveStreams(`${folder}/again`, async () => ["/usr/bin/tr", "a-z", "A-Z"]);
  const inode = statSync(first.folder).ino;
  const later = await serveStreams(`${folder}/again`, async () => ["/usr/bin/tr", "a-z", "x"]);
  assert.equal(statSync(later.folder).ino, inode);
  assert.equal(await answer(`${later.folder}/${later.name}`, "said"), "xxxx");
  later.close();
});

test("where no program can be started, and beyond sixteen at once, who connects is hung up on", async () => {
  let able = false;
  const program = async () => (able ? (["/usr/bin/cat"] as const) : undefined);
  const served = await serveStreams(`${folder}/many`, program);
  const path = `${served.folder}/${served.name}`;
  assert.equal(await answer(path, "nobody hears it"), "");
  able = true;
  const kept = Array.from({ length: 16 }, () => connect(path));
  for (const socket of kept) {
    socket.write("x");
    await new Promise((resolve) => socket.once("data", resolve));
  }
  assert.equal(await answer(path, "one too many"), "");
  for (const socket of kept) socket.destroy();
  served.close();
});
