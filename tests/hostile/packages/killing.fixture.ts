/**
 * Kills an agent in the middle of a build, at a point that was drawn by lot, and looks what the next one makes of it.
 *
 * The points are told in events of the build (requests of the archive, lines of progress) and in small times after
 * them, not in seconds since the start: so they fall into every part of a build on fast and slow machines.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import type { Archive, BuildTrial } from "./archive.fixture.ts";
import { eventually, processesOf } from "./processes.fixture.ts";

export interface KillPoint {
  /** After so many requests to the archive, then the time. */
  readonly requests: number;
  readonly thenMs: number;
}

/** The same points for the same seed, so that a failure can be had again. */
export function killPoints(count: number, seed: number): readonly KillPoint[] {
  let state = seed;
  const draw = (below: number) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  return Array.from({ length: count }, () => ({ requests: 1 + draw(5), thenMs: draw(900) }));
}

export async function killDuringBuild(trial: BuildTrial, archive: Archive, recipe: string, point: KillPoint) {
  archive.asked.length = 0;
  const child = trial.begin(["build", recipe]);
  let ended = false;
  child.once("close", () => (ended = true));
  await eventually(() => ended || archive.asked.length >= point.requests, "the build asks the archive");
  await new Promise((resolve) => setTimeout(resolve, point.thenMs));
  const info = await trial.client.call<{ readonly pid?: number }>("Info", {});
  if (info.ok && info.value.pid !== undefined) process.kill(info.value.pid, "SIGKILL");
  await eventually(() => ended, "the command ends");
  await eventually(
    () => processesOf(trial.home).length === 0,
    `nothing runs any more:\n${processesOf(trial.home)
      .map(({ words }) => words)
      .join("\n")}`,
  );
  wholeStore(trial);
  const again = await trial.skerry(["build", recipe], { timeoutMs: 90_000 });
  assert.equal(again.code, 0, `after a kill at ${JSON.stringify(point)}: ${again.stderr}`);
  assert.deepEqual(trial.stored("building"), []);
  assert.deepEqual(
    trial.stored("debs").filter((name) => !/^[0-9a-f]{64}\.deb$/.test(name)),
    [],
  );
}

/** What has its name is whole: packages have the hash that they are called by, layers have their record. */
export function wholeStore(trial: BuildTrial): void {
  const debs = `${trial.home}/data/store/debs`;
  for (const name of trial.stored("debs").filter((each) => each.endsWith(".deb"))) {
    const sha256 = createHash("sha256")
      .update(new Uint8Array(readFileSync(`${debs}/${name}`)))
      .digest("hex");
    assert.equal(`${sha256}.deb`, name);
  }
  for (const key of trial.stored("layers"))
    assert.ok(existsSync(`${trial.home}/data/store/layers/${key}/layer.json`), `layer ${key} is not whole`);
}
