/**
 * SBOM: what an image is made of, as a document that other tools read. Pure; the same image gives the same text.
 *
 * Source: SPDX 2.3, JSON form; package URLs of type deb (purl-spec).
 */
import type { Lock, LockedPackage } from "../model/index.ts";
import { digest } from "./image.ts";
import { installedBy } from "./package-diff.ts";

export interface SbomSource {
  readonly recipe: string;
  readonly lock: Lock;
  /** The package engine's record of what is installed: dpkg's status file. */
  readonly status: string;
}

export function sbomOf({ recipe, lock, status }: SbomSource): object {
  const stanzas = stanzasOf(status);
  const packages = [...installedBy(lock).values()].toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const layers = lock.layers.map(({ name, digest: sha256 = "" }) => ({ name, sha256 }));
  // The newest time in the lock, and not the time of this call: the document says when its content was settled.
  const created =
    lock.layers
      .map(({ resolved }) => resolved)
      .toSorted()
      .at(-1) ?? "";
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `skerry-image-${recipe}`,
    documentNamespace: `https://spdx.org/spdxdocs/skerry-image-${recipe}-${digest([lock.base, packages, layers])}`,
    creationInfo: { created: created.replace(/\.\d+Z$/, "Z"), creators: ["Tool: skerry"] },
    documentDescribes: [IMAGE],
    packages: [
      {
        SPDXID: IMAGE,
        name: recipe,
        versionInfo: digest(layers),
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
        licenseConcluded: "NOASSERTION",
        licenseDeclared: "NOASSERTION",
        copyrightText: "NOASSERTION",
        primaryPackagePurpose: "CONTAINER",
        comment: layers.map(({ name, sha256 }) => `layer ${name}: sha256:${sha256}`).join("\n"),
      },
      ...packages.map((each) => packageOf(each, stanzas.get(each.name) ?? "", lock.base)),
    ],
    relationships: [
      relationship("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE),
      ...packages.map((each) => relationship(IMAGE, "CONTAINS", idOf(each))),
    ],
  };
}

const IMAGE = "SPDXRef-Image";

function packageOf(locked: LockedPackage, stanza: string, base: string): object {
  const { name, version, architecture, sha256, archive, path } = locked;
  const homepage = field(stanza, "Homepage");
  const source = field(stanza, "Source") ?? name;
  // Of an image that was imported nobody knows the package files.
  const isKnown = sha256 !== "";
  return {
    SPDXID: idOf(locked),
    name,
    versionInfo: version,
    ...(isKnown ? { packageFileName: path.slice(path.lastIndexOf("/") + 1) } : {}),
    supplier: supplierOf(field(stanza, "Maintainer")),
    downloadLocation: isKnown ? `${archive}/${path}` : "NOASSERTION",
    filesAnalyzed: false,
    ...(isKnown ? { checksums: [{ algorithm: "SHA256", checksumValue: sha256 }] } : {}),
    ...(homepage !== undefined && /^https?:\/\/[!-~]+$/.test(homepage) ? { homepage } : {}),
    sourceInfo: `built from the source package ${source}`,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: "NOASSERTION",
    copyrightText: "NOASSERTION",
    externalRefs: [
      {
        referenceCategory: "PACKAGE-MANAGER",
        referenceType: "purl",
        referenceLocator: `pkg:deb/debian/${escaped(name)}@${escaped(version)}?arch=${architecture}${isKnown ? `&distro=${base}` : ""}`,
      },
    ],
  };
}

/** Letters, digits, dots and dashes only; different names stay different. */
function idOf({ name }: LockedPackage): string {
  return `SPDXRef-Package-${name.replaceAll(/[^a-z0-9-]/g, (char) => `.${char.charCodeAt(0).toString(16)}.`)}`;
}

function relationship(from: string, type: string, to: string): object {
  return { spdxElementId: from, relationshipType: type, relatedSpdxElement: to };
}

/** Debian's maintainers are people or teams; the document wants to know which. */
function supplierOf(maintainer: string | undefined): string {
  const parts = /^([^<>]{1,200}?)\s*<([^<>\s]{1,200})>$/.exec(maintainer ?? "");
  if (parts === null) return "NOASSERTION";
  const [, name = "", mail = ""] = parts;
  const kind = /team|group|maintainers|developers|project|packag/i.test(name) ? "Organization" : "Person";
  return `${kind}: ${name} (${mail})`;
}

function stanzasOf(status: string): ReadonlyMap<string, string> {
  return new Map(
    status.split("\n\n").flatMap((stanza) => {
      const name = field(stanza, "Package");
      return name === undefined ? [] : [[name, stanza] as const];
    }),
  );
}

function field(stanza: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.+)$`, "m").exec(stanza)?.[1]?.trim();
}

function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll("%3A", ":");
}
