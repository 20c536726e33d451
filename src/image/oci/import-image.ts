/**
 * Import: an image that others made comes into the store, layer by layer, from an OCI image layout.
 *
 * What it is made of cannot be locked, since nobody can fetch it again: the image's record says that it was imported, and
 * from which manifest. Its layers are named by their content and sealed like those that are built.
 *
 * Invariants
 * - Each document and each layer is compared with its digest before anything of it is used.
 * - A layer has its name only when it is whole; the record comes last.
 */
import { type Result, refusal, success } from "../../result.ts";
import { performAll, type StepProblem, toTheEnd, type Unpacked } from "../../step/index.ts";
import { publish } from "../build-layer.ts";
import { digest, type Image, type LayerRecord } from "../image.ts";
import type { ImageContext } from "../resolve.ts";
import { sealLayer, type SealProblem } from "../seal-layer.ts";
import { chooseManifest, type NoSuchImage } from "./choose-manifest.ts";
import { packagesIn } from "./packages-in.ts";
import {
  BadLayout,
  type BlobWanted,
  DOCUMENT_BYTES,
  type ImageConfig,
  type LayerBlob,
  readConfig,
  readIndex,
  readLayoutMark,
  readManifest,
} from "./read-layout.ts";

export type ImportProblem =
  | StepProblem
  | SealProblem
  | NoSuchImage
  | { readonly kind: "bad-layout"; readonly source: string; readonly because: string }
  | { readonly kind: "other-architecture"; readonly source: string; readonly architecture: string };

/** Of all files of an image. */
const IMAGE_BYTES = 32 * 1024 ** 3;

/** A layer that is larger than this must not unpack to more than {@link RATIO} times its size. */
const FREE_BYTES = 256 * 1024 ** 2;
const RATIO = 100;

const PASSWD = "etc/passwd";
const GROUP = "etc/group";
const STATUS = "var/lib/dpkg/status";

export interface ImportSource {
  /** What the owner named, for words. */
  readonly named: string;
  /** The layout's root folder. */
  readonly folder: string;
  readonly tag: string | undefined;
}

export interface Described {
  /** SHA-256. */
  readonly manifest: string;
  readonly title: string | undefined;
  readonly layers: readonly LayerBlob[];
  readonly config: ImageConfig;
}

export interface Imported {
  readonly image: Image;
  /** Absolute path, then arguments; undefined where the image names none that it has. */
  readonly command: readonly [string, ...string[]] | undefined;
  readonly bytes: number;
}

/** What the layout says of the image that is meant; nothing of its layers has been read yet. */
export async function describeImport(
  source: ImportSource,
  context: ImageContext,
): Promise<Result<Described, ImportProblem>> {
  const read = async <Value>(path: string, blob: BlobWanted | undefined, reader: (text: string) => Value) =>
    await readDocument(source, path, blob, reader, context);
  const blob = async <Value>(wanted: BlobWanted, reader: (text: string) => Value) =>
    await read(blobPath(wanted), wanted, reader);
  const mark = await read("oci-layout", undefined, readLayoutMark);
  if (!mark.ok) return mark;
  const index = await read("index.json", undefined, readIndex);
  if (!index.ok) return index;
  const { architecture } = context.facts;
  const { named, tag } = source;
  const nested = async (wanted: BlobWanted) => await blob(wanted, readIndex);
  const chosen = await chooseManifest(index.value, { source: named, architecture, tag }, nested);
  if (!chosen.ok) return chosen;
  const manifest = await blob(chosen.value, readManifest);
  if (!manifest.ok) return manifest;
  const { layers, title } = manifest.value;
  const config = await blob(manifest.value.config, readConfig);
  if (!config.ok) return config;
  if (config.value.architecture !== architecture)
    return refusal({ kind: "other-architecture", source: named, architecture: config.value.architecture });
  if (config.value.diffIds.length !== layers.length)
    return refusal({ kind: "bad-layout", source: named, because: "its config has another number of layers" });
  return success({ manifest: chosen.value.sha256, title, layers, config: config.value });
}

/** Brings in the layers, and writes the image's record. */
export async function importImage(
  name: string,
  { manifest, layers, config }: Described,
  source: ImportSource,
  context: ImageContext,
): Promise<Result<Imported, ImportProblem>> {
  const records: LayerRecord[] = [];
  const made: string[] = [];
  let [bytes, found] = [0, [] as readonly string[]];
  for (const [index, blob] of layers.entries()) {
    const which = `layer ${index + 1} of ${layers.length}`;
    context.watch.report({ kind: "phase", text: `importing ${which}` });
    const diffId = config.diffIds[index] ?? "";
    const maxBytes = Math.min(
      IMAGE_BYTES - bytes,
      blob.compressed ? Math.max(FREE_BYTES, RATIO * blob.size) : blob.size,
    );
    const find = index === layers.length - 1 ? candidates(config) : [];
    const layer: LayerWanted = { name, which, blob, diffId, maxBytes, find, below: records };
    const taken = await importLayer(layer, source, context);
    if (!taken.ok) {
      await removeLayers(made, context);
      return taken;
    }
    records.push(taken.value.record);
    if (taken.value.isNew) made.push(taken.value.record.key);
    bytes += taken.value.bytes;
    ({ found } = taken.value);
  }
  const top = records.at(-1);
  if (top === undefined) throw new Error("a manifest has layers");
  const image: Image = {
    recipe: name,
    recipeDigest: digest({ imported: manifest }),
    base: "imported",
    layers: records.map(({ key }) => key),
    passwd: top.passwd,
    group: top.group,
    built: context.now(),
    imported: { manifest, created: config.created, digests: records.map((record) => record.digest) },
  };
  const content = `${JSON.stringify(image, undefined, 1)}\n`;
  const record = { kind: "write-file", path: context.store.image(name), mode: 0o644, content } as const;
  const written = await context.performer.perform(record, context.watch);
  if (!written.ok) return written;
  const [first] = found;
  return success({ image, command: first === undefined ? undefined : [first, ...config.command.slice(1)], bytes });
}

interface LayerWanted {
  readonly name: string;
  readonly which: string;
  readonly blob: LayerBlob;
  readonly diffId: string;
  readonly maxBytes: number;
  readonly find: readonly string[];
  readonly below: readonly LayerRecord[];
}

interface LayerTaken {
  readonly record: LayerRecord;
  /** It was not in the store before. */
  readonly isNew: boolean;
  readonly bytes: number;
  readonly found: readonly string[];
}

async function importLayer(
  wanted: LayerWanted,
  source: ImportSource,
  context: ImageContext,
): Promise<Result<LayerTaken, ImportProblem>> {
  const folder = context.store.building(`import-${wanted.blob.sha256.slice(0, 32)}`);
  const taken = await importIn(folder, wanted, source, context);
  // Also after an interruption; where it has its name already, there is nothing.
  await context.performer.perform({ kind: "remove-tree", path: folder }, toTheEnd(context.watch));
  return taken;
}

async function importIn(
  folder: string,
  { name, which, blob, diffId, maxBytes, find, below }: LayerWanted,
  source: ImportSource,
  context: ImageContext,
): Promise<Result<LayerTaken, ImportProblem>> {
  const { performer, store, watch } = context;
  const tree = `${folder}/fs`;
  const made = await performAll(
    [
      { kind: "make-folder", path: store.buildings, mode: 0o700 },
      { kind: "remove-tree", path: folder },
      { kind: "make-folder", path: tree, mode: 0o755 },
    ],
    context,
  );
  if (!made.ok) return made;
  const { sha256, size, compressed } = blob;
  const lists = below.map(({ key }) => store.layerFiles(key));
  const keep = [PASSWD, GROUP, STATUS];
  const task = { kind: "unpack", tree, below: lists, sha256, size, compressed, diffId, maxBytes, keep, find } as const;
  const reads = `${source.folder}/${blobPath(blob)}`;
  const done = await performer.perform({ kind: "work-on-tree", why: `import ${which}`, task, reads }, watch);
  if (!done.ok) return done;
  const unpacked: Unpacked = JSON.parse(done.value.output);
  for (const text of takenOff(unpacked)) watch.report({ kind: "note", text: `${which}: ${text}` });

  const parent = below.at(-1);
  const sealed = await sealLayer({ key: "", layer: { name } }, folder, context);
  if (!sealed.ok) return sealed;
  const key = digest({ imported: sealed.value.digest, parent: parent?.key ?? null });
  const status = unpacked.kept[STATUS] ?? (parent === undefined ? "" : await statusOf(parent.key, context));
  const record: LayerRecord = {
    digest: sealed.value.digest,
    filesDigest: sealed.value.filesDigest,
    bytes: sealed.value.bytes,
    key,
    name: below.length === 0 ? "base" : name,
    parent: parent?.key,
    packages: packagesIn(status, below),
    passwd: unpacked.kept[PASSWD] ?? parent?.passwd ?? "",
    group: unpacked.kept[GROUP] ?? parent?.group ?? "",
    built: context.now(),
  };
  // The same content on the same layers: it is there already.
  const isNew = !(await performer.list(store.layers)).includes(key);
  const taken = { record, isNew, bytes: unpacked.bytes, found: unpacked.found };
  if (!isNew) return success(taken);
  const published = await performAll(publish(key, folder, status, record, context), context);
  return published.ok ? success(taken) : published;
}

/** Of an image that is refused nothing stays. No other image can have layers that did not come to an end yet. */
async function removeLayers(keys: readonly string[], { performer, store, watch }: ImageContext): Promise<void> {
  for (const key of keys) {
    const gone = store.building(`gone-${key}`);
    // What has a layer's name is whole, up to the moment at which it has it no more.
    await performer.perform({ kind: "rename", from: store.layer(key), to: gone }, toTheEnd(watch));
    await performer.perform({ kind: "remove-tree", path: gone }, toTheEnd(watch));
  }
}

function takenOff({ rights, attributes }: Unpacked): readonly string[] {
  return [
    ...(rights === 0 ? [] : [`set-id bits of ${rights} ${rights === 1 ? "file" : "files"} were taken off`]),
    ...(attributes === 0 ? [] : [`${attributes} attributes that give rights, or mean nothing here, were left out`]),
  ];
}

async function statusOf(key: string, { performer, store }: ImageContext): Promise<string> {
  return (await performer.readText(store.layerStatus(key))) ?? "";
}

/** Where the command's program may be. */
function candidates({ command, path }: ImageConfig): readonly string[] {
  const [program = ""] = command;
  if (program.startsWith("/")) return [program];
  return /^[\w.+-]+$/.test(program) ? path.map((folder) => `${folder}/${program}`) : [];
}

async function readDocument<Value>(
  { folder, named }: ImportSource,
  path: string,
  blob: BlobWanted | undefined,
  reader: (text: string) => Value,
  { performer, watch }: ImageContext,
): Promise<Result<Value, ImportProblem>> {
  const limits = { maxBytes: DOCUMENT_BYTES, ...(blob === undefined ? {} : { expected: blob }) };
  const read = await performer.perform({ kind: "read-document", path: `${folder}/${path}`, ...limits }, watch);
  if (!read.ok) return read;
  try {
    return success(reader(read.value.output));
  } catch (error) {
    if (!(error instanceof BadLayout)) throw error;
    return refusal({ kind: "bad-layout", source: named, because: error.message });
  }
}

function blobPath({ sha256 }: BlobWanted): string {
  return `blobs/sha256/${sha256}`;
}
