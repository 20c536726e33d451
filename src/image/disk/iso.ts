/**
 * ISO: what an image of a CD says of itself, read as if a stranger had made it. Pure.
 *
 * Only to say of a file that its end is missing, or that no firmware will start anything from it; nothing is found or opened
 * by it. Source: ECMA-119 (ISO 9660), ECMA-167 (UDF), the El Torito specification.
 */

export const CD_SECTOR_BYTES = 2048;

/** Where its descriptors begin, and as many as are looked at. */
export const DESCRIPTORS = { at: 16 * CD_SECTOR_BYTES, bytes: 16 * CD_SECTOR_BYTES } as const;

/** Both firmwares look for it here, and nowhere else. */
const BOOT_RECORD = CD_SECTOR_BYTES;

/** Of what can be started; of a longer one the rest is not looked at. */
export const CATALOG_BYTES = 2048;

export interface Iso {
  /** The file must have as many bytes, at least. */
  readonly leastBytes: number;
  /** Byte in the file where the list begins of what can be started; undefined where there is none. */
  readonly catalogAt: number | undefined;
  /** UEFI may find a program by the file system of newer disks. */
  readonly udf: boolean;
}

/** Which firmware starts something from it. */
export interface Starts {
  readonly bios: boolean;
  readonly uefi: boolean;
}

/** @param descriptors - the bytes at {@link DESCRIPTORS}. @returns undefined where it is no CD */
export function readIso(descriptors: Buffer): Iso | undefined {
  let sectors: number | undefined;
  let udf = false;
  for (let at = 0; at + CD_SECTOR_BYTES <= descriptors.length; at += CD_SECTOR_BYTES) {
    const mark = descriptors.toString("latin1", at + 1, at + 6);
    if (mark === "NSR02" || mark === "NSR03") udf = true;
    if (mark === "CD001" && descriptors[at] === 1) sectors ??= descriptors.readUInt32LE(at + 80);
  }
  if (sectors === undefined && !udf) return undefined;
  const catalogAt = hasRecord(descriptors) ? descriptors.readUInt32LE(BOOT_RECORD + 71) * CD_SECTOR_BYTES : undefined;
  return { leastBytes: (sectors ?? 0) * CD_SECTOR_BYTES, catalogAt, udf };
}

function hasRecord(descriptors: Buffer): boolean {
  return (
    descriptors.length >= BOOT_RECORD + CD_SECTOR_BYTES &&
    descriptors.toString("latin1", BOOT_RECORD, BOOT_RECORD + 30) === "\0CD001\x01EL TORITO SPECIFICATION"
  );
}

const ENTRY_BYTES = 32;
const STARTS = 0x88;
const [FOR_BIOS, FOR_UEFI] = [0x00, 0xef];

/** @param catalog - the bytes at the place that the ISO names for it */
export function readCatalog(catalog: Buffer): Starts {
  const none = { bios: false, uefi: false };
  if (catalog.length < 2 * ENTRY_BYTES || catalog[0] !== 1 || catalog.readUInt16LE(30) !== 0xaa_55) return none;
  let platform = catalog[1];
  const isStarted = catalog[ENTRY_BYTES] === STARTS;
  // BIOS reads no further than the first entry.
  const bios = platform === FOR_BIOS && isStarted;
  let uefi = platform === FOR_UEFI && isStarted;
  for (let at = 2 * ENTRY_BYTES; at + ENTRY_BYTES <= catalog.length; at += ENTRY_BYTES) {
    const kind = catalog[at];
    if (kind === 0x90 || kind === 0x91) platform = catalog[at + 1];
    else if (kind === STARTS && platform === FOR_UEFI) uefi = true;
  }
  return { bios, uefi };
}
