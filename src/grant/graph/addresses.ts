/**
 * Addresses: ranges of IP addresses as numbers, so that it can be said whether two of them meet.
 *
 * The network itself is decided on elsewhere, by each single connection; here rules are compared with questions.
 */

/** Both ends belong to it. */
export interface AddressRange {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

/** @returns undefined where the text is no address, or the prefix is too long for it */
export function rangeOf(address: string, prefix?: number): AddressRange | undefined {
  const four = number4(address);
  const value = four ?? number6(address);
  if (value === undefined) return undefined;
  const family = four === undefined ? 6 : 4;
  const bits = family === 4 ? 32 : 128;
  const length = prefix ?? bits;
  if (!Number.isInteger(length) || length < 0 || length > bits) return undefined;
  const size = 1n << BigInt(bits - length);
  const first = value - (value % size);
  return { family, first, last: first + size - 1n };
}

/** Four decimal numbers without leading zeros, which some programs read as octal. */
function number4(text: string): bigint | undefined {
  if (!/^(?:(?:0|[1-9][0-9]{0,2})(?:\.|$)){4}$/.test(text) || text.endsWith(".")) return undefined;
  const parts = text.split(".").map(Number);
  if (parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

/** RFC 4291, 2.2: eight groups, of which one run of zeros may be left out; the last two may be an IPv4 address. */
function number6(text: string): bigint | undefined {
  if (text.length > 45 || !/^[0-9a-fA-F:.]+$/.test(text)) return undefined;
  const dotted = text.includes(".") ? number4(text.slice(text.lastIndexOf(":") + 1)) : undefined;
  if (text.includes(".") && dotted === undefined) return undefined;
  const plain =
    dotted === undefined
      ? text
      : `${text.slice(0, text.lastIndexOf(":") + 1)}${(dotted >> 16n).toString(16)}:${(dotted & 0xffffn).toString(16)}`;
  const halves = plain.split("::");
  if (halves.length > 2) return undefined;
  const [before = [], after = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - before.length - after.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...before, ...Array.from({ length: missing }, () => "0"), ...after];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}

export function rangesMeet(left: AddressRange, right: AddressRange): boolean {
  return left.family === right.family && left.first <= right.last && right.first <= left.last;
}

function known(address: string, prefix: number): AddressRange {
  const range = rangeOf(address, prefix);
  if (range === undefined) throw new Error(`${address}/${prefix} is no range`);
  return range;
}

const LOOPBACK: readonly AddressRange[] = [known("127.0.0.0", 8), known("::1", 128)];

/** Private, link-local, shared and other ranges that do not lead to the internet, as the wall has them, too. */
const LAN: readonly AddressRange[] = [
  known("10.0.0.0", 8),
  known("100.64.0.0", 10),
  known("169.254.0.0", 16),
  known("172.16.0.0", 12),
  known("192.0.0.0", 24),
  known("192.168.0.0", 16),
  known("224.0.0.0", 4),
  known("64:ff9b:1::", 48),
  known("fc00::", 7),
  known("fe80::", 10),
  known("fec0::", 10),
  known("ff00::", 8),
];

/** What no grant opens. */
const NOWHERE: readonly AddressRange[] = [
  known("0.0.0.0", 8),
  known("198.18.0.0", 15),
  known("240.0.0.0", 4),
  known("::", 96),
  known("::ffff:0:0", 96),
  known("2001::", 32),
  known("2002::", 16),
];

export function meetsLoopback(range: AddressRange): boolean {
  return LOOPBACK.some((one) => rangesMeet(one, range));
}

export function meetsLan(range: AddressRange): boolean {
  return LAN.some((one) => rangesMeet(one, range));
}

/** Has an address that neither belongs to this host or a private network nor leads nowhere. */
export function meetsInternet(range: AddressRange): boolean {
  return ![...LOOPBACK, ...LAN, ...NOWHERE].some(
    (one) => one.family === range.family && one.first <= range.first && range.last <= one.last,
  );
}
