/**
 * Package files made by hand, byte by byte: what no packaging tool would ever write can be written too.
 *
 * Source: deb(5), ar(5), the ustar format of POSIX pax(1).
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

export interface TarEntry {
  /** As it stands in the archive; nothing is made clean. */
  readonly name: string;
  /** typeflag of ustar: 0 file, 1 hard link, 2 symbolic link, 3 character device, 4 block device, 5 folder, 6 fifo. */
  readonly type?: "0" | "1" | "2" | "3" | "4" | "5" | "6";
  readonly mode?: number;
  readonly content?: string;
  readonly link?: string;
  readonly device?: readonly [number, number];
}

export interface DebSpec {
  readonly name: string;
  readonly version?: string;
  /** More fields of the control file: `Depends`, `Conflicts`… */
  readonly fields?: Readonly<Record<string, string>>;
  readonly files?: readonly TarEntry[];
  /** Shell text of maintainer scripts, by name. */
  readonly scripts?: Readonly<Record<string, string>>;
}

export interface Deb {
  readonly name: string;
  readonly version: string;
  readonly control: string;
  readonly bytes: Buffer;
  readonly sha256: string;
  /** Below the archive's root. */
  readonly path: string;
}

export function makeDeb({ name, version = "1.0", fields = {}, files = [], scripts = {} }: DebSpec): Deb {
  const all = {
    Package: name,
    Version: version,
    Architecture: "all",
    Maintainer: "Nobody <nobody@example.org>",
    ...fields,
    Description: "made for a test",
  };
  const control = Object.entries(all)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join("");
  const members = [
    { name: "./control", content: control },
    ...Object.entries(scripts).map(([script, text]) => ({
      name: `./${script}`,
      mode: 0o755,
      content: `#!/bin/sh\nset -e\n${text}\n`,
    })),
  ];
  const bytes = ar([
    ["debian-binary", Buffer.from("2.0\n")],
    ["control.tar.gz", gzipSync(tar(members))],
    ["data.tar.gz", gzipSync(tar([{ name: "./", type: "5", mode: 0o755 }, ...files]))],
  ]);
  const plainVersion = version.replace(":", "%3a");
  return {
    name,
    version,
    control,
    bytes,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    path: `pool/${name}_${plainVersion}_all.deb`,
  };
}

function ar(members: readonly (readonly [string, Buffer])[]): Buffer {
  const pieces: Buffer[] = [Buffer.from("!<arch>\n")];
  for (const [name, content] of members) {
    const head = `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}${String(content.length).padEnd(10)}\`\n`;
    pieces.push(Buffer.from(head), content, Buffer.from(content.length % 2 === 0 ? "" : "\n"));
  }
  return Buffer.concat(pieces);
}

export function tar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(tarEntry), Buffer.alloc(1024)]);
}

function tarEntry({ name, type = "0", mode = 0o644, content = "", link = "", device = [0, 0] }: TarEntry): Buffer[] {
  const body = Buffer.from(content);
  const head = Buffer.alloc(512);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  head.write(name, 0, 100);
  head.write(octal(mode, 7), 100);
  head.write(octal(0, 7), 108);
  head.write(octal(0, 7), 116);
  head.write(octal(body.length, 11), 124);
  head.write(octal(0, 11), 136);
  head.write("        ", 148);
  head.write(type, 156);
  head.write(link, 157, 100);
  head.write("ustar\0", 257, "latin1");
  head.write("00", 263);
  head.write("root", 265);
  head.write("root", 297);
  head.write(octal(device[0], 7), 329);
  head.write(octal(device[1], 7), 337);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${octal(sum, 6)}\0 `, 148, "latin1");
  return [head, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
}
