import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Pictures } from "./picture.ts";

const folder = mkdtempSync(join(tmpdir(), "skerry-picture-"));
after(() => rmSync(folder, { recursive: true }));

async function taken(socket: string): Promise<string> {
  let text = "";
  for await (const piece of connect(socket)) text += String(piece);
  return text;
}

test("each that asks gets a picture of its own, one after the other, and none is left", async () => {
  const [drawn, socket] = [join(folder, "drawn"), join(folder, "socket")];
  let [drawing, count] = [0, 0];
  const pictures: Pictures = new Pictures(drawn, (file) => {
    assert.equal(++drawing, 1, "one at a time");
    writeFileSync(file, `picture ${++count}`);
    setImmediate(() => {
      drawing--;
      void pictures.drawn(true);
    });
    return true;
  });
  await pictures.listen(socket);
  assert.deepEqual((await Promise.all([taken(socket), taken(socket), taken(socket)])).toSorted(), [
    "picture 1",
    "picture 2",
    "picture 3",
  ]);
  assert.ok(!existsSync(drawn));
});

test("where the machine draws none, or does not listen yet, who asks gets nothing", async () => {
  const sockets = [join(folder, "refuses"), join(folder, "deaf")] as const;
  const refuses: Pictures = new Pictures(join(folder, "none"), () => {
    setImmediate(() => void refuses.drawn(false));
    return true;
  });
  const deaf = new Pictures(join(folder, "none"), () => false);
  await refuses.listen(sockets[0]);
  await deaf.listen(sockets[1]);
  for (const socket of sockets) assert.equal(await taken(socket), "");
});
