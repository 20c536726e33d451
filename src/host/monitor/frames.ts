/**
 * Frames: what a machine behind a provider's port may send, and to whom a frame of the provider's goes. Pure.
 *
 * A port has one station behind it: one MAC address and the IP addresses that were given to it. A frame that says anything
 * else of itself is dropped, whatever it is. Read in one pass, and only as far as the sender is named; what is not of the
 * few forms below is dropped unread. Sources: IEEE 802.3, RFC 826, 791, 8200, 4861, 2131, 8415.
 *
 * Invariants
 * - What `checkSent` passes has the station's own addresses in every place that names a sender.
 * - `stationFor` gives a frame to one station at the most: two stations never hear of each other.
 */

/** Addresses as plain bytes: what is compared is never text. */
export interface Station {
  /** The deployment behind the port. */
  readonly name: string;
  readonly mac: Buffer;
  readonly ipv4: Buffer;
  /** May be empty: then nothing of IPv6 is let through. */
  readonly ipv6: readonly Buffer[];
}

export type Drop =
  | "short"
  | "oversize"
  | "source-mac"
  | "not-for-provider"
  | "tagged"
  | "other-protocol"
  | "arp-malformed"
  | "arp-sender"
  | "ipv4-malformed"
  | "ipv4-source"
  | "dhcp-server"
  | "ipv6-malformed"
  | "ipv6-source"
  | "router-advertisement"
  | "neighbour"
  | "queue-full";

const HEADER_BYTES = 14;

/** Ports have the usual size of packets. */
const FRAME_BYTES_LIMIT = HEADER_BYTES + 1500;

const ARP = 0x0806;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;

/** 802.1Q, 802.1ad, and the older one of the same meaning. */
const TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);

const BROADCAST = Buffer.alloc(6, 0xff);
const NOBODY_4 = Buffer.alloc(4);
const NOBODY_6 = Buffer.alloc(16);

/** @returns why the frame is dropped; undefined where it may pass to the provider */
export function checkSent(frame: Buffer, station: Station, provider: Buffer): Drop | undefined {
  if (frame.length < HEADER_BYTES) return "short";
  if (frame.length > FRAME_BYTES_LIMIT) return "oversize";
  if (!frame.subarray(6, 12).equals(station.mac)) return "source-mac";
  const to = frame.subarray(0, 6);
  const type = frame.readUInt16BE(12);
  const payload = frame.subarray(HEADER_BYTES);
  if (TAGS.has(type)) return "tagged";
  if (type === ARP)
    return to.equals(provider) || to.equals(BROADCAST) ? checkArp(payload, station) : "not-for-provider";
  if (type === IPV4) return to.equals(provider) ? checkIpv4(payload, station) : "not-for-provider";
  if (type !== IPV6) return "other-protocol";
  const group = to[0] === 0x33 && to[1] === 0x33;
  return group || to.equals(provider) ? checkIpv6(payload, station) : "not-for-provider";
}

const ARP_BYTES = 28;
/** Ethernet, IPv4, and the lengths of their addresses. */
const ARP_KIND = Buffer.from([0, 1, 8, 0, 6, 4]);

function checkArp(packet: Buffer, { mac, ipv4 }: Station): Drop | undefined {
  if (packet.length < ARP_BYTES || !packet.subarray(0, 6).equals(ARP_KIND)) return "arp-malformed";
  const operation = packet.readUInt16BE(6);
  if (operation !== 1 && operation !== 2) return "arp-malformed";
  if (!packet.subarray(8, 14).equals(mac)) return "arp-sender";
  const sender = packet.subarray(14, 18);
  // Who asks whether an address is free names no sender yet.
  const asks = operation === 1 && sender.equals(NOBODY_4);
  return asks || sender.equals(ipv4) ? undefined : "arp-sender";
}

const IPV4_BYTES = 20;
const UDP = 17;
const UDP_BYTES = 8;

function checkIpv4(packet: Buffer, { ipv4 }: Station): Drop | undefined {
  if (packet.length < IPV4_BYTES) return "ipv4-malformed";
  // No options: some name a way, and with it other senders.
  if (packet[0] !== 0x45) return "ipv4-malformed";
  const total = packet.readUInt16BE(2);
  if (total < IPV4_BYTES || total > packet.length) return "ipv4-malformed";
  if (!packet.subarray(12, 16).equals(ipv4)) return "ipv4-source";
  const begins = (packet.readUInt16BE(6) & 0x1fff) === 0;
  if (packet[9] !== UDP || !begins) return undefined;
  if (total < IPV4_BYTES + UDP_BYTES) return "ipv4-malformed";
  return packet.readUInt16BE(IPV4_BYTES) === 67 ? "dhcp-server" : undefined;
}

const IPV6_BYTES = 40;
const ICMP6 = 58;
const TCP = 6;

const ROUTER_ADVERTISEMENT = 134;
const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
const REDIRECT = 137;

function checkIpv6(packet: Buffer, station: Station): Drop | undefined {
  if (packet.length < IPV6_BYTES || (packet[0] ?? 0) >> 4 !== 6) return "ipv6-malformed";
  const length = packet.readUInt16BE(4);
  if (length > packet.length - IPV6_BYTES) return "ipv6-malformed";
  const next = packet[6];
  // Behind an extension header a message to neighbours could hide.
  if (next !== TCP && next !== UDP && next !== ICMP6) return "ipv6-malformed";
  const body = packet.subarray(IPV6_BYTES, IPV6_BYTES + length);
  const from = packet.subarray(8, 24);
  const own = isOwn(from, station);
  if (next === ICMP6) {
    if (body.length < 4) return "ipv6-malformed";
    const type = body[0] ?? 0;
    if (type === ROUTER_ADVERTISEMENT || type === REDIRECT) return "router-advertisement";
    if (type === NEIGHBOUR_SOLICITATION || type === NEIGHBOUR_ADVERTISEMENT)
      return checkNeighbour(body, { type, from }, station);
  }
  if (!own) return "ipv6-source";
  if (next !== UDP) return undefined;
  if (body.length < UDP_BYTES) return "ipv6-malformed";
  return body.readUInt16BE(0) === 547 ? "dhcp-server" : undefined;
}

const NEIGHBOUR_BYTES = 24;

/** Whose address it says it is, or looks for: each option is the sender's own link address, or none is there. */
function checkNeighbour(
  body: Buffer,
  { type, from }: { readonly type: number; readonly from: Buffer },
  station: Station,
): Drop | undefined {
  if (body.length < NEIGHBOUR_BYTES) return "ipv6-malformed";
  const target = body.subarray(8, 24);
  const asks = type === NEIGHBOUR_SOLICITATION;
  const unnamed = asks && from.equals(NOBODY_6);
  if (!unnamed && !isOwn(from, station)) return "ipv6-source";
  if ((!asks || unnamed) && !isOwn(target, station)) return "neighbour";
  for (let at = NEIGHBOUR_BYTES; at < body.length; ) {
    // Eight bytes each: kind, length in eights, a link address.
    if (body.length - at < 8 || body[at + 1] !== 1) return "ipv6-malformed";
    if (!body.subarray(at + 2, at + 8).equals(station.mac)) return "neighbour";
    at += 8;
  }
  return undefined;
}

function isOwn(address: Buffer, { ipv6 }: Station): boolean {
  return ipv6.some((one) => one.equals(address));
}

/**
 * Whom a frame of the provider's is for: by its link address; where it is for everybody, by the one that it looks for.
 *
 * @returns undefined for what is for nobody, or for more than one
 */
export function stationFor(frame: Buffer, stations: Iterable<Station>, provider: Buffer): Station | undefined {
  if (frame.length < HEADER_BYTES || frame.length > FRAME_BYTES_LIMIT) return undefined;
  if (!frame.subarray(6, 12).equals(provider)) return undefined;
  const type = frame.readUInt16BE(12);
  const payload = frame.subarray(HEADER_BYTES);
  if (type !== ARP && type !== IPV4 && type !== IPV6) return undefined;
  const to = frame.subarray(0, 6);
  const sought = soughtBy(to, type, payload);
  for (const station of stations) {
    if (to.equals(station.mac)) return station;
    if (sought !== undefined && (sought.equals(station.ipv4) || isOwn(sought, station))) return station;
  }
  return undefined;
}

/** The address that a question to everybody is about. */
function soughtBy(to: Buffer, type: number, payload: Buffer): Buffer | undefined {
  if (type === ARP && to.equals(BROADCAST) && payload.length >= ARP_BYTES) return payload.subarray(24, 28);
  const group = to[0] === 0x33 && to[1] === 0x33;
  const asks = payload[6] === ICMP6 && payload[IPV6_BYTES] === NEIGHBOUR_SOLICITATION;
  const whole = payload.length >= IPV6_BYTES + NEIGHBOUR_BYTES;
  return type === IPV6 && group && asks && whole
    ? payload.subarray(IPV6_BYTES + 8, IPV6_BYTES + NEIGHBOUR_BYTES)
    : undefined;
}

const LENGTH_BYTES = 4;

/** More than any card sends; what says it is longer is no stream of frames. */
const CARD_BYTES_LIMIT = 65_550;

/** Cuts a VMM's stream into frames: each is a length, as four bytes with the highest first, and that many bytes. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** @returns whole frames; undefined where the stream makes no sense any more, and is to be shut */
  read(piece: Buffer): readonly Buffer[] | undefined {
    let rest = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const frames: Buffer[] = [];
    while (rest.length >= LENGTH_BYTES) {
      const length = rest.readUInt32BE(0);
      if (length === 0 || length > CARD_BYTES_LIMIT) return undefined;
      if (rest.length < LENGTH_BYTES + length) break;
      frames.push(rest.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
      rest = rest.subarray(LENGTH_BYTES + length);
    }
    this.#rest = Buffer.from(rest);
    return frames;
  }
}

/** A frame as it goes over such a stream. */
export function framed(frame: Buffer): Buffer {
  const out = Buffer.allocUnsafe(LENGTH_BYTES + frame.length);
  out.writeUInt32BE(frame.length);
  frame.copy(out, LENGTH_BYTES);
  return out;
}
