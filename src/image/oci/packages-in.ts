/** Packages of an image that was imported, as dpkg's status file in it says. Pure; the file is a stranger's. */
import { type LockedPackage, PACKAGE_PATTERN } from "../../model/index.ts";
import type { LayerRecord } from "../image.ts";

const PACKAGES_LIMIT = 5000;

/**
 * @param status - of the layer and all below
 * @returns what the layers below do not have; nobody knows the files that they came from
 */
export function packagesIn(status: string, below: readonly LayerRecord[]): readonly LockedPackage[] {
  const known = new Map(below.flatMap(({ packages }) => packages.map(({ name, version }) => [name, version] as const)));
  return status
    .split("\n\n", PACKAGES_LIMIT)
    .flatMap((stanza) => {
      const name = field(stanza, "Package");
      const version = field(stanza, "Version");
      const architecture = field(stanza, "Architecture");
      const installed = field(stanza, "Status").endsWith(" installed");
      const clean =
        PACKAGE_PATTERN.test(name) &&
        /^[A-Za-z0-9.+~:-]{1,200}$/.test(version) &&
        /^[a-z0-9-]{1,20}$/.test(architecture);
      if (!installed || !clean || known.get(name) === version) return [];
      return [{ name, version, architecture, size: 0, sha256: "", archive: "", path: "" }];
    })
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

function field(stanza: string, name: string): string {
  return new RegExp(`^${name}: (.+)$`, "m").exec(stanza)?.[1]?.trim() ?? "";
}
