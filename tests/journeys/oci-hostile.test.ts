/** Hostile layouts, as a stranger could send them: refused with words, and nothing of them stays anywhere. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { type Entry, type LayoutSpec, sha256, tarOf, writeLayout } from "../hostile/oci/layout.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

let trial: Trial;

before(() => {
  trial = makeTrial();
  for (const name of ["images", "locks", "store"]) {
    rmSync(`${trial.home}/data/${name}`, { recursive: true });
    mkdirSync(`${trial.home}/data/${name}`, { mode: 0o755 });
  }
});

after(async () => await trial.close());

const FOLDERS: readonly Entry[] = ["", "bin/", "etc/"].map((name) => ({ name: `./${name}`, type: "5", mode: 0o755 }));

const PLAIN = tarOf([...FOLDERS, { name: "./bin/true", mode: 0o755, content: "#!/bin/sh\n" }]);

function stored(folder: string): readonly string[] {
  try {
    return readdirSync(`${trial.home}/data/${folder}`);
  } catch {
    return [];
  }
}

async function refused(source: string, words: RegExp): Promise<void> {
  const ended = await trial.skerry(["images", "import", source, "--as", "bad"]);
  assert.equal(ended.code, 1, `${source}: ${ended.stdout}`);
  assert.match(ended.stderr, words);
  assert.deepEqual(stored("store/layers"), []);
  assert.deepEqual(stored("store/building"), []);
  assert.deepEqual(stored("images"), []);
  assert.deepEqual(stored("../config/recipes"), []);
}

const flip = (bytes: Buffer) => {
  const other = Buffer.from(bytes);
  other[0] = (other[0] ?? 0) ^ 1;
  return other;
};

const layerPath = `blobs/sha256/${sha256(PLAIN)}`;

const LAYOUTS: Readonly<Record<string, readonly [LayoutSpec, RegExp]>> = {
  "a layer that is not what its digest says": [
    { layers: [PLAIN], spoil: (path, bytes) => (path === layerPath ? flip(bytes) : bytes) },
    /checksum is wrong|its content is not what its digest says/,
  ],
  "a layer with something behind it": [
    { layers: [PLAIN], spoil: (path, bytes) => (path === layerPath ? Buffer.concat([bytes, bytes]) : bytes) },
    /something follows its end|its content is not what its digest says/,
  ],
  "a layer that is cut off": [
    { layers: [PLAIN], spoil: (path, bytes) => (path === layerPath ? bytes.subarray(0, 1024) : bytes) },
    /its content is not what its digest says/,
  ],
  "a manifest that is not what its digest says": [
    { layers: [PLAIN], spoil: (_, bytes) => (bytes.includes('"layers":[{') ? flip(bytes) : bytes) },
    /its content is not what its digest says/,
  ],
  "another content than the config says": [
    { layers: [PLAIN], config: { rootfs: { type: "layers", diff_ids: [`sha256:${"0".repeat(64)}`] } } },
    /its unpacked content is not what the image's config says/,
  ],
  "more layers than the config knows": [
    { layers: [PLAIN], config: { rootfs: { type: "layers", diff_ids: [] } } },
    /its config has another number of layers/,
  ],
  "another architecture": [{ layers: [PLAIN], architecture: "s390x" }, /it is for s390x/],
  zstd: [{ layers: [PLAIN], mediaType: "application/vnd.oci.image.layer.v1.tar+zstd" }, /a layer is .*zstd/],
  "no gzip": [
    { layers: [PLAIN], mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" },
    /its compression cannot be read/,
  ],
  "a bomb": [
    {
      compressed: true,
      layers: [
        Buffer.concat([
          tarOf([{ name: "zeros", size: 300 * 1024 ** 2 }]).subarray(0, 512),
          Buffer.alloc(300 * 1024 ** 2 + 1024),
        ]),
      ],
    },
    /unpacked it has more than \d+ bytes/,
  ],
  "a path upwards in the second layer": [
    { layers: [PLAIN, tarOf([{ name: "../../../../../../tmp/skerry-hostile" }])] },
    /import layer 2 of 2 failed:\n {2}\.\.\/.*: a path with \.\./,
  ],
  "a file below a link": [
    { layers: [tarOf([...FOLDERS, { name: "way", type: "2", target: "/tmp" }, { name: "way/skerry-hostile" }])] },
    /way\/skerry-hostile: it lies below way/,
  ],
  "a device": [{ layers: [tarOf([...FOLDERS, { name: "mem", type: "3" }])] }, /mem: a device node/],
};

for (const [index, [what, [spec, words]]] of Object.entries(LAYOUTS).entries()) {
  test(`${what} is refused`, async () => {
    writeLayout(`${trial.files}/bad-${index}`, spec);
    await refused(`bad-${index}`, words);
  });
}

test("blobs and documents that are links are not read", async () => {
  const folder = `${trial.files}/linked`;
  writeLayout(folder, { layers: [PLAIN] });
  renameSync(`${folder}/${layerPath}`, `${trial.files}/elsewhere`);
  symlinkSync(`${trial.files}/elsewhere`, `${folder}/${layerPath}`);
  await refused("linked", /there is no plain file/);
  rmSync(`${folder}/index.json`);
  symlinkSync("/etc/passwd", `${folder}/index.json`);
  await refused("linked", /there is no plain file index\.json/);
});

test("an archive that holds a name twice, a link, or half of itself is refused", async () => {
  const file = (name: string, entries: readonly Entry[]) => writeFileSync(`${trial.files}/${name}`, tarOf(entries));
  file("twice.tar", [{ name: "index.json" }, { name: "./index.json" }]);
  await refused("twice.tar", /index\.json: it is there twice/);
  file("link.tar", [{ name: "index.json", type: "2", target: "/etc/passwd" }]);
  await refused("link.tar", /index\.json: no plain file/);
  file("out.tar", [{ name: "../../index.json" }, { name: "/index.json" }]);
  await refused("out.tar", /there is no plain file oci-layout/);
  writeFileSync(`${trial.files}/half.tar`, tarOf([{ name: "index.json", content: "{}" }]).subarray(0, 700));
  await refused("half.tar", /it ends half-way/);
  writeFileSync(`${trial.files}/none.tar`, "no archive at all ".repeat(100));
  await refused("none.tar", /it is no tar archive/);
});

test("what does not exist, and what is no file or folder, is refused", async () => {
  await refused("nowhere", /there is no folder and no plain file/);
  await refused("/dev/zero", /there is no folder and no plain file/);
});

test("two images are told apart by --tag, and one for another machine is not taken", async () => {
  const folder = `${trial.files}/several`;
  const manifests: object[] = [];
  for (const name of ["one", "two"]) {
    writeLayout(folder, {
      layers: [tarOf([...FOLDERS, { name: "./etc/which", content: name }])],
      spoil(path, bytes) {
        if (path !== "index.json") return bytes;
        const index: { readonly manifests: readonly object[] } = JSON.parse(bytes.toString());
        const annotations = { "org.opencontainers.image.ref.name": name };
        manifests.push(...index.manifests.map((each) => ({ ...each, annotations })));
        return Buffer.from(JSON.stringify({ ...index, manifests }));
      },
    });
  }
  await refused("several", /has not exactly one image for .*\n {2}it has one, two; say which by --tag/);
  const ended = await trial.skerry(["images", "import", "several", "--as", "two", "--tag=two"]);
  assert.equal(ended.code, 0, ended.stderr);
  const [key] = stored("store/layers");
  const which = spawnSync("/usr/bin/cat", [`${trial.home}/data/store/layers/${key}/fs/etc/which`], {
    encoding: "utf8",
  });
  assert.equal(which.stdout, "two");
});

test("rights and opaque folders of a good layer: the first are taken off and told, the second are kept", async () => {
  const lower = tarOf([
    ...FOLDERS,
    { name: "./bin/su", mode: 0o4755, content: "x" },
    { name: "./etc/old", content: "old" },
  ]);
  const upper = tarOf([
    { name: "etc/", type: "5", mode: 0o755 },
    { name: "etc/new", content: "new" },
    { name: "etc/.wh..wh..opq" },
    { name: "bin/.wh.su" },
  ]);
  writeLayout(`${trial.files}/layered`, { layers: [lower, upper] });
  const ended = await trial.skerry(["images", "import", "layered", "--as", "layered"]);
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, /layer 1 of 2: set-id bits of 1 file were taken off/);
  const exported = await trial.skerry(["images", "export", "layered", "back"]);
  assert.equal(exported.code, 0, exported.stderr);
  const listed = readdirSync(`${trial.files}/back/blobs/sha256`)
    .map((name) =>
      spawnSync("/usr/bin/tar", ["-tvf", `${trial.files}/back/blobs/sha256/${name}`], { encoding: "utf8" }),
    )
    .map(({ stdout }) => stdout);
  const above = listed.find((text) => text.includes(".wh..wh..opq")) ?? "";
  assert.match(above, /\.\/etc\/\.wh\.\.wh\.\.opq|etc\/\.wh\.\.wh\.\.opq/);
  assert.match(above, /bin\/\.wh\.su/);
  assert.match(listed.join(""), /-rwxr-xr-x 0\/0 .* bin\/su/);
  assert.equal((await trial.skerry(["images", "verify", "layered"])).code, 0);
});
