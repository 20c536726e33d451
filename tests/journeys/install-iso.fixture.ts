/**
 * An ISO that installs, for tests: BIOS starts it as a CD (El Torito), and it writes the system of fixtures/boot-sector.s to
 * the first disk. Sixty kilobytes, made by the assembler and by what makes disks for cloud-init.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { seedIso } from "../../src/image/index.ts";
import { smallDisk } from "./own-system.fixture.ts";
import { ROOT } from "./trial.fixture.ts";

const SECTOR = 2048;
const VOLUME = 16 * SECTOR;

/** Where the standard wants the record that leads to what is started; a plain ISO of ours has names for Windows there. */
const BOOT_RECORD = 17 * SECTOR;

/** Of the disk to come: its system, and that one's words. */
const WRITTEN_BYTES = 1024;

/**
 * @param folder - for what is made on the way
 * @param then - what it does when it has written
 */
export function installingIso(folder: string, then: "ends" | "reboots"): Buffer {
  const plain = seedIso("installer", [{ name: "readme", content: Buffer.from("it installs\n") }]);
  const first = plain.length / SECTOR;
  const loaded = Buffer.concat([installer(folder, then), smallDisk(folder).subarray(0, WRITTEN_BYTES)]);
  const iso = Buffer.concat([plain, Buffer.alloc(2 * SECTOR)]);
  iso.writeUInt32LE(first + 2, VOLUME + 80);
  iso.writeUInt32BE(first + 2, VOLUME + 84);
  iso.fill(0, BOOT_RECORD, BOOT_RECORD + SECTOR);
  iso.write("\0CD001\x01EL TORITO SPECIFICATION", BOOT_RECORD, "latin1");
  iso.writeUInt32LE(first, BOOT_RECORD + 71);
  catalog(first + 1, loaded.length / 512).copy(iso, first * SECTOR);
  loaded.copy(iso, (first + 1) * SECTOR);
  return iso;
}

/** One entry, for BIOS, that is no picture of a floppy disk. */
function catalog(at: number, sectors: number): Buffer {
  const out = Buffer.alloc(64);
  out.writeUInt8(1, 0);
  out.writeUInt16LE(0xaa_55, 30);
  // Sixteen numbers that give nothing together.
  out.writeUInt16LE(0x1_00_00 - 0xaa_55 - 1, 28);
  out.writeUInt8(0x88, 32);
  out.writeUInt16LE(sectors, 38);
  out.writeUInt32LE(at, 40);
  return out;
}

function installer(folder: string, then: "ends" | "reboots"): Buffer {
  const [object, binary] = [join(folder, "install.o"), join(folder, "install.bin")];
  const source = join(ROOT, "tests/journeys/fixtures/install-sector.s");
  const reboots = `reboots=${then === "reboots" ? 1 : 0}`;
  execFileSync("/usr/bin/as", ["--32", "--defsym", reboots, "-o", object, source]);
  execFileSync("/usr/bin/ld", ["-m", "elf_i386", "--oformat", "binary", "-Ttext", "0x7c00", "-o", binary, object]);
  return execFileSync("/usr/bin/cat", [binary]);
}
