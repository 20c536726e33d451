/** Disks with systems of their own, for tests: one of a single sector, and one with Debian's kernel. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./trial.fixture.ts";

const SECTOR = 512;

/** What the disk's second sector says at first. */
export const AS_IT_WAS = "as it was";

/** A disk with the system of fixtures/boot-sector.s. @param folder - for what is made on the way */
export function smallDisk(folder: string, bytes = 1024 * 1024): Buffer {
  const object = join(folder, "boot.o");
  const binary = join(folder, "boot.bin");
  execFileSync("/usr/bin/as", ["--32", "-o", object, join(ROOT, "tests/journeys/fixtures/boot-sector.s")]);
  execFileSync("/usr/bin/ld", ["-m", "elf_i386", "--oformat", "binary", "-Ttext", "0x7c00", "-o", binary, object]);
  const disk = Buffer.alloc(bytes);
  execFileSync("/usr/bin/cat", [binary]).copy(disk);
  disk.write(`${AS_IT_WAS}\r\n\0`, SECTOR);
  return disk;
}
