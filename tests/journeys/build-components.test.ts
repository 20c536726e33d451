/** Components and repositories, built from real packages: what is shared, what a fact changes, what a key opens. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { Image } from "../../src/image/index.ts";
import {
  type Archive,
  type BuildTrial,
  makeArchive,
  makeBuildTrial,
  NO_GPG,
} from "../hostile/packages/archive.fixture.ts";

const options = { skip: NO_GPG };

let archive: Archive;
let other: Archive;
let trial: BuildTrial;

const simple = (name: string, version = "1.0") => ({
  name,
  version,
  files: [{ name: `./opt/${name}`, content: `${name} ${version}\n` }],
});

before(async () => {
  if (NO_GPG !== false) return;
  archive = await makeArchive(["toolkit", "drivers", "vendor", "one", "two", "both"].map((name) => simple(name)));
  other = await makeArchive([simple("extra"), simple("both", "2.0")]);
  trial = makeBuildTrial(archive);
  component("toolkit", "packages: [toolkit]\nplace: bottom\n");
  component(
    "drivers",
    "needs: [toolkit]\nfacts: [gpus]\npackages: [drivers]\nwhen: [{ gpus: [intel], packages: [vendor] }]\n",
  );
  facts("gpus: []");
});

after(async () => {
  if (NO_GPG !== false) return;
  await trial.close();
  await archive.close();
  await other.close();
});

function component(name: string, text: string): void {
  const folder = `${trial.home}/config/os-bases/trial/components`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/${name}.yaml`, `skerry: component/1\nsummary: made for a test\n${text}`);
}

function facts(text: string): void {
  writeFileSync(`${trial.home}/config/facts.yaml`, `skerry: facts/1\n${text}\n`);
}

function recipe(name: string, text: string): void {
  const head = "skerry: recipe/1\nsummary: made for a test\nbase: trial\n";
  writeFileSync(`${trial.home}/config/recipes/${name}.yaml`, `${head}${text}programs: { ls: /usr/bin/ls }\n`);
}

async function build(name: string): Promise<Image & { readonly said: string }> {
  const ended = await trial.skerry(["build", name], { timeoutMs: 120_000 });
  assert.equal(ended.code, 0, ended.stderr);
  return { ...JSON.parse(readFileSync(`${trial.home}/data/images/${name}.json`, "utf8")), said: ended.stderr };
}

async function refused(name: string): Promise<string> {
  const ended = await trial.skerry(["build", name], { timeoutMs: 120_000 });
  assert.notEqual(ended.code, 0);
  return ended.stderr;
}

test("two apps share a component's layer, and a changed fact makes anew what stands on it alone", options, async () => {
  recipe("one", "components: [drivers]\npackages: [one]\n");
  recipe("two", "components: [toolkit]\npackages: [two]\n");
  const one = await build("one");
  const two = await build("two");
  assert.equal(one.layers.length, 4);
  assert.deepEqual(two.layers.slice(0, 2), one.layers.slice(0, 2));
  assert.match(one.said, /building toolkit[\s\S]*building drivers[\s\S]*building one/);
  assert.doesNotMatch(two.said, /building toolkit/);
  const listed = await trial.skerry(["run", "--rm", "one", "--", "/opt"]);
  assert.equal(listed.stdout, "drivers\none\ntoolkit\n", listed.stderr);

  facts("gpus: [intel]\nlocale: de_DE.UTF-8");
  // Without a word of building: the start itself sees that the fact is another.
  const started = await trial.skerry(["run", "--rm", "one", "--", "/opt"]);
  assert.equal(started.stdout, "drivers\none\ntoolkit\nvendor\n", started.stderr);
  assert.match(started.stderr, /the host has changed \(gpus: none, now intel\)/);
  const again = await build("one");
  assert.deepEqual(again.layers.slice(0, 2), one.layers.slice(0, 2));
  assert.notEqual(again.layers[2], one.layers[2]);
  assert.equal((await build("two")).said, "", "no fact that it declares has changed");

  facts("gpus: []");
  assert.deepEqual((await build("one")).layers, one.layers);
});

test("a component that is not there is named with the one that was meant", options, async () => {
  recipe("astray", "components: [tolkit]\npackages: [one]\n");
  assert.match(await refused("astray"), /no component named "tolkit". Did you mean "toolkit"\?/);
  component("wrong", "package: [one]\n");
  recipe("astray", "components: [wrong]\npackages: [one]\n");
  assert.match(await refused("astray"), /components\/wrong\.yaml:3:1: package: not a key of a component/);
  component("left", "needs: [right]\n");
  component("right", "needs: [left]\n");
  recipe("astray", "components: [left]\npackages: [one]\n");
  assert.match(await refused("astray"), /need each other, or are too many: left, right/);
});

test("a recipe lists with its components", options, async () => {
  recipe("listed", "components: [drivers, toolkit]\npackages: [one]\n");
  const ended = await trial.skerry(["recipes", "--json"]);
  const recipes: readonly { readonly name: string; readonly components?: readonly string[] }[] = JSON.parse(
    ended.stdout,
  );
  assert.deepEqual(recipes.find(({ name }) => name === "listed")?.components, ["drivers", "toolkit"]);
  assert.match((await trial.skerry(["recipes"])).stdout, /listed +own +drivers, toolkit/);
  rmSync(`${trial.home}/config/recipes/listed.yaml`);
});

/** The other archive under a name of its own, since apt tells archives apart by their hosts. */
function repository(more = "", uri = other.uri.replace("127.0.0.1", "localhost")): string {
  return `repositories: [{ uri: "${uri}", suites: [trial], components: [main], key: other.asc${more} }]\n`;
}

function key(text: string): void {
  writeFileSync(`${trial.home}/config/recipes/other.asc`, text);
}

test(
  "a repository's packages are taken by its own key, and what the base has comes from the base",
  options,
  async () => {
    key(other.armored);
    recipe("app", `packages: [extra, both]\n${repository()}`);
    await build("app");
    const lock: { readonly layers: readonly { readonly packages: readonly Record<string, string>[] }[] } = JSON.parse(
      readFileSync(`${trial.home}/data/locks/app.json`, "utf8"),
    );
    assert.deepEqual(
      lock.layers.at(-1)?.packages.map(({ name, version, archive: uri }) => [name, version, uri]),
      [
        ["both", "1.0", archive.uri],
        ["extra", "1.0", other.uri.replace("127.0.0.1", "localhost")],
      ],
    );
    recipe("app", `packages: [both]\n${repository(", may-replace: true")}`);
    const { stderr } = await trial.skerry(["build", "app"], { timeoutMs: 120_000 });
    assert.match(readFileSync(`${trial.home}/data/locks/app.json`, "utf8"), /"version": "2\.0"/, stderr);
  },
);

test("a repository on the host of the base's archive still replaces nothing", options, async () => {
  key(other.armored);
  recipe("same-host", `packages: [both]\n${repository("", other.uri)}`);
  assert.match(await refused("same-host"), /would replace packages that the base has: both\n.*may-replace: true/);
});

test("a repository that another key signed is not believed, and its key opens no other archive", options, async () => {
  key(archive.armored);
  recipe("wrong-key", `packages: [extra]\n${repository()}`);
  assert.match(await refused("wrong-key"), /signature does not hold/);
  // The base's archive is not believed by the key of a repository either.
  key(other.armored);
  archive.publish({ wrongKey: true });
  recipe("wrong-key", `packages: [extra]\n${repository()}`);
  assert.match(await refused("wrong-key"), /signature does not hold/);
  archive.publish();
  await build("wrong-key");
});

test("a key that is missing or no key, and an archive in an archive, are refused", options, async () => {
  rmSync(`${trial.home}/config/recipes/other.asc`);
  recipe("keyless", `packages: [extra]\n${repository()}`);
  assert.match(await refused("keyless"), /other\.asc:1:1: the key of .*: there is no such file/);
  key(`${other.armored}Trusted: yes\n`);
  assert.match(await refused("keyless"), /other\.asc:1:1: .* no armored OpenPGP public key/);
  key(other.armored);
  recipe("keyless", `packages: [extra]\n${repository("", `${archive.uri}/below`)}`);
  assert.match(await refused("keyless"), /lie in each other/);
});
