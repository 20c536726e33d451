/** Layouts for tests: right ones, and such as a stranger could make. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { ARCHIVE_END, padding } from "../../../src/host/tree/write-tar.ts";

export interface Entry {
  readonly name: string;
  /** Of ustar; a file without it. */
  readonly type?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly mtime?: number;
  readonly target?: string;
  readonly content?: string;
  /** What the header says in place of the content's length. */
  readonly size?: number;
  /** Records of an extended header. */
  readonly pax?: Readonly<Record<string, string>>;
}

/** An archive as it is written down, whether it makes sense or not. */
export function tarOf(entries: readonly Entry[]): Buffer {
  return Buffer.concat([...entries.flatMap(entryBytes), ARCHIVE_END]);
}

function entryBytes(entry: Entry): readonly Buffer[] {
  const content = Buffer.from(entry.content ?? "");
  const records = Object.entries(entry.pax ?? {}).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = rest.length + 1;
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
    return `${length}${rest}`;
  });
  const extended = Buffer.from(records.join(""), "latin1");
  const before = extended.length === 0 ? [] : [head({ name: "x", type: "x" }, extended.length), extended];
  return [
    ...before,
    padding(extended.length),
    head(entry, entry.size ?? content.length),
    content,
    padding(content.length),
  ];
}

function head({ name, type = "0", mode = 0o644, uid = 0, mtime = 0, target = "" }: Entry, size: number): Buffer {
  const bytes = Buffer.alloc(512);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  bytes.write(name, 0, 100, "latin1");
  bytes.write(octal(mode, 7), 100);
  bytes.write(octal(uid, 7), 108);
  bytes.write(octal(0, 7), 116);
  bytes.write(octal(size, 11), 124);
  bytes.write(octal(mtime, 11), 136);
  bytes.write("        ", 148);
  bytes.write(type, 156);
  bytes.write(target, 157, 100, "latin1");
  bytes.write("ustar\u000000", 257, "latin1");
  bytes.write(octal(1, 7), 329);
  bytes.write(octal(3, 7), 337);
  bytes.write(
    `${octal(
      bytes.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
    148,
  );
  return bytes;
}

export const sha256 = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");

export interface LayoutSpec {
  readonly layers: readonly Buffer[];
  readonly mediaType?: string;
  readonly compressed?: boolean;
  readonly architecture?: string;
  /** What stands in place of the config's or manifest's own keys. */
  readonly config?: object;
  readonly manifest?: object;
  readonly index?: object;
  /** Called for each document and blob before it is written, by its name. */
  readonly spoil?: (path: string, bytes: Buffer) => Buffer;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

const OCI = "application/vnd.oci.image";

export function writeLayout(folder: string, spec: LayoutSpec): void {
  const { layers, compressed = false, architecture = ARCHITECTURES[process.arch] ?? process.arch } = spec;
  mkdirSync(`${folder}/blobs/sha256`, { recursive: true });
  const write = (path: string, bytes: Buffer) =>
    writeFileSync(`${folder}/${path}`, spec.spoil?.(path, bytes) ?? bytes);
  const blob = (mediaType: string, bytes: Buffer) => {
    write(`blobs/sha256/${sha256(bytes)}`, bytes);
    return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
  };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const blobs = layers.map((bytes) =>
    blob(
      spec.mediaType ?? `${OCI}.layer.v1.tar${compressed ? "+gzip" : ""}`,
      compressed ? gzipSync(bytes, { level: 9 }) : bytes,
    ),
  );
  const config = blob(
    `${OCI}.config.v1+json`,
    json({
      architecture,
      os: "linux",
      config: { Cmd: ["/bin/true"] },
      rootfs: { type: "layers", diff_ids: layers.map((bytes) => `sha256:${sha256(bytes)}`) },
      ...spec.config,
    }),
  );
  const manifest = blob(
    `${OCI}.manifest.v1+json`,
    json({ schemaVersion: 2, config, layers: blobs, ...spec.manifest }),
  );
  write("index.json", json({ schemaVersion: 2, manifests: [manifest], ...spec.index }));
  write("oci-layout", json({ imageLayoutVersion: "1.0.0" }));
}
