/**
 * Build time: the one moment that everything which a build makes itself seems to be from.
 *
 * It is when the newest of a layer's packages was made, as the package file itself says. So it follows from the packages
 * alone: two locks of different days that name the same packages give the same layer, to the last byte.
 *
 * Source: deb(5), ar(5).
 */
import type { LockedPackage } from "../model/index.ts";
import type { Result } from "../result.ts";
import { success } from "../result.ts";
import type { StepProblem } from "../step/index.ts";
import type { ImageContext } from "./resolve.ts";

/** What ar(5) writes in front of the first member, and that member of deb(5). */
const HEAD_BYTES = 72;

/** 2100-01-01: a package that says it is from later says nothing. */
const LATEST = 4_102_444_800;

/** @returns seconds since 1970 */
export async function buildTime(
  packages: readonly LockedPackage[],
  { performer, store, watch }: ImageContext,
): Promise<Result<number, StepProblem>> {
  if (packages.length === 0) return success(0);
  const files = packages.map(({ sha256 }) => store.deb(sha256));
  const heads = await performer.perform(
    {
      kind: "run",
      why: "read when packages were made",
      argv: ["/usr/bin/head", "--quiet", `--bytes=${HEAD_BYTES}`, "--", ...files],
      environment: { LC_ALL: "C" },
    },
    watch,
  );
  return heads.ok ? success(newestOf(heads.value.output)) : heads;
}

/** @param heads - the beginnings of package files, one after another. What is none of a package file is from 1970 */
export function newestOf(heads: string): number {
  let newest = 0;
  for (let at = 0; at < heads.length; at += HEAD_BYTES) {
    const head = heads.slice(at, at + HEAD_BYTES);
    const time = /^!<arch>\ndebian-binary {3}(\d{1,12}) /.exec(head)?.[1];
    if (time !== undefined && Number(time) < LATEST) newest = Math.max(newest, Number(time));
  }
  return newest;
}
