/** Views, made in namespaces like those of a wall: what is put together there, and with which rights. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { processOf, signalProcess } from "../processes.ts";
import { mountsOf } from "./mount-table.ts";
import { isShown, replaceShown, stageView, type View } from "./view.ts";
import { findPlainly } from "./plain-file.ts";

const folder = mkdtempSync(join(tmpdir(), "skerry-view-"));
let view: View | undefined;

/** Outside, something is mounted below the folder that is shown, with an option of its own; inside, nobody may change that. */
const OUTSIDE = `mount -t tmpfs -o noexec skerry "$1/docs/below" && touch "$1/docs/below/file" && exec unshare --user --map-root-user --mount --propagation unchanged sh -c 'echo ready; exec sleep 1000'`;

before(async () => {
  for (const name of ["docs/below", "slots/docs", "staging", "staging-2"])
    mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, "docs/name"), "docs");
  writeFileSync(join(folder, "outside"), "outside");
  symlinkSync("../outside", join(folder, "docs/link"));
  const child = spawn("/usr/bin/unshare", ["--user", "--map-root-user", "--mount", "sh", "-c", OUTSIDE, "sh", folder], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const said = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  const wall = child.pid === undefined ? undefined : processOf(child.pid);
  if (String(said[0]).startsWith("ready") && wall !== undefined) view = { wall, first: wall, asRoot: false };
});

after(() => {
  if (view !== undefined) signalProcess(view.wall, "SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const CANNOT = "cannot here: user namespaces are refused";

const optionsAt = (point: string) =>
  (view === undefined ? [] : (mountsOf(view.wall.pid) ?? [])).findLast((mount) => mount.point === point)?.options ?? [];

test("a folder that may be read is read-only with all that is mounted below it", async (context) => {
  if (view === undefined) return context.skip(CANNOT);
  const staging = `${folder}/staging`;
  const part = { source: `${folder}/docs`, type: "folder", at: "", access: "read" } as const;
  // What is mounted below stands in the wall's table alone, and is what has to be shut as well.
  assert.equal(await stageView(view, staging, [part]), undefined);
  for (const point of [staging, `${staging}/below`])
    for (const option of ["ro", "nosuid", "nodev"]) assert.ok(optionsAt(point).includes(option), `${option} ${point}`);
  assert.ok(optionsAt(`${staging}/below`).includes("noexec"), "what had less rights gets no more");
  assert.throws(() => writeFileSync(`/proc/${view?.wall.pid}/root${staging}/below/file`, "x"), { code: "EROFS" });
  assert.throws(() => writeFileSync(`/proc/${view?.wall.pid}/root${staging}/name`, "x"), { code: "EROFS" });
});

test("what is reached through a link, or is not there, is not shown, and nothing is left of the attempt", async (context) => {
  if (view === undefined) return context.skip(CANNOT);
  const staging = `${folder}/staging-2`;
  for (const source of [`${folder}/docs/link`, `${folder}/docs/none`, `${folder}/docs/name`]) {
    const part = { source, type: "folder", at: "", access: "read" } as const;
    assert.match((await stageView(view, staging, [part])) ?? "", /not there, or a link/);
  }
  assert.deepEqual(optionsAt(staging), []);
});

test("one file is put in the place of another", async (context) => {
  if (view === undefined) return context.skip(CANNOT);
  const [staging, at] = [`${folder}/view-file`, `${folder}/slots/file`];
  for (const path of [staging, at]) writeFileSync(path, "");
  for (const name of ["docs/name", "outside", "docs/name"]) {
    const part = { source: `${folder}/${name}`, type: "file", at: "", access: "read" } as const;
    assert.equal(await stageView(view, staging, [part]), undefined);
    assert.equal(await replaceShown(view, staging, at), undefined);
    const found = findPlainly(`${folder}/${name}`);
    assert.ok(found !== undefined && isShown(view, at, found), name);
  }
});

test("a file is found through no link, not even one on its way", () => {
  assert.equal(findPlainly(`${folder}/docs/name`)?.type, "file");
  assert.equal(findPlainly(`${folder}/docs`)?.type, "folder");
  assert.equal(findPlainly(`${folder}/docs/link`)?.type, "other");
  symlinkSync("docs", join(folder, "way"));
  assert.equal(findPlainly(`${folder}/way/name`), undefined);
});
