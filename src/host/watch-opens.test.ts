/** Against the real inotifywait: what was opened is told, and that too much was opened at once is told, too. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { OpensEvent } from "./opens-reader.ts";
import { watchOpens } from "./watch-opens.ts";

const inotifywait = "/usr/bin/inotifywait";
const skip = existsSync(inotifywait) ? false : "cannot here: inotifywait is not installed";

async function watched(act: (folder: string) => void) {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "skerry-watch-")));
  const folder = `${home}/watched`;
  mkdirSync(`${folder}/sub`, { recursive: true });
  writeFileSync(`${folder}/sub/file`, "x");
  const events = new Set<string>();
  const unsure: string[] = [];
  const hears = {
    event: ({ kind, path }: OpensEvent) => void events.add(`${kind} ${path}`),
    unsure: (because: string) => void unsure.push(because),
  };
  const places = { inotifywait, setpriv: "/usr/bin/setpriv", folder, markFolder: `${home}/mark` };
  try {
    const watch = await watchOpens(places, hears, new AbortController().signal);
    assert.ok(watch.ok, JSON.stringify(watch));
    act(folder);
    await watch.value.finish();
    assert.ok(!existsSync(places.markFolder), "the mark goes with the watch");
    return { events: [...events].toSorted(), unsure };
  } finally {
    rmSync(home, { recursive: true });
  }
}

test("nothing is told of the watching itself, and all that happens afterwards is", { skip }, async () => {
  assert.deepEqual(await watched(() => {}), { events: [], unsure: [] });
  const { events, unsure } = await watched((folder) => {
    readFileSync(`${folder}/sub/file`);
    writeFileSync(`${folder}/new`, "");
  });
  assert.deepEqual(unsure, []);
  assert.deepEqual(events, ["change new", "read new", "read sub/file"]);
});

test("when more happens than the kernel keeps, it is said that not all is known", { skip }, async () => {
  const most = Number(readFileSync("/proc/sys/fs/inotify/max_queued_events", "utf8"));
  const { unsure } = await watched((folder) => {
    for (let count = 0; count < most; count++) {
      readFileSync(`${folder}/sub/file`);
      writeFileSync(`${folder}/sub/other`, "");
    }
  });
  assert.notDeepEqual(unsure, []);
});

test("a folder that is not there cannot be watched", { skip }, async () => {
  const hears = { event: () => {}, unsure: () => {} };
  const markFolder = join(tmpdir(), `skerry-mark-${process.pid}`);
  const places = { inotifywait, setpriv: "/usr/bin/setpriv", folder: "/nowhere/at/all", markFolder };
  const watch = await watchOpens(places, hears, new AbortController().signal);
  assert.ok(!watch.ok);
  assert.match(watch.problem.because, /nowhere/);
});
