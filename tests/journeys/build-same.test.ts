/** One lock, one tree: what is built from a lock does not depend on where and when it is built. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import {
  type BuildTrial,
  cachedBase,
  makeArchive,
  makeBuildTrial,
  NO_GPG,
} from "../hostile/packages/archive.fixture.ts";

/** Every path with its type, mode and content; not its times, which canonical forms set by themselves. */
function treeOf(folder: string, below = ""): readonly string[] {
  return readdirSync(folder)
    .toSorted()
    .flatMap((name) => {
      const path = `${folder}/${name}`;
      const shown = `${below}/${name}`;
      const about = lstatSync(path);
      const head = `${shown} ${about.mode.toString(8)}`;
      try {
        if (about.isSymbolicLink()) return [`${head} ${readlinkSync(path)}`];
        if (about.isDirectory()) return [head, ...treeOf(path, shown)];
        const bytes = new Uint8Array(about.isFile() ? readFileSync(path) : []);
        return [`${head} ${about.size} ${createHash("sha256").update(bytes).digest("hex")}`];
      } catch (error) {
        // What belongs to a subordinate id is shut to an ordinary user.
        if (error instanceof Error && "code" in error && error.code === "EACCES") return [`${head} shut`];
        throw error;
      }
    });
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
      const [left, right] = [first, second].map(({ home }) => treeOf(`${home}/data/store/layers/${key}/fs`));
      assert.ok((left?.length ?? 0) > 3);
      assert.deepEqual(differences(left ?? [], right ?? []), [], `layer ${key}`);
    }
  } finally {
    await first.close();
    await second.close();
    await archive.close();
  }
});
