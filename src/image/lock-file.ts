/**
 * Lock file: a lock as text and back. The reader is strict: a lock chooses what is installed, so one that does not
 * read exactly is not used at all.
 */
import {
  LOCK_VERSION,
  type Lock,
  type LockedLayer,
  type LockedPackage,
  NAME_PATTERN,
  PACKAGE_PATTERN,
} from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";

export interface BadLock {
  readonly kind: "bad-lock";
  readonly file: string;
  readonly because: string;
}

const LAYERS_LIMIT = 16;
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
  if (version !== LOCK_VERSION) throw new Error(`version ${String(version)}; known is ${LOCK_VERSION}`);
  return {
    version: LOCK_VERSION,
    base: text(base, "base", NAME_PATTERN),
    architecture: text(architecture, "architecture", /^[a-z0-9]{1,20}$/),
    resolved: time(resolved),
    layers: list(layers, "layers", LAYERS_LIMIT).map(layerOf),
  };
}

function time(value: unknown): string {
  const written = text(value, "resolved", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$/);
  if (Number.isNaN(Date.parse(written))) throw new Error(`resolved: there is no time ${written}`);
  return written;
}

function layerOf(value: unknown): LockedLayer {
  const { name, wanted, packages, digest } = record(value, "layer");
  return {
    name: text(name, "layer name", NAME_PATTERN),
    wanted: list(wanted, "wanted", PACKAGES_LIMIT).map((wish) => text(wish, "wanted", /^[\w?():+.~-]{1,200}$/)),
    packages: list(packages, "packages", PACKAGES_LIMIT).map(packageOf),
    ...(digest === undefined ? {} : { digest: text(digest, "digest", /^[0-9a-f]{64}$/) }),
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
    archive: text(archive, "archive", /^https?:\/\/[^\s'"]{1,500}$/),
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
