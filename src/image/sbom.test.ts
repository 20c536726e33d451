import assert from "node:assert/strict";
import { test } from "node:test";
import type { Lock, LockedPackage, OsBase } from "../model/index.ts";
import { diffPackages, securityOnly } from "./package-diff.ts";
import { sbomOf } from "./sbom.ts";

const locked = (name: string, version: string, archive = "http://archive.test/debian"): LockedPackage => ({
  name,
  version,
  architecture: "amd64",
  size: 10,
  sha256: Buffer.from(`${name} ${version}`).toString("hex").padEnd(64, "0").slice(0, 64),
  archive,
  path: `pool/main/${name}_${version}_amd64.deb`,
});

const lock = (below: readonly LockedPackage[], above: readonly LockedPackage[]): Lock => ({
  version: 2,
  base: "debian-13",
  architecture: "amd64",
  layers: [below, above].map((packages, index) => ({
    kind: index === 0 ? "base" : "app",
    name: index === 0 ? "base" : "app",
    resolved: `2026-11-2${index}T12:00:00.000Z`,
    facts: {},
    locale: undefined,
    wanted: ["x"],
    packages,
    digest: "a".repeat(64),
    repositories: [],
  })),
});

const STATUS = `Package: g++
Status: install ok installed
Maintainer: Debian GCC Maintainers <debian-gcc@lists.debian.org>
Homepage: http://gcc.gnu.org/

Package: bash
Maintainer: Matthias Klose <doko@debian.org>
Source: bash-src (1)
`;

interface Document {
  readonly packages: readonly Readonly<Record<string, unknown>>[];
  readonly relationships: readonly Readonly<Record<string, string>>[];
  readonly [key: string]: unknown;
}

const documentOf = (status: string): Document =>
  JSON.parse(
    JSON.stringify(sbomOf({ recipe: "app", lock: lock([locked("bash", "5:1")], [locked("g++", "1.0~2+b1")]), status })),
  );

test("an SBOM has every field that SPDX 2.3 requires, and names every package once", () => {
  const document = documentOf(STATUS);
  for (const key of ["spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo"])
    assert.ok(key in document, key);
  assert.equal(document["spdxVersion"], "SPDX-2.3");
  assert.equal(document["dataLicense"], "CC0-1.0");
  assert.equal(document["SPDXID"], "SPDXRef-DOCUMENT");
  assert.match(String(document["documentNamespace"]), /^https:\/\/[^#\s]+$/);
  assert.deepEqual(document["creationInfo"], { created: "2026-11-21T12:00:00Z", creators: ["Tool: skerry"] });
  const ids = document.packages.map((each) => String(each["SPDXID"]));
  assert.equal(new Set(ids).size, 3);
  for (const each of document.packages) {
    assert.match(String(each["SPDXID"]), /^SPDXRef-[A-Za-z0-9.-]+$/);
    for (const key of ["name", "downloadLocation"]) assert.equal(typeof each[key], "string");
    assert.equal(each["filesAnalyzed"], false);
  }
  for (const { spdxElementId = "", relatedSpdxElement = "" } of document.relationships)
    for (const id of [spdxElementId, relatedSpdxElement]) assert.ok(id === "SPDXRef-DOCUMENT" || ids.includes(id), id);
});

test("an SBOM says version, supplier, address, checksum and package URL of a package", () => {
  const compiler = documentOf(STATUS).packages.find((each) => each["name"] === "g++");
  assert.equal(compiler?.["versionInfo"], "1.0~2+b1");
  assert.equal(compiler?.["supplier"], "Organization: Debian GCC Maintainers (debian-gcc@lists.debian.org)");
  assert.equal(compiler?.["downloadLocation"], "http://archive.test/debian/pool/main/g++_1.0~2+b1_amd64.deb");
  assert.deepEqual(compiler?.["externalRefs"], [
    {
      referenceCategory: "PACKAGE-MANAGER",
      referenceType: "purl",
      referenceLocator: "pkg:deb/debian/g%2B%2B@1.0~2%2Bb1?arch=amd64&distro=debian-13",
    },
  ]);
  const shell = documentOf(STATUS).packages.find((each) => each["name"] === "bash");
  assert.equal(shell?.["supplier"], "Person: Matthias Klose (doko@debian.org)");
  assert.equal(documentOf("").packages[1]?.["supplier"], "NOASSERTION");
});

test("the same image gives the same SBOM", () => {
  assert.deepEqual(documentOf(STATUS), documentOf(STATUS));
});

const TRUSTS = { keyring: "/k" } as const;

const BASE: OsBase = {
  name: "debian-13",
  summary: "",
  engine: "apt",
  state: "supported",
  until: undefined,
  successor: undefined,
  archives: [
    {
      uri: "http://archive.test/debian",
      suites: ["x"],
      components: ["main"],
      trusts: TRUSTS,
      snapshotName: undefined,
      yields: false,
    },
    {
      uri: "http://sec.test",
      suites: ["x-security"],
      components: ["main"],
      trusts: TRUSTS,
      snapshotName: undefined,
      yields: false,
    },
  ],
  packages: [],
  snapshot: undefined,
  mergedUsr: [],
};

test("a package diff names what is new, what goes and what has another version", () => {
  const before = lock([locked("bash", "1"), locked("gone", "1")], [locked("app", "1")]);
  const after = lock([locked("bash", "1")], [locked("app", "2", "http://sec.test"), locked("fresh", "1")]);
  assert.deepEqual(diffPackages(before, after, BASE), [
    { name: "app", before: "1", after: "2", security: true },
    { name: "fresh", before: undefined, after: "1", security: false },
    { name: "gone", before: "1", after: undefined, security: false },
  ]);
  assert.deepEqual(diffPackages(before, before, BASE), []);
});

test("an upgrade for security takes from security archives alone, and leaves the rest as it was", () => {
  const before = lock([locked("bash", "1"), locked("libc", "1")], [locked("app", "1")]);
  const after = lock([locked("bash", "2"), locked("libc", "2", "http://sec.test")], [locked("app", "2")]);
  const only = securityOnly(before, after, BASE);
  assert.ok(only !== undefined);
  assert.deepEqual(diffPackages(before, only, BASE), [{ name: "libc", before: "1", after: "2", security: true }]);
  assert.equal(only.layers[0]?.digest, undefined, "what it has to give is not known yet");
  assert.equal(only.layers[1]?.digest, "a".repeat(64));
  const [bottom] = after.layers;
  assert.ok(bottom !== undefined);
  assert.equal(securityOnly(before, { ...after, layers: [bottom] }, BASE), undefined);
});
