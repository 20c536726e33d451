/** An image leaves as an OCI layout: the same each time, whole or not at all, and other programs can use it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { done, killAgent, until } from "./life.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

let trial: Trial;

const lacks = (program: string) => (existsSync(`/usr/bin/${program}`) ? false : `cannot here: no ${program}`);

before(async () => {
  trial = makeTrial();
  const ended = await trial.skerry(["images", "export", "ripgrep", "one"]);
  assert.equal(ended.code, 0, ended.stderr);
});

after(async () => await trial.close());

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

function filesOf(folder: string): readonly string[] {
  // Not behind links, where other users' folders are.
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory()
        ? [entry.name, ...filesOf(`${folder}/${entry.name}`).map((name) => `${entry.name}/${name}`)]
        : [entry.name],
    )
    .toSorted();
}

function run(argv: readonly string[]) {
  const [program = "", ...rest] = argv;
  return spawnSync(program, rest, { encoding: "utf8", cwd: trial.files });
}

test("every blob is what its name says, and the manifest names the digests of the store", () => {
  const one = `${trial.files}/one`;
  const blobs = readdirSync(`${one}/blobs/sha256`);
  for (const name of blobs) assert.equal(sha256(readFileSync(`${one}/blobs/sha256/${name}`)), name);
  const index = JSON.parse(readFileSync(`${one}/index.json`, "utf8"));
  const at = (digest: string) => readFileSync(`${one}/blobs/${digest.replace(":", "/")}`, "utf8");
  const manifest: {
    readonly config: { readonly digest: string };
    readonly layers: readonly { readonly digest: string }[];
  } = JSON.parse(at(index.manifests[0].digest));
  const config = JSON.parse(at(manifest.config.digest));
  const layers = manifest.layers.map(({ digest }) => digest);
  assert.deepEqual(config.rootfs.diff_ids, layers);
  assert.deepEqual(config.config.Entrypoint, ["/usr/bin/rg"]);
  const lock: { readonly layers: readonly { readonly digest: string }[] } = JSON.parse(
    readFileSync(`${trial.home}/data/locks/ripgrep.json`, "utf8"),
  );
  assert.deepEqual(
    layers,
    lock.layers.map(({ digest }) => `sha256:${digest}`),
  );
});

test("the same image gives the same layout, as a folder and as an archive", async () => {
  const again = await trial.skerry(["images", "export", "ripgrep", "two", "--json"]);
  assert.equal(again.code, 0, again.stderr);
  const [one, two] = [`${trial.files}/one`, `${trial.files}/two`];
  assert.deepEqual(filesOf(one), filesOf(two));
  for (const name of ["index.json", "oci-layout"])
    assert.deepEqual(readFileSync(`${one}/${name}`), readFileSync(`${two}/${name}`));

  const packed = await trial.skerry(["images", "export", "ripgrep", "one.tar"]);
  assert.equal(packed.code, 0, packed.stderr);
  mkdirSync(`${trial.files}/unpacked`);
  const tar = run(["/usr/bin/tar", "-xf", "one.tar", "-C", "unpacked"]);
  assert.equal(tar.status, 0, tar.stderr);
  assert.equal(run(["/usr/bin/diff", "-r", "one", "unpacked"]).status, 0);
});

test("nothing is written over, none of Skerry's folders is written to, and no half is left", async () => {
  const before = filesOf(trial.files);
  for (const target of ["one", "one.tar", "nowhere/one", `${trial.home}/data/one`, "through/one"]) {
    if (target === "through/one") symlinkSync(`${trial.home}/data`, `${trial.files}/through`);
    const ended = await trial.skerry(["images", "export", "ripgrep", target]);
    assert.equal(ended.code, 1, ended.stdout);
    assert.match(ended.stderr, /cannot be written: .*\n {2}name a new folder/);
  }
  assert.deepEqual(
    filesOf(trial.files).filter((name) => !name.startsWith("through")),
    before,
  );
  assert.ok(!existsSync(`${trial.home}/data/one`));
});

test("skopeo copies it, and finds every blob whole", { skip: lacks("skopeo") }, () => {
  const seen = run(["/usr/bin/skopeo", "inspect", "oci:one"]);
  assert.equal(seen.status, 0, seen.stderr);
  assert.equal(JSON.parse(seen.stdout).Labels["org.opencontainers.image.title"], "ripgrep");
  const copied = run(["/usr/bin/skopeo", "--insecure-policy", "copy", "oci-archive:one.tar", "oci:copied:latest"]);
  assert.equal(copied.status, 0, copied.stderr);
});

test("umoci unpacks it, and its program runs there", { skip: lacks("umoci") }, () => {
  const unpacked = run(["/usr/bin/umoci", "unpack", "--rootless", "--image", "one", "bundle"]);
  assert.equal(unpacked.status, 0, unpacked.stderr);
  const root = `${trial.files}/bundle/rootfs`;
  const asked = run([
    ...[
      "/usr/bin/bwrap",
      "--unshare-user",
      "--ro-bind",
      root,
      "/",
      "--proc",
      "/proc",
      "--",
      "/usr/bin/rg",
      "--version",
    ],
  ]);
  assert.match(asked.stdout, /^ripgrep /, asked.stderr);
});

test("what was exported is on record", async () => {
  const { stdout } = await trial.skerry(["audit", "--json"]);
  assert.match(stdout, /"kind":"export","facts":\{"manifest":"[0-9a-f]{64}","recipe":"ripgrep"/);
});

test("an export that was killed leaves nothing beside its target once the next agent runs", async () => {
  const parts = () => readdirSync(trial.files).filter((name) => name.endsWith(".part"));
  /** @returns whether it was killed before it was done */
  const killed = async (target: string): Promise<boolean> => {
    const child = trial.begin(["images", "export", "-q", "ripgrep", target]);
    const ended = once(child, "exit");
    await until("it has begun to write", () => parts().length === 1 || child.exitCode !== null);
    await killAgent(trial);
    await ended;
    return !existsSync(`${trial.files}/${target}`);
  };
  for (const [target, whole] of [
    ["killed.tar", "one.tar"],
    ["killed", "one"],
  ] as const) {
    while (!(await killed(target))) {
      // Who came too late finds all of it.
      assert.equal(run(["/usr/bin/diff", "-r", whole, target]).status, 0);
      rmSync(`${trial.files}/${target}`, { recursive: true });
    }
    await done(trial, ["ps"]);
    await until("nothing half is left", () => parts().length === 0);
    // Its note goes last, when there is nothing more to be swept by it.
    await until("its note is gone", () => readdirSync(`${trial.home}/data/exporting`).length === 0);
    assert.ok(!existsSync(`${trial.files}/${target}`));
    await done(trial, ["images", "export", "-q", "ripgrep", target]);
  }
});
