/**
 * Sources of apt: the files that say which archives there are, which key each one is believed by, and which one a
 * package comes from that several have. Source: sources.list(5), apt_preferences(5).
 */
import type { Archive, OsBase } from "../model/index.ts";
import { type Mirrors, mirrorOf } from "./engine.ts";

/** Below what an archive has by itself (500), and above what would not be installed at all (0). */
const YIELDING_PRIORITY = 100;

/** By path relative to the private root. */
export function sourceFiles(base: OsBase, mirrors: Mirrors): Readonly<Record<string, string>> {
  return {
    "etc/apt/sources.list": "",
    "etc/apt/sources.list.d/archives.sources": base.archives.map((archive) => sourceOf(archive, mirrors)).join("\n"),
    "etc/apt/preferences.d/yielding": preferences(base, mirrors),
  };
}

/** A stanza with the key in it: so the key is this archive's, and no path has to be written where a space would end it. */
function sourceOf(archive: Archive, mirrors: Mirrors): string {
  const { trusts } = archive;
  const key =
    "keyring" in trusts
      ? trusts.keyring
      : `\n${trusts.armored
          .trimEnd()
          .split("\n")
          .map((line) => ` ${line === "" ? "." : line}\n`)
          .join("")
          .trimEnd()}`;
  return [
    "Types: deb",
    `URIs: ${mirrorOf(archive, mirrors)}`,
    `Suites: ${archive.suites.join(" ")}`,
    `Components: ${archive.components.join(" ")}`,
    `Signed-By: ${key}`,
    "",
  ].join("\n");
}

/**
 * apt tells archives apart by their host here, or by words of their own, which prove nothing. On the host of an archive
 * that does not yield nothing is said; what is chosen then is looked at afterwards (image/repositories.ts).
 */
function preferences({ archives }: OsBase, mirrors: Mirrors): string {
  const hostOf = (archive: Archive) => new URL(mirrorOf(archive, mirrors)).hostname;
  const firm = new Set(archives.filter(({ yields }) => yields !== true).map(hostOf));
  const hosts = new Set(archives.filter(({ yields }) => yields === true).map(hostOf));
  return [...hosts]
    .filter((host) => !firm.has(host))
    .map((host) => `Package: *\nPin: origin "${host}"\nPin-Priority: ${YIELDING_PRIORITY}\n`)
    .join("\n");
}
