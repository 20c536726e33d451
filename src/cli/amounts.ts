/** Amounts as people write them: `30d` for a time, `2GB` for a size. What is not exactly that is refused. */

const HOUR_MS = 60 * 60 * 1000;

const AGES: Readonly<Record<string, number>> = {
  s: 1000,
  m: HOUR_MS / 60,
  h: HOUR_MS,
  d: 24 * HOUR_MS,
  w: 7 * 24 * HOUR_MS,
};

/** @returns whole milliseconds */
export function parseAge(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,5})([smhdw])$/.exec(text) ?? [];
  const factor = AGES[unit];
  if (factor === undefined) throw new Error(`${JSON.stringify(text)} is no time; write 12h, 30d or 8w`);
  return Number(count) * factor;
}

const SIZES: Readonly<Record<string, number>> = {
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** @returns whole bytes */
export function parseSize(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,6}(?:\.\d{1,3})?)([MGT]i?B)$/.exec(text) ?? [];
  const factor = SIZES[unit];
  if (factor === undefined) throw new Error(`${JSON.stringify(text)} is no size; write 500MB, 2GB or 1.5GiB`);
  return Math.floor(Number(count) * factor);
}
