/**
 * Reads what an OCI layout says of itself. Pure: text in, values out; nothing in it is believed.
 *
 * Keys that the specification has and Skerry does not need are passed over, since others write more than we read. What is
 * needed must be exactly so. A wrong document is thrown as `BadLayout` with words for a person.
 *
 * Source: OCI image specification 1.0: descriptor, image-layout, index, manifest, config.
 */
import { isPrintable } from "../../model/index.ts";
import { LAYOUT_VERSION, MEDIA } from "./media-types.ts";

export class BadLayout extends Error {}

/** Of each document; its blob is read as a whole. */
export const DOCUMENT_BYTES = 4 * 1024 * 1024;

/** Of one layer's blob. */
const BLOB_BYTES = 2 ** 34;

/** As many as a mount of them takes. */
const LAYERS_LIMIT = 40;

const MANIFESTS_LIMIT = 100;

export interface BlobWanted {
  /** SHA-256, lower-case hexadecimal. */
  readonly sha256: string;
  readonly size: number;
}

export interface ManifestOffered extends BlobWanted {
  readonly kind: "manifest" | "index";
  /** The layout's name for it. */
  readonly tag: string | undefined;
  /** `linux/amd64`; undefined where it does not say. */
  readonly platform: string | undefined;
}

export interface Manifest {
  readonly config: BlobWanted;
  readonly layers: readonly LayerBlob[];
  readonly title: string | undefined;
}

export interface LayerBlob extends BlobWanted {
  readonly compressed: boolean;
}

export interface ImageConfig {
  readonly architecture: string;
  /** Of each layer's unpacked archive, bottom first. */
  readonly diffIds: readonly string[];
  /** ISO time, UTC. */
  readonly created: string;
  /** Entrypoint, then Cmd. */
  readonly command: readonly string[];
  /** Folders in which a command without a path is looked for. */
  readonly path: readonly string[];
}

export function readLayoutMark(text: string): void {
  const { imageLayoutVersion } = record(parse(text, "oci-layout"), "oci-layout");
  if (imageLayoutVersion !== LAYOUT_VERSION)
    throw new BadLayout(`oci-layout names another version than ${LAYOUT_VERSION}`);
}

export function readIndex(text: string): readonly ManifestOffered[] {
  const { schemaVersion, mediaType, manifests } = record(parse(text, "the index"), "the index");
  if (schemaVersion !== 2) throw new BadLayout("the index is of another version than 2");
  if (mediaType !== undefined && mediaType !== MEDIA.index) throw new BadLayout(`the index is ${shown(mediaType)}`);
  return list(manifests, "the index's manifests", MANIFESTS_LIMIT).flatMap((each) => {
    const described = record(each, "a manifest's descriptor");
    const kind = described["mediaType"] === MEDIA.manifest ? "manifest" : "index";
    if (kind === "index" && described["mediaType"] !== MEDIA.index) return [];
    const { os, architecture } = described["platform"] === undefined ? {} : record(described["platform"], "a platform");
    const platform = typeof os === "string" && typeof architecture === "string" ? `${os}/${architecture}` : undefined;
    const tag = annotation(described["annotations"], "org.opencontainers.image.ref.name");
    return [{ kind, ...blobOf(described, "a manifest", DOCUMENT_BYTES), tag, platform }];
  });
}

export function readManifest(text: string): Manifest {
  const { schemaVersion, mediaType, config, layers, annotations } = record(parse(text, "the manifest"), "the manifest");
  if (schemaVersion !== 2) throw new BadLayout("the manifest is of another version than 2");
  if (mediaType !== undefined && mediaType !== MEDIA.manifest)
    throw new BadLayout(`the manifest is ${shown(mediaType)}`);
  const described = record(config, "the config's descriptor");
  if (described["mediaType"] !== MEDIA.config)
    throw new BadLayout(`its config is ${shown(described["mediaType"])}, which is no image's`);
  const blobs = list(layers, "the manifest's layers", LAYERS_LIMIT).map(layerOf);
  if (blobs.length === 0) throw new BadLayout("it has no layers");
  return {
    config: blobOf(described, "the config", DOCUMENT_BYTES),
    layers: blobs,
    title: annotation(annotations, "org.opencontainers.image.title"),
  };
}

export function readConfig(text: string): ImageConfig {
  const { architecture, os, created, config = {}, rootfs } = record(parse(text, "the config"), "the config");
  if (os !== "linux") throw new BadLayout(`it is for ${shown(os)} and not for linux`);
  const { type, diff_ids: ids } = record(rootfs, "the config's rootfs");
  if (type !== "layers") throw new BadLayout("its config has no layers");
  const { Entrypoint, Cmd, Env } = record(config ?? {}, "the config's config");
  const words = (value: unknown, what: string) =>
    value === undefined || value === null ? [] : list(value, what, 100).map((word) => wordOf(word, what));
  const command = [...words(Entrypoint, "Entrypoint"), ...words(Cmd, "Cmd")];
  const path = words(Env, "Env").find((variable) => variable.startsWith("PATH="));
  return {
    architecture: textOf(architecture, "architecture", /^[a-z0-9]{1,20}$/),
    diffIds: list(ids, "diff_ids", LAYERS_LIMIT).map(digestOf),
    created: timeOf(created),
    command: command.slice(0, 100),
    path: (path ?? "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
      .slice("PATH=".length)
      .split(":")
      .filter((folder) => /^(?:\/[\w.+-]+)+$/.test(folder) && !/\/\.\.?(?:\/|$)/.test(folder))
      .slice(0, 20),
  };
}

function layerOf(value: unknown): LayerBlob {
  const described = record(value, "a layer's descriptor");
  const mediaType = described["mediaType"];
  if (mediaType !== MEDIA.tar && mediaType !== MEDIA.tarGzip) {
    throw new BadLayout(`a layer is ${shown(mediaType)}; known are ${MEDIA.tar} and ${MEDIA.tarGzip}`);
  }
  return { ...blobOf(described, "a layer", BLOB_BYTES), compressed: mediaType === MEDIA.tarGzip };
}

function blobOf({ digest, size }: Readonly<Record<string, unknown>>, what: string, limit: number): BlobWanted {
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0 || size > limit)
    throw new BadLayout(`${what} has a size of ${shown(size)}; at most ${limit} bytes are read`);
  return { sha256: digestOf(digest), size };
}

function digestOf(value: unknown): string {
  return textOf(value, "digest", /^sha256:[0-9a-f]{64}$/).slice("sha256:".length);
}

/** Without a time, or with one that is none, it is from 1970. */
function timeOf(value: unknown): string {
  const time = typeof value === "string" && value.length < 60 ? Date.parse(value) : Number.NaN;
  return new Date(Number.isNaN(time) ? 0 : time).toISOString();
}

function annotation(value: unknown, name: string): string | undefined {
  const text = value === undefined || value === null ? undefined : record(value, "annotations")[name];
  return typeof text === "string" && text.length <= 200 && isPrintable(text) ? text : undefined;
}

function wordOf(value: unknown, what: string): string {
  if (typeof value !== "string" || value.length > 4096) throw new BadLayout(`${what}: ${shown(value)}`);
  return value;
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BadLayout(`${what} is no JSON`);
  }
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new BadLayout(`${what} is no object`);
  return { ...value };
}

function list(value: unknown, what: string, limit: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > limit) throw new BadLayout(`${what}: no list of at most ${limit}`);
  return value;
}

function textOf(value: unknown, what: string, pattern: RegExp): string {
  if (typeof value !== "string" || !pattern.test(value)) throw new BadLayout(`${what}: ${shown(value)}`);
  return value;
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 100);
}
