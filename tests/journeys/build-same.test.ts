/** One lock, one tree: what is built from a lock does not depend on where and when it is built. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import {
  type BuildTrial,
  cachedBase,
  makeArchive,
  makeBuildTrial,
  NO_GPG,
} from "../hostile/packages/archive.fixture.ts";

/** Every file of a layer as it was sealed: owner, mode, time, hash, attributes. */
function listOf(home: string, key: string): readonly string[] {
  return readFileSync(`${home}/data/store/layers/${key}/files`, "utf8").trim().split("\n");
}

function digestOf(home: string, key: string): string {
  const record: { readonly digest: string } = JSON.parse(
    readFileSync(`${home}/data/store/layers/${key}/layer.json`, "utf8"),
  );
  return record.digest;
}

function differences(left: readonly string[], right: readonly string[]): readonly string[] {
  const [one, other] = [new Set(left), new Set(right)];
  return [...left.filter((line) => !other.has(line)), ...right.filter((line) => !one.has(line))];
}

function layersOf(trial: BuildTrial): readonly string[] {
  const image: { readonly layers: readonly string[] } = JSON.parse(
    readFileSync(`${trial.home}/data/images/app.json`, "utf8"),
  );
  return image.layers;
}

test("one lock gives the same layers and the same trees in two homes", { skip: NO_GPG }, async () => {
  const archive = await makeArchive([
    {
      name: "one",
      files: [
        { name: "./opt/", type: "5", mode: 0o755 },
        { name: "./opt/one", content: "one" },
      ],
      scripts: {
        postinst: "date -u -d @$SOURCE_DATE_EPOCH > /opt/made\nuseradd --system --no-create-home oner || true",
      },
    },
    { name: "two", files: [{ name: "./two", content: "two" }], fields: { Depends: "one" } },
  ]);
  const first = makeBuildTrial(archive);
  const second = makeBuildTrial(archive, false);
  try {
    for (const trial of [first, second]) trial.recipe("app", ["two"]);
    const built = await first.skerry(["build", "app"]);
    assert.equal(built.code, 0, built.stderr);
    mkdirSync(`${second.home}/data/locks`, { recursive: true });
    for (const name of ["app.json", "base.trial.json"])
      copyFileSync(`${first.home}/data/locks/${name}`, `${second.home}/data/locks/${name}`);
    const again = await second.skerry(["build", "app"], { timeoutMs: 180_000 });
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(layersOf(second), layersOf(first));
    assert.equal(layersOf(second)[0], cachedBase().key, "the base of the archive is that of Debian");
    for (const key of layersOf(first)) {
      const [left, right] = [first, second].map(({ home }) => listOf(home, key));
      assert.ok((left?.length ?? 0) > 3);
      assert.deepEqual(differences(left ?? [], right ?? []), [], `layer ${key}`);
      assert.match(digestOf(first.home, key), /^[0-9a-f]{64}$/);
      assert.equal(digestOf(second.home, key), digestOf(first.home, key));
      const lock = readFileSync(`${first.home}/data/locks/app.json`, "utf8");
      assert.ok(lock.includes(digestOf(first.home, key)), "the lock says what a rebuild has to give");
    }
  } finally {
    await first.close();
    await second.close();
    await archive.close();
  }
});
