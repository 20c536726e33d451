/** A small recipe of the catalogue on a component that others share; the large ones are in tests/slow/catalogue.test.ts. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import type { Image, LayerRecord } from "../../src/image/index.ts";
import { done } from "./life.fixture.ts";
import { makeTrial, ROOT } from "./trial.fixture.ts";

const trial = makeTrial();

after(() => trial.close());

test("a terminal runs on the layer of fonts that all graphical apps share", async () => {
  const { stdout } = await done(trial, ["run", "--rm", "foot", "--", "--version"]);
  assert.match(stdout, /^foot version: \d/);
  const image: Image = JSON.parse(readFileSync(`${trial.home}/data/images/foot.json`, "utf8"));
  const names = image.layers.map((key): string => {
    const record: LayerRecord = JSON.parse(readFileSync(`${trial.home}/data/store/layers/${key}/layer.json`, "utf8"));
    return record.name;
  });
  assert.deepEqual(names, ["base", "fonts", "foot"], "the locale of this trial needs no layer");
});

test("programs inside find the fonts of the component, and have the locale that every image has", async () => {
  mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
  const text = readFileSync(`${ROOT}/recipes/foot.yaml`, "utf8").replace("/usr/bin/foot", "/bin/sh");
  writeFileSync(`${trial.home}/config/recipes/foot.yaml`, text);
  const { stdout } = await done(trial, ["run", "--rm", "foot", "--", "-c", "fc-match serif; echo $LANG"]);
  assert.match(stdout, /DejaVu Serif|Liberation Serif/);
  assert.match(stdout, /\nC\.UTF-8\n$/);
});
