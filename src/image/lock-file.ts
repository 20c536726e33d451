/**
 * Lock file: a lock as text and back. The reader is strict: a lock chooses what is installed, so one that does not
 * read exactly is not used at all. Version 1 is read as what it meant; version 2 is written.
 */
import {
  COMPONENT_FACTS,
  LOCK_VERSION,
  type LayerFacts,
  type Lock,
  type LockedLayer,
  type LockedPackage,
  type LockedRepository,
  NAME_PATTERN,
  PACKAGE_PATTERN,
} from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";

export interface BadLock {
  readonly kind: "bad-lock";
  readonly file: string;
  readonly because: string;
}

const LAYERS_LIMIT = 64;
const REPOSITORIES_LIMIT = 10;
const ARCHIVE_PATTERN = /^https?:\/\/[^\s'"]{1,500}$/;
const PACKAGES_LIMIT = 5000;

export function writeLock(lock: Lock): string {
  return `${JSON.stringify(lock, undefined, 1)}\n`;
}

export function readLock(text: string, file: string): Result<Lock, BadLock> {
  try {
    return success(lockOf(JSON.parse(text)));
  } catch (error) {
    return refusal({ kind: "bad-lock", file, because: error instanceof Error ? error.message : String(error) });
  }
}

/** Inside this file a wrong lock is thrown as text, and caught above: that keeps the readers short. */
function lockOf(value: unknown): Lock {
  const { version, base, architecture, resolved, layers } = record(value, "lock");
  if (version !== LOCK_VERSION && version !== 1)
    throw new Error(`version ${String(version)}; known are 1 and ${LOCK_VERSION}`);
  const read = list(layers, "layers", LAYERS_LIMIT).map((layer, index) =>
    version === 1 ? layerOf(asSecondVersion(layer, index, resolved)) : layerOf(layer),
  );
  return {
    version: LOCK_VERSION,
    base: text(base, "base", NAME_PATTERN),
    architecture: text(architecture, "architecture", /^[a-z0-9]{1,20}$/),
    layers: read,
  };
}

/** Version 1 knew a base and an app on it, resolved at one time. */
function asSecondVersion(value: unknown, index: number, resolved: unknown): unknown {
  const { name, wanted, packages, digest } = record(value, "layer");
  const kind = index === 0 ? "base" : "app";
  return { kind, name, resolved, facts: {}, wanted, packages, repositories: [], digest };
}

function time(value: unknown): string {
  const written = text(value, "resolved", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$/);
  if (Number.isNaN(Date.parse(written))) throw new Error(`resolved: there is no time ${written}`);
  return written;
}

function layerOf(value: unknown): LockedLayer {
  const { kind, name, resolved, facts, locale, wanted, packages, repositories, digest } = record(value, "layer");
  if (kind !== "base" && kind !== "component" && kind !== "app") throw new Error("kind of a layer");
  return {
    kind,
    name: text(name, "layer name", NAME_PATTERN),
    resolved: time(resolved),
    facts: factsOf(facts),
    locale: locale === undefined ? undefined : text(locale, "locale", /^[a-z]{2,3}_[A-Z]{2}\.UTF-8(@[a-z]{1,20})?$/),
    wanted: list(wanted, "wanted", PACKAGES_LIMIT).map((wish) => text(wish, "wanted", /^[\w?():+.~-]{1,200}$/)),
    packages: list(packages, "packages", PACKAGES_LIMIT).map(packageOf),
    repositories: list(repositories, "repositories", REPOSITORIES_LIMIT).map(repositoryOf),
    ...(digest === undefined ? {} : { digest: text(digest, "digest", /^[0-9a-f]{64}$/) }),
  };
}

function factsOf(value: unknown): LayerFacts {
  const written = record(value, "facts");
  const unknown = Object.keys(written).find((name) => !COMPONENT_FACTS.some((fact) => fact === name));
  if (unknown !== undefined) throw new Error(`fact ${JSON.stringify(unknown).slice(0, 80)}`);
  return Object.fromEntries(
    COMPONENT_FACTS.filter((fact) => Object.hasOwn(written, fact)).map((fact) => [
      fact,
      text(written[fact], fact, /^[\w.@ -]{0,500}$/),
    ]),
  );
}

function repositoryOf(value: unknown): LockedRepository {
  const { uri, suites, components, keySha256, mayReplace } = record(value, "repository");
  if (typeof mayReplace !== "boolean") throw new Error("mayReplace is neither true nor false");
  const words = (from: unknown, what: string) =>
    list(from, what, 20).map((word) => text(word, what, /^[a-z0-9][a-z0-9+._/-]{0,99}$/));
  return {
    uri: text(uri, "repository", ARCHIVE_PATTERN),
    suites: words(suites, "suites"),
    components: words(components, "components"),
    keySha256: text(keySha256, "keySha256", /^[0-9a-f]{64}$/),
    mayReplace,
  };
}

function packageOf(value: unknown): LockedPackage {
  const { name, version, architecture, size, sha256, archive, path } = record(value, "package");
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0 || size > 2 ** 34)
    throw new Error("size of a package");
  const where = text(path, "path", /^[\w.+~:%/-]{1,1000}$/);
  if (where.split("/").includes("..")) throw new Error("path with ..");
  return {
    name: text(name, "package name", PACKAGE_PATTERN),
    version: text(version, "version", /^[A-Za-z0-9.+~:-]{1,200}$/),
    architecture: text(architecture, "architecture", /^[a-z0-9-]{1,20}$/),
    size,
    sha256: text(sha256, "sha256", /^[0-9a-f]{64}$/),
    archive: text(archive, "archive", ARCHIVE_PATTERN),
    path: where,
  };
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${what} is no object`);
  return { ...value };
}

function list(value: unknown, what: string, limit: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > limit) throw new Error(`${what} is no list of at most ${limit}`);
  return value;
}

function text(value: unknown, what: string, pattern: RegExp): string {
  if (typeof value !== "string" || !pattern.test(value))
    throw new Error(`${what}: ${JSON.stringify(value)?.slice(0, 80)}`);
  return value;
}
