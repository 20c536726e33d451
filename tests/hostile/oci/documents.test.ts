/** Documents of a layout: whatever they hold, they are read in bounded time, or refused as such. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { packagesIn } from "../../../src/image/oci/packages-in.ts";
import {
  BadLayout,
  readConfig,
  readIndex,
  readLayoutMark,
  readManifest,
} from "../../../src/image/oci/read-layout.ts";

const READERS = [readLayoutMark, readIndex, readManifest, readConfig];

const OCI = "application/vnd.oci.image";
const digest = `sha256:${"a".repeat(64)}`;
const blob = (mediaType: string, rest: object = {}) => ({ mediaType, digest, size: 10, ...rest });
const config = blob(`${OCI}.config.v1+json`);
const layer = blob(`${OCI}.layer.v1.tar+gzip`);

const manifest = (rest: object) => JSON.stringify({ schemaVersion: 2, config, layers: [layer], ...rest });

test("a right manifest is read", () => {
  assert.deepEqual(readManifest(manifest({})).layers, [{ sha256: "a".repeat(64), size: 10, compressed: true }]);
});

const BAD: Readonly<Record<string, readonly [() => unknown, RegExp]>> = {
  "a layer by another compression": [
    () => readManifest(manifest({ layers: [blob(`${OCI}.layer.v1.tar+zstd`)] })),
    /^a layer is "application\/vnd\.oci\.image\.layer\.v1\.tar\+zstd"; known are/,
  ],
  "a layer that nobody may pass on": [
    () => readManifest(manifest({ layers: [blob(`${OCI}.layer.nondistributable.v1.tar`)] })),
    /a layer is/,
  ],
  "a digest that is a path": [() => readManifest(manifest({ layers: [{ ...layer, digest: "sha256:../../x" }] })), /digest/],
  "a digest of another kind": [
    () => readManifest(manifest({ layers: [{ ...layer, digest: `sha512:${"a".repeat(128)}` }] })),
    /digest/,
  ],
  "a negative size": [() => readManifest(manifest({ layers: [{ ...layer, size: -1 }] })), /a size of -1/],
  "a size beyond all disks": [() => readManifest(manifest({ layers: [{ ...layer, size: 2 ** 50 }] })), /a size of/],
  "a size that is a text": [() => readManifest(manifest({ layers: [{ ...layer, size: "10" }] })), /a size of "10"/],
  "too many layers": [() => readManifest(manifest({ layers: Array.from({ length: 41 }, () => layer) })), /at most 40/],
  "no layers": [() => readManifest(manifest({ layers: [] })), /no layers/],
  "a config that is none": [() => readManifest(manifest({ config: layer })), /which is no image's/],
  "another version": [() => readManifest(manifest({ schemaVersion: 1 })), /another version/],
  "another kind of manifest": [() => readManifest(manifest({ mediaType: "application/x" })), /the manifest is/],
  "a layout of another version": [() => readLayoutMark('{"imageLayoutVersion":"2.0.0"}'), /another version/],
  "no JSON": [() => readIndex("{"), /no JSON/],
  "a list in place of an object": [() => readIndex("[]"), /no object/],
  "too many manifests": [
    () => readIndex(JSON.stringify({ schemaVersion: 2, manifests: Array.from({ length: 101 }, () => config) })),
    /at most 100/,
  ],
  "an image of another system": [() => readConfig('{"os":"windows"}'), /not for linux/],
  "a command that is no list": [
    () => readConfig('{"os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{"Cmd":"sh"}}'),
    /Cmd: no list/,
  ],
};

for (const [what, [read, words]] of Object.entries(BAD)) {
  test(`${what} is refused`, () => {
    assert.throws(read, (error) => error instanceof BadLayout && words.test(error.message));
  });
}

test("a path variable names plain folders only", () => {
  const text = JSON.stringify({
    os: "linux",
    architecture: "amd64",
    rootfs: { type: "layers", diff_ids: [digest] },
    config: { Entrypoint: ["tool"], Cmd: ["go"], Env: ["PATH=/usr/bin:relative:/a/../b:/a b:/opt/x:::"] },
  });
  const read = readConfig(text);
  assert.deepEqual(read.path, ["/usr/bin", "/opt/x"]);
  assert.deepEqual(read.command, ["tool", "go"]);
  assert.equal(read.created, "1970-01-01T00:00:00.000Z");
});

const keys = fc.constantFrom(
  ...["schemaVersion", "mediaType", "config", "layers", "manifests", "digest", "size", "os", "rootfs", "__proto__"],
);

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(2, -1, null, true, digest, `${OCI}.manifest.v1+json`, "linux", "layers", 1e300, "\u202e"),
    fc.string(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(keys, tie("value"), { maxKeys: 6 }),
  ),
}));

test("whatever the documents hold, they are read or refused as bad", () => {
  fc.assert(
    fc.property(fc.oneof(value.map((each) => JSON.stringify(each) ?? ""), fc.string()), (text) => {
      for (const read of READERS) {
        try {
          read(text);
        } catch (error) {
          assert.ok(error instanceof BadLayout, String(error));
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test("of a package list only what is well formed counts", () => {
  const stanza = (name: string, version: string, status = "install ok installed") =>
    `Package: ${name}\nStatus: ${status}\nArchitecture: amd64\nVersion: ${version}\n`;
  const status = [
    stanza("good", "1:2.0-1"),
    stanza("../../bad", "1"),
    stanza("bad-version", "1 2\u001b[2J"),
    stanza("gone", "1", "deinstall ok config-files"),
  ].join("\n");
  assert.deepEqual(
    packagesIn(status, []).map(({ name }) => name),
    ["good"],
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      packagesIn(text, []);
    }),
  );
});
