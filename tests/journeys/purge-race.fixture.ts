/**
 * Purges that race starts: three instances of one image are started, some by their launchers and some the full way, while
 * the image is purged. A run works to its end on a whole image or is refused in words; nothing between.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { BuildTrial } from "../hostile/packages/archive.fixture.ts";
import { done, listed, until } from "./life.fixture.ts";
import { endOf } from "./trial.fixture.ts";

const NAMES = ["racer", "racer-two", "racer-three"] as const;

/** A start by a launcher is over after some 20 ms, one the full way after some hundred. */
const LONGEST_MS = 250;

/** Looks at the image for as long as a purge takes, and at files that it has not read before. */
const APP = 'for n in 1 2 3 4 5 6 7 8; do sleep 0.05; cat "/part-$n" || exit 9; done; ls /usr/bin >/dev/null';

/** What APP reads. */
export const PARTS = Array.from({ length: 8 }, (_, index) => ({ name: `./part-${index + 1}`, content: `${index}` }));

const EXPECTED = PARTS.map(({ content }) => content).join("");

const REFUSED_PURGE = /runs from the image of racer; nothing was removed|there is no image of "racer"/;

/** @param rounds - each is three starts and one purge */
export async function racePurges(trial: BuildTrial, packages: string, rounds: number): Promise<void> {
  const recipe = `skerry: recipe/1\nsummary: made for a test\nbase: trial\npackages: [${packages}]\nprograms: { sh: { command: [/bin/sh], arguments: any } }\nvolumes: { data: { class: data, inside: /data } }\n`;
  writeFileSync(`${trial.home}/config/recipes/racer.yaml`, recipe);
  for (const name of NAMES) {
    await done(trial, ["deploy", "racer", "--as", name]);
    // The first start makes the volumes, which a launcher is made from as well.
    await done(trial, ["run", "-q", name, "--", "-c", "true"]);
  }
  for (let round = 0; round < rounds; round++) {
    await done(trial, ["build", "-q", "racer"]);
    const launchers = NAMES.map((name) => `${trial.home}/run/instances/${name}/launcher/start`);
    await until("there are launchers", () => launchers.every((path) => existsSync(path)));
    const times = NAMES.map(() => randomInt(LONGEST_MS));
    const purgeAfterMs = randomInt(LONGEST_MS);
    const runs = NAMES.map(async (name, index) => {
      await pause(times[index]);
      const environment = index === 2 ? { SKERRY_LAUNCHER: "off" } : {};
      return await endOf(trial.begin(["run", "-q", name, "--", "-c", APP], { environment }), 90_000);
    });
    const purging = pause(purgeAfterMs).then(async () => await endOf(trial.begin(["purge", "-q", "racer"]), 90_000));
    const story = `round ${round}: runs after ${times.join(", ")} ms, the purge after ${purgeAfterMs} ms`;
    for (const { code, stdout, stderr } of await Promise.all(runs))
      assert.deepEqual([code, stdout], [0, EXPECTED], `${story}: ${code} ${stderr}`);
    const purged = await purging;
    assert.ok(purged.code === 0 || REFUSED_PURGE.test(purged.stderr), `${story}: ${purged.stderr}`);
    await until("all have ended", async () => (await listed(trial)).length === 0);
    assert.ok(!existsSync(`${trial.home}/data/store/going`), story);
    await done(trial, ["images", "verify"]);
  }
  assert.match((await done(trial, ["audit", "verify"])).stdout, /is whole/);
}
