import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Lock } from "../model/index.ts";
import { readLock, writeLock } from "./lock-file.ts";

const LOCK: Lock = {
  version: 2,
  base: "debian-13",
  architecture: "amd64",
  layers: [
    {
      kind: "component",
      name: "base",
      resolved: "2026-11-20T12:00:00.000Z",
      facts: { gpus: "amd intel", locale: "de_DE.UTF-8" },
      locale: "de_DE.UTF-8",
      wanted: ["?essential", "?priority(required)", "apt"],
      packages: [
        {
          name: "g++",
          version: "4:14.2.0-1",
          architecture: "amd64",
          size: 1,
          sha256: "0".repeat(64),
          archive: "http://deb.debian.org/debian",
          path: "pool/main/g/g++_4%3a14.2.0-1_amd64.deb",
        },
      ],
      repositories: [
        {
          uri: "https://example.org/debian",
          suites: ["stable"],
          components: ["main"],
          keySha256: "0".repeat(64),
          mayReplace: false,
        },
      ],
    },
  ],
};

test("a lock that is written reads as itself", () => {
  assert.deepEqual(readLock(writeLock(LOCK), "f"), { ok: true, value: LOCK });
});

test("a lock with one part replaced by anything else is refused, or reads as that part", () => {
  const paths = pathsOf(LOCK);
  fc.assert(
    fc.property(
      fc.constantFrom(...paths),
      fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.constant([])),
      (path, value) => {
        const changed = structuredClone(LOCK);
        let at: unknown = changed;
        for (const step of path.slice(0, -1)) at = Reflect.get(Object(at), step);
        Reflect.set(Object(at), path.at(-1) ?? "", value);
        const read = readLock(JSON.stringify(changed), "f");
        if (read.ok) assert.deepEqual(read.value, changed);
        else assert.equal(read.problem.kind, "bad-lock");
      },
    ),
    { numRuns: 2000 },
  );
});

test("what would leave the store or the archive is refused", () => {
  const withPackage = (parts: object) => {
    const changed = structuredClone(LOCK);
    Object.assign(changed.layers[0]?.packages[0] ?? {}, parts);
    return readLock(JSON.stringify(changed), "f").ok;
  };
  for (const parts of [
    { path: "../../etc/passwd" },
    { path: "pool/../../x" },
    { sha256: "../../../x" },
    { sha256: "A".repeat(64) },
    { archive: "file:///etc" },
    { name: "--option" },
    { size: -1 },
    { size: 1e300 },
  ]) {
    assert.equal(withPackage(parts), false, JSON.stringify(parts));
  }
});

test("a lock of version 1 is read as what it meant", () => {
  const {
    kind: _,
    resolved,
    facts: _facts,
    locale: _locale,
    repositories: _repositories,
    ...old
  } = LOCK.layers[0] ?? {};
  const first = { version: 1, base: "debian-13", architecture: "amd64", resolved, layers: [old, old] };
  const read = readLock(JSON.stringify(first), "f");
  assert.ok(read.ok, JSON.stringify(read));
  assert.deepEqual(
    read.value.layers.map((layer) => [layer.kind, layer.resolved, layer.facts, layer.locale, layer.repositories]),
    ["base", "app"].map((kind) => [kind, resolved, {}, undefined, []]),
  );
});

test("text that is no JSON, and endless lists, are refused", () => {
  assert.equal(readLock("{", "f").ok, false);
  assert.equal(
    readLock(JSON.stringify({ ...LOCK, layers: Array.from({ length: 65 }, () => LOCK.layers[0]) }), "f").ok,
    false,
  );
});

function pathsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return path.length === 0 ? [] : [path];
  return [
    ...(path.length === 0 ? [] : [path]),
    ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key])),
  ];
}
