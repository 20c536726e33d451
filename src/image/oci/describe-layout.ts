/**
 * Describe a layout: an image as an OCI image layout, but for the layers' own bytes. Pure.
 *
 * A layer's blob is its canonical form, uncompressed, so its digest there is the one that the lock has here. Times are
 * those of the lock and not of a build or of this call: the same image gives the same layout, byte for byte.
 *
 * Source: OCI image specification 1.0: image-layout, index, manifest, config, annotations.
 */
import { createHash } from "node:crypto";
import type { Program } from "../../model/index.ts";
import type { ExportedDocument, ExportedLayer } from "../../step/index.ts";
import type { Image, LayerRecord } from "../image.ts";
import { LAYOUT_VERSION, MEDIA } from "./media-types.ts";

export interface LayoutSource {
  readonly image: Image;
  /** In the image's order, each with the folder that its files lie in. */
  readonly layers: readonly { readonly record: LayerRecord; readonly tree: string }[];
  /** ISO time, UTC: when the image's content was settled. */
  readonly created: string;
  /** SHA-256 of the lock's text; undefined for an image that was imported. */
  readonly lock: string | undefined;
  readonly summary: string;
  readonly program: Program | undefined;
  /** As Debian says it, and so as OCI does for the two that there are. */
  readonly architecture: string;
}

export interface Layout {
  readonly manifest: string;
  readonly documents: readonly ExportedDocument[];
  readonly layers: readonly ExportedLayer[];
}

/** By which umoci(1) and others find an image that is asked for without a name. */
const TAG = "latest";

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function describeLayout(source: LayoutSource): Layout {
  const { image, layers, lock, architecture } = source;
  const created = source.created.replace(/\.\d+Z$/, "Z");
  const annotations = {
    "org.opencontainers.image.title": image.recipe,
    "org.opencontainers.image.description": source.summary,
    "org.opencontainers.image.created": created,
    "org.opencontainers.image.base.name": image.base,
    ...(lock === undefined ? {} : { "skerry.lock.sha256": lock }),
  };
  const config = json({
    created,
    architecture,
    os: "linux",
    config: {
      Env: [`PATH=${PATH}`, `LANG=${image.locale ?? "C.UTF-8"}`],
      ...(source.program === undefined ? {} : { Entrypoint: source.program.command }),
      Labels: annotations,
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ record }) => `sha256:${record.digest}`) },
    history: layers.map(({ record }) => ({ created, created_by: `skerry layer ${record.name}` })),
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: descriptor(MEDIA.config, config),
    layers: layers.map(({ record }) => ({
      mediaType: MEDIA.tar,
      digest: `sha256:${record.digest}`,
      size: record.bytes,
      annotations: { "org.opencontainers.image.title": record.name },
    })),
    annotations,
  });
  const index = json({
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: [
      {
        ...descriptor(MEDIA.manifest, manifest),
        platform: { architecture, os: "linux" },
        annotations: { "org.opencontainers.image.ref.name": TAG },
      },
    ],
  });
  const blobs = new Map(
    layers.map(({ record, tree }) => [
      record.digest,
      { path: blobPath(record.digest), name: record.name, tree, sha256: record.digest, bytes: record.bytes },
    ]),
  );
  return {
    manifest: sha256(manifest),
    documents: [
      { path: "oci-layout", content: json({ imageLayoutVersion: LAYOUT_VERSION }) },
      { path: "index.json", content: index },
      ...[config, manifest].map((content) => ({ path: blobPath(sha256(content)), content })),
    ],
    layers: [...blobs.values()],
  };
}

function descriptor(mediaType: string, content: string) {
  return { mediaType, digest: `sha256:${sha256(content)}`, size: Buffer.byteLength(content) };
}

function blobPath(digest: string): string {
  return `blobs/sha256/${digest}`;
}

function json(value: unknown): string {
  return JSON.stringify(value);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
