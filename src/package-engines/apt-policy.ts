/**
 * Reads what apt-cache(8) says of versions.
 *
 * For each package: its name, then `Candidate: VERSION`, then a table in which each version stands before the archives that
 * have it.
 */
import { PACKAGE_PATTERN } from "../model/index.ts";
import type { NewestVersion } from "./engine.ts";

const VERSION = /^[A-Za-z0-9.+~:-]{1,200}$/;

export function readPolicy(output: string): ReadonlyMap<string, NewestVersion> {
  const found = new Map<string, NewestVersion>();
  let name: string | undefined;
  let candidate: string | undefined;
  let inCandidate = false;
  for (const line of output.split("\n")) {
    const head = /^(\S+):$/.exec(line)?.[1];
    if (head !== undefined) {
      name = PACKAGE_PATTERN.test(head) ? head : undefined;
      candidate = undefined;
      inCandidate = false;
      continue;
    }
    if (name === undefined) continue;
    const said = /^ {2}Candidate: (\S+)$/.exec(line)?.[1];
    if (said !== undefined) {
      candidate = VERSION.test(said) ? said : undefined;
      if (candidate !== undefined) found.set(name, { version: candidate, security: false });
      continue;
    }
    const version = /^ (?: {4}|\*\*\* )(\S+) -?\d+$/.exec(line)?.[1];
    if (version !== undefined) inCandidate = version === candidate;
    // `500 http://host/debian-security trixie-security/main amd64 Packages`
    else if (inCandidate && candidate !== undefined && /^ +-?\d+ \S+ \S+-security\/\S+ /.test(line))
      found.set(name, { version: candidate, security: true });
  }
  return found;
}
