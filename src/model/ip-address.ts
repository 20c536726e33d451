/**
 * IP addresses: text to number and back, and whether one lies in a range. Strict: one way to write an IPv4 address, and
 * no zone behind an IPv6 one, so that two readers of the same text cannot disagree.
 */

export interface IpAddress {
  readonly family: 4 | 6;
  /** 32 or 128 bits. */
  readonly bits: bigint;
}

/** All addresses whose first bits are these. */
export interface IpRange extends IpAddress {
  readonly prefix: number;
}

/** @returns undefined for what is no address; `127.1`, `0177.0.0.1` and `fe80::1%eth0` are none */
export function parseIp(text: string): IpAddress | undefined {
  if (text.length > 45) return undefined;
  const four = fourBits(text);
  if (four !== undefined) return { family: 4, bits: four };
  const six = sixBits(text);
  return six === undefined ? undefined : { family: 6, bits: six };
}

/** `192.0.2.0/24`, or an address alone: then the range is that one. */
export function parseIpRange(text: string): IpRange | undefined {
  const [address = "", length, ...rest] = text.split("/");
  const ip = parseIp(address);
  if (ip === undefined || rest.length > 0) return undefined;
  if (length === undefined) return { ...ip, prefix: widthOf(ip) };
  const prefix = /^(0|[1-9][0-9]{0,2})$/.test(length) ? Number(length) : Number.NaN;
  return prefix <= widthOf(ip) ? { ...ip, prefix } : undefined;
}

/** Bits of an address of its family. */
export function widthOf({ family }: Pick<IpAddress, "family">): 32 | 128 {
  return family === 4 ? 32 : 128;
}

export function isInRange(ip: IpAddress, range: IpRange): boolean {
  if (ip.family !== range.family) return false;
  const behind = BigInt(widthOf(ip) - range.prefix);
  return ip.bits >> behind === range.bits >> behind;
}

/** There is an address in both: one of the two lies in the other. */
export function rangesMeet(left: IpRange, right: IpRange): boolean {
  return left.prefix >= right.prefix ? isInRange(left, right) : isInRange(right, left);
}

/** The first address of a range: what is behind the prefix is zero. */
export function firstOfRange({ family, bits, prefix }: IpRange): IpAddress {
  const behind = BigInt(widthOf({ family }) - prefix);
  return { family, bits: (bits >> behind) << behind };
}

/** As RFC 5952 writes it: lower case, the longest run of zeros left out. */
export function ipText({ family, bits }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => Number((bits >> BigInt(112 - 16 * index)) & 0xffffn));
  let start = -1;
  let length = 1;
  for (let at = 0; at < 8; at++) {
    let run = 0;
    while (groups[at + run] === 0) run += 1;
    if (run > length) [start, length] = [at, run];
  }
  const shown = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  return start < 0 ? shown(groups) : `${shown(groups.slice(0, start))}::${shown(groups.slice(start + length))}`;
}

function fourBits(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255))
    return undefined;
  return parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function sixBits(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2 || !text.includes(":")) return undefined;
  const [head, tail] = halves.map((half, index) => groupsOf(half, index === halves.length - 1));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const left = 8 - head.length - (tail?.length ?? 0);
  if (halves.length === 2 ? left < 1 : left !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: left }, () => 0), ...(tail ?? [])];
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(group), 0n);
}

/** @param last - it ends the address, and so may end in an IPv4 address */
function groupsOf(half: string, last: boolean): readonly number[] | undefined {
  if (half === "") return [];
  const parts = half.split(":");
  const out: number[] = [];
  for (const [index, part] of parts.entries()) {
    const four = last && index === parts.length - 1 ? fourBits(part) : undefined;
    if (four !== undefined) out.push(Number(four >> 16n), Number(four & 0xffffn));
    else if (/^[0-9a-f]{1,4}$/i.test(part)) out.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return out;
}
