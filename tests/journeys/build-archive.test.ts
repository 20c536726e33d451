/** Archives and ways to them that are broken, dishonest or far: each ends in a clear message or in another way found. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { after, before, beforeEach, test } from "node:test";
import {
  type Archive,
  type BuildTrial,
  makeArchive,
  makeBuildTrial,
  makeProxy,
  NO_GPG,
} from "../hostile/packages/archive.fixture.ts";

const NAMES = ["alpha", "beta", "gamma", "delta", "c++dev", "g++", "python3.10"] as const;

let archive: Archive;
let trial: BuildTrial;

before(async () => {
  if (NO_GPG !== false) return;
  archive = await makeArchive([
    ...NAMES.map((name) => ({ name, files: [{ name: `./${name}`, content: `${name}\n` }] })),
    { name: "one-side", fields: { Conflicts: "other-side" } },
    { name: "other-side" },
    { name: "against-base", fields: { Conflicts: "bash" } },
    { name: "needs-nothing-there", fields: { Depends: "nothing-there" } },
    { name: "provider", fields: { Provides: "idea" } },
  ]);
});

beforeEach(async () => {
  if (NO_GPG !== false) return;
  archive.publish();
  archive.instead.clear();
  archive.asked.length = 0;
  await trial?.close();
  trial = makeBuildTrial(archive);
});

after(async () => {
  if (NO_GPG !== false) return;
  await trial.close();
  await archive.close();
});

async function build(packages: readonly string[], name = "app") {
  trial.recipe(name, packages);
  const ended = await trial.skerry(["build", name], { timeoutMs: 90_000 });
  assert.deepEqual(trial.stored("building"), [], "a half build was left");
  assert.deepEqual(
    trial.stored("debs").filter((file) => file.endsWith(".part")),
    [],
    "half a package was left",
  );
  return ended;
}

function pathOf(name: string): string {
  return archive.debs.find((deb) => deb.name === name)?.path ?? "";
}

function mirrors(text: string): void {
  writeFileSync(`${trial.home}/config/mirrors.yaml`, `skerry: mirrors/1\n${text}`);
}

function layerFiles(name = "app"): readonly string[] {
  const image: { readonly layers: readonly string[] } = JSON.parse(
    readFileSync(`${trial.home}/data/images/${name}.json`, "utf8"),
  );
  return readdirSync(`${trial.home}/data/store/layers/${image.layers.at(-1)}/fs`);
}

const options = { skip: NO_GPG };

test("a package whose content is another than was signed is not taken", options, async () => {
  const bytes = Buffer.from(archive.debs.find(({ name }) => name === "alpha")?.bytes ?? "");
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  archive.instead.set(pathOf("alpha"), (_, response) => response.end(bytes));
  const ended = await build(["alpha"]);
  assert.notEqual(ended.code, 0);
  assert.match(ended.stderr, /alpha_1\.0_all\.deb: another content than was locked/);
  assert.deepEqual(trial.stored("debs"), []);
  archive.instead.clear();
  assert.equal((await build(["alpha"])).code, 0, "the next one succeeds");
});

test("a package that ends half-way is asked for again, and then it is said", options, async () => {
  archive.instead.set(pathOf("alpha"), (_, response) => {
    response.writeHead(200, { "content-length": "700" });
    response.write("half", () => response.destroy());
  });
  const ended = await build(["alpha"]);
  assert.notEqual(ended.code, 0);
  assert.match(ended.stderr, /ended half-way/);
  assert.equal(archive.asked.filter((path) => path === pathOf("alpha")).length, 2);
});

test("a shorter package is told from a whole one", options, async () => {
  archive.instead.set(pathOf("alpha"), (_, response) => response.end("short"));
  const ended = await build(["alpha"]);
  assert.match(ended.stderr, /ended half-way/);
});

test("one that sends without end is cut off at the size that was signed", options, async () => {
  let sent = 0;
  archive.instead.set(pathOf("alpha"), (_, response) => {
    const more = () => {
      sent += 65536;
      if (!response.destroyed) response.write(Buffer.alloc(65536), more);
    };
    more();
  });
  const ended = await build(["alpha"]);
  assert.match(ended.stderr, /another content than was locked/);
  assert.ok(sent < 64 * 1024 * 1024);
});

test("a package that has left the archive comes from the snapshot, which is said", options, async () => {
  const deb = archive.debs.find(({ name }) => name === "alpha");
  archive.instead.set(pathOf("alpha"), (_, response) => response.writeHead(404).end());
  mirrors(`snapshot: ${archive.uri}/snap\n`);
  let asked = "";
  // The time in the address is that of the lock, so the address is not known before.
  const get = archive.instead.get.bind(archive.instead);
  archive.instead.get = (path: string) => {
    if (!path.startsWith("snap/trial/")) return get(path);
    asked = path;
    return (_, response) => response.end(deb?.bytes);
  };
  const ended = await build(["alpha"]);
  archive.instead.get = get;
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(asked, /^snap\/trial\/\d{8}T\d{6}Z\/pool\/alpha_1\.0_all\.deb$/);
  assert.match(ended.stderr + ended.stdout, /alpha 1\.0 has left the archive; taken from the snapshot archive/);
});

test("a snapshot archive that lies about a package is not believed", options, async () => {
  const get = archive.instead.get.bind(archive.instead);
  archive.instead.set(pathOf("alpha"), (_, response) => response.writeHead(404).end());
  mirrors(`snapshot: ${archive.uri}/snap\n`);
  const other = archive.debs.find(({ name }) => name === "beta")?.bytes ?? Buffer.alloc(0);
  const real = archive.debs.find(({ name }) => name === "alpha")?.bytes ?? Buffer.alloc(0);
  const spoilt = Buffer.from(real);
  spoilt[spoilt.length - 1] = (spoilt.at(-1) ?? 0) ^ 1;
  for (const lie of [other, spoilt, Buffer.concat([real, real]), real.subarray(0, -1), Buffer.alloc(0)]) {
    archive.instead.get = (path: string) =>
      path.startsWith("snap/trial/") ? (_, response) => response.end(lie) : get(path);
    const ended = await build(["alpha"]);
    archive.instead.get = get;
    assert.notEqual(ended.code, 0, `${lie.length} bytes were taken`);
    assert.match(ended.stderr, /another content than was locked|ended half-way/);
    assert.deepEqual(trial.stored("debs"), []);
  }
});

test("without a snapshot a package that is gone is named with every address that was asked", options, async () => {
  archive.instead.set(pathOf("alpha"), (_, response) => response.writeHead(404).end());
  const ended = await build(["alpha"]);
  assert.equal(ended.code, 69);
  assert.match(
    ended.stderr,
    /a package cannot be fetched; tried:\n {2}http:\/\/127\.0\.0\.1:\d+\/pool\/alpha.*: not there/,
  );
});

test("addresses that lead in a circle are given up", options, async () => {
  archive.instead.set(pathOf("alpha"), (request, response) =>
    response.writeHead(302, { location: request.url ?? "" }).end(),
  );
  const ended = await build(["alpha"]);
  assert.match(ended.stderr, /too many redirects/);
  assert.ok(archive.asked.length < 40);
});

test("a mirror is asked in the place of the archive", options, async () => {
  const mirror = await makeArchive([{ name: "unheard-of" }]);
  mirrors(`mirrors: { "http://archive.invalid/debian": "${archive.uri}" }\n`);
  const file = `${trial.home}/config/os-bases/trial/base.yaml`;
  writeFileSync(file, readFileSync(file, "utf8").replace(archive.uri, "http://archive.invalid/debian"));
  const ended = await build(["alpha"]);
  await mirror.close();
  assert.equal(ended.code, 0, ended.stderr);
  const lock = readFileSync(`${trial.home}/data/locks/app.json`, "utf8");
  assert.match(lock, /http:\/\/archive\.invalid\/debian/, "the lock names the archive, not the way to it");
  assert.ok(!lock.includes(archive.uri));
});

test("a proxy is used for lists and packages", options, async () => {
  const proxy = await makeProxy();
  mirrors(`proxy: ${proxy.uri}\n`);
  const ended = await build(["alpha"]);
  await proxy.close();
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(
    proxy.asked.some((uri) => uri.endsWith("/InRelease")),
    proxy.asked.join(),
  );
  assert.ok(proxy.asked.some((uri) => uri.endsWith("alpha_1.0_all.deb")));
});

for (const [what, change, words] of [
  ["signed by another key", { wrongKey: true }, /signature does not (?:hold|verify)/],
  ["without a signature", { unsigned: true }, /signature does not (?:hold|verify)/],
  ["that has expired", { fields: { "Valid-Until": new Date(Date.now() - 86_400_000).toUTCString() } }, /expired/],
  ["whose lists are others than it signed", { wrongHash: true }, /Hash Sum mismatch/],
] as const) {
  test(`an archive ${what} is not believed`, options, async () => {
    archive.publish(change);
    const ended = await build(["alpha"]);
    assert.notEqual(ended.code, 0);
    assert.match(ended.stderr, words);
    assert.ok(!existsSync(`${trial.home}/data/locks/app.json`));
    assert.ok(!archive.asked.includes(pathOf("alpha")), "nothing was taken from it");
    archive.publish();
    assert.equal((await build(["alpha"])).code, 0, "it is believed again when it is whole");
  });
}

test("an archive that nobody serves is told with what to look at", options, async () => {
  const file = `${trial.home}/config/os-bases/trial/base.yaml`;
  writeFileSync(file, readFileSync(file, "utf8").replace(archive.uri, "http://127.0.0.1:9"));
  const ended = await build(["alpha"]);
  assert.equal(ended.code, 69);
  assert.match(ended.stderr, /the archive cannot be read; is there a network/);
});

test("a name is a name: signs at its end and dots in it mean nothing", options, async () => {
  const ended = await build(["c++dev", "g++", "python3.10"]);
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(
    layerFiles().filter((name) => /\+|python/.test(name)),
    ["c++dev", "g++", "python3.10"],
  );
});

test("a name that apt would take for a removal is no package name", options, async () => {
  const ended = await build(["bash-"]);
  assert.equal(ended.code, 65);
  assert.match(ended.stderr, /"bash-" is no package name/);
  const ran = await trial.skerry(["run", "--rm", "--package", "bash-", "--", "true"]);
  assert.notEqual(ran.code, 0);
  assert.match(ran.stderr, /bash-/);
  assert.equal(archive.asked.length, 0);
});

for (const name of ["alpha+", "pytho.3.10", "alph.", "idea"]) {
  test(`"${name}" is no package, and nothing else is taken for it`, options, async () => {
    const ended = await build([name]);
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stderr, new RegExp(`the archive has no package "${name.replaceAll(/[.+]/g, "\\$&")}"`));
    assert.ok(!existsSync(`${trial.home}/data/images/app.json`));
  });
}

test("an unknown package is named with the one that was meant", options, async () => {
  const ended = await build(["gama"]);
  assert.match(ended.stderr, /no package "gama"\. Did you mean "gamma"\?/);
});

test("packages that cannot be together are said to be so", options, async () => {
  const ended = await build(["one-side", "other-side"]);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /cannot be installed together[\s\S]*one-side/);
  const missing = await build(["needs-nothing-there"], "other");
  assert.match(missing.stderr, /cannot be installed together[\s\S]*nothing-there/);
});

test("what would remove a part of the base is refused before anything is fetched", options, async () => {
  const ended = await build(["against-base"]);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /cannot be installed together/);
  assert.ok(!archive.asked.includes(pathOf("against-base")));
});

test("a recipe without packages is the base alone", options, async () => {
  const ended = await build([]);
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /1 layer/);
});

test("a package in the store that was spoilt is fetched anew", options, async () => {
  assert.equal((await build(["alpha"])).code, 0);
  const [name = ""] = trial.stored("debs");
  const file = `${trial.home}/data/store/debs/${name}`;
  const whole = readFileSync(file);
  const spoilt = Buffer.from(whole);
  spoilt.writeUInt8(spoilt.readUInt8(200) ^ 1, 200);
  writeFileSync(file, spoilt);
  assert.equal((await build(["alpha", "beta"], "second")).code, 0);
  assert.deepEqual(readFileSync(file), whole);
  truncateSync(file, 10);
  assert.equal((await build(["alpha", "gamma"], "third")).code, 0);
  assert.deepEqual(readFileSync(file), whole);
});

test("nothing is said with --quiet, and lines without a terminal", options, async () => {
  trial.recipe("app", ["alpha"]);
  const loud = await trial.skerry(["build", "app"]);
  assert.match(
    loud.stderr,
    /^reading the package lists of trial\nfetching 1 package for app \([^)]*B\)\nbuilding app\n/,
  );
  trial.recipe("quiet", ["beta"]);
  const quiet = await trial.skerry(["build", "quiet", "--quiet"]);
  assert.equal(quiet.code, 0, quiet.stderr);
  assert.equal(quiet.stderr, "");
});
