/** An image comes in from an OCI layout: as it was, without rights that it brought, and usable like any other. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { makeTrial, type Trial } from "./trial.fixture.ts";

let trial: Trial;

const lacks = (program: string) => (existsSync(`/usr/bin/${program}`) ? false : `cannot here: no ${program}`);

before(async () => {
  trial = makeTrial();
  const exported = await trial.skerry(["images", "export", "ripgrep", "own"]);
  assert.equal(exported.code, 0, exported.stderr);
  // From here on a store of its own: what is imported must not come to lie in the one that all trials share.
  await trial.client.shutdown();
  for (const name of ["images", "locks", "store"]) {
    rmSync(`${trial.home}/data/${name}`, { recursive: true });
    mkdirSync(`${trial.home}/data/${name}`, { mode: 0o755 });
  }
  const imported = await trial.skerry(["images", "import", "own", "--as", "mine"]);
  assert.equal(imported.code, 0, imported.stderr);
});

after(async () => await trial.close());

function run(argv: readonly string[]) {
  const [program = "", ...rest] = argv;
  return spawnSync(program, rest, { encoding: "utf8", cwd: trial.files });
}

interface Record {
  readonly layers: readonly string[];
  readonly imported: { readonly digests: readonly string[]; readonly manifest: string };
}

function recordOf(name: string): Record {
  return JSON.parse(readFileSync(`${trial.home}/data/images/${name}.json`, "utf8"));
}

function blobsOf(layout: string): readonly string[] {
  const read = (path: string) => JSON.parse(readFileSync(`${trial.files}/${layout}/${path}`, "utf8"));
  const at = ({ digest }: { readonly digest: string }) => read(`blobs/${digest.replace(":", "/")}`);
  const manifest: { readonly layers: readonly { readonly digest: string }[] } = at(read("index.json").manifests[0]);
  return manifest.layers.map(({ digest }) => digest.slice("sha256:".length));
}

test("an image that was exported comes back with the digests that it had", () => {
  assert.deepEqual(recordOf("mine").imported.digests, blobsOf("own"));
});

test("it runs by a recipe that the import wrote, and is granted nothing", async () => {
  assert.match(readFileSync(`${trial.home}/config/recipes/mine.yaml`, "utf8"), /^imported: "?[0-9a-f]{64}"?$/m);
  const ended = await trial.skerry(["run", "mine", "--", "--version"]);
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /^ripgrep /);
});

test("it is verified, listed and told as a document like an image that was built", async () => {
  const verified = await trial.skerry(["images", "verify", "mine"]);
  assert.equal(verified.code, 0, verified.stdout);
  const { stdout } = await trial.skerry(["images"]);
  assert.match(stdout, /^mine +imported +[1-9]\d* /m);
  assert.doesNotMatch(stdout, /stale|base unknown/);
  const sbom = await trial.skerry(["images", "sbom", "mine"]);
  assert.match(sbom.stdout, /pkg:deb\/debian\/ripgrep@/);
});

test("it is exported again as it came", async () => {
  const exported = await trial.skerry(["images", "export", "mine", "again"]);
  assert.equal(exported.code, 0, exported.stderr);
  assert.deepEqual(blobsOf("again"), blobsOf("own"));
});

test("nothing that has the name is replaced", async () => {
  for (const [name, words] of [
    ["ripgrep", /ripgrep is the name of the recipe/],
    ["No.Name", /cannot be an image's name/],
  ] as const) {
    const ended = await trial.skerry(["images", "import", "own", "--as", name]);
    assert.notEqual(ended.code, 0);
    assert.match(ended.stderr, words);
  }
});

test("once it is purged, only another import brings it back", async () => {
  const purged = await trial.skerry(["purge", "mine"]);
  assert.equal(purged.code, 0, purged.stderr);
  for (const words of [
    ["build", "mine"],
    ["lock", "mine"],
    ["run", "mine"],
  ]) {
    const refused = await trial.skerry(words);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /the image of mine was imported/);
  }
  const back = await trial.skerry(["images", "import", "own", "--as", "mine"]);
  assert.equal(back.code, 0, back.stderr);
  assert.deepEqual(recordOf("mine").imported.digests, blobsOf("own"));
  for (const words of [
    ["upgrade", "mine"],
    ["migrate", "mine", "--to", "debian-12"],
  ]) {
    const refused = await trial.skerry(words);
    assert.match(refused.stderr, /the image of mine was imported/);
  }
});

test("what skopeo has compressed and packed comes in the same", { skip: lacks("skopeo") }, async () => {
  const words = ["--insecure-policy", "copy", "--dest-compress-format=gzip", "--dest-compress"];
  const copied = run(["/usr/bin/skopeo", ...words, "oci:own", "oci-archive:packed.tar:one"]);
  assert.equal(copied.status, 0, copied.stderr);
  const imported = await trial.skerry(["images", "import", "packed.tar", "--as", "packed", "--tag", "one"]);
  assert.equal(imported.code, 0, imported.stderr);
  assert.deepEqual(recordOf("packed").imported.digests, blobsOf("own"));
  assert.deepEqual(recordOf("packed").layers, recordOf("mine").layers, "the same layers are not kept twice");
});

test("what umoci has changed comes in, with what it hides hidden", { skip: lacks("umoci") }, async () => {
  const copied = run(["/usr/bin/cp", "-r", "own", "changed"]);
  assert.equal(copied.status, 0, copied.stderr);
  const unpacked = run(["/usr/bin/umoci", "unpack", "--rootless", "--image", "changed:latest", "bundle"]);
  assert.equal(unpacked.status, 0, unpacked.stderr);
  const root = `${trial.files}/bundle/rootfs`;
  rmSync(`${root}/usr/share/doc/ripgrep`, { recursive: true });
  writeFileSync(`${root}/opt/added`, "added by another program\n");
  const repacked = run(["/usr/bin/umoci", "repack", "--image", "changed:latest", "bundle"]);
  assert.equal(repacked.status, 0, repacked.stderr);
  const imported = await trial.skerry(["images", "import", "changed", "--as", "changed"]);
  assert.equal(imported.code, 0, imported.stderr);
  assert.equal(recordOf("changed").layers.length, 3);
  assert.deepEqual(recordOf("changed").layers.slice(0, 2), recordOf("mine").layers);
  const seen = await trial.skerry(["run", "changed", "--", "added", "/opt/added"]);
  assert.equal(seen.stdout, "added by another program\n", seen.stderr);
  const hidden = await trial.skerry(["run", "changed", "--", "--files", "/usr/share/doc/ripgrep"]);
  assert.match(hidden.stderr, /No such file/);
});

test("what came in is on record", async () => {
  const { stdout } = await trial.skerry(["audit", "--json"]);
  assert.match(stdout, /"kind":"import","facts":\{"manifest":"[0-9a-f]{64}","recipe":"mine"/);
});
