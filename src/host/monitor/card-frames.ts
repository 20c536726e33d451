/**
 * Card frames: what passes between a machine's network card and passt, frame by frame, as QEMU streams them: four bytes of
 * length, then an Ethernet frame. Pure.
 *
 * Invariants
 * - A frame that the machine sends under another address than its own, of whatever layer, goes no further.
 * - A length that no frame has ends the stream. Nothing else that a machine sends does.
 */

/** The card's own addresses. */
export interface Own {
  readonly mac: Buffer;
  readonly four: Buffer;
  readonly six: Buffer;
  /** Whoever is in the machine learns its address by DHCP. */
  readonly asks: boolean;
}

const PREFIX_BYTES = 4;

const HEADER_BYTES = 14;

/** The largest packet of IP, in a frame. */
const FRAME_BYTES_LIMIT = HEADER_BYTES + 65_535;

/** Cuts a stream into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** @returns whole frames with their lengths before them; undefined where the stream is none of frames */
  read(piece: Buffer): readonly Buffer[] | undefined {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const frames: Buffer[] = [];
    let at = 0;
    while (bytes.length - at >= PREFIX_BYTES) {
      const length = bytes.readUInt32BE(at);
      if (length < HEADER_BYTES || length > FRAME_BYTES_LIMIT) return undefined;
      const end = at + PREFIX_BYTES + length;
      if (end > bytes.length) break;
      frames.push(bytes.subarray(at, end));
      at = end;
    }
    this.#rest = bytes.subarray(at);
    return frames;
  }
}

const FAMILY = { ARP: 0x0806, FOUR: 0x0800, SIX: 0x86dd } as const;

const [TCP, UDP, HOP_BY_HOP, ICMP6] = [6, 17, 0, 58];

/** @param framed - with its length before it */
export function isOwn(framed: Buffer, { mac, four, six, asks }: Own): boolean {
  const frame = framed.subarray(PREFIX_BYTES);
  if (!holds(frame, 6, mac)) return false;
  const packet = frame.subarray(HEADER_BYTES);
  switch (frame.readUInt16BE(12)) {
    case FAMILY.ARP:
      // Ethernet and IPv4, and who asks is the card: by both of its addresses.
      return (
        packet.length >= 28 &&
        packet.readUInt32BE(0) === 0x0001_0800 &&
        packet.readUInt16BE(4) === 0x0604 &&
        holds(packet, 8, mac) &&
        (holds(packet, 14, four) || isZero(packet.subarray(14, 18)))
      );
    case FAMILY.FOUR:
      if (packet.length < 20 || (packet[0] ?? 0) >> 4 !== 4) return false;
      return holds(packet, 12, four) || (asks && asksForAddress(packet));
    case FAMILY.SIX:
      if (packet.length < 40 || (packet[0] ?? 0) >> 4 !== 6) return false;
      if (holds(packet, 8, six)) return true;
      // Neighbours are asked for from where one is on the link, or from nowhere.
      return (isLinkLocal(packet) || isZero(packet.subarray(8, 24))) && [HOP_BY_HOP, ICMP6].includes(packet[6] ?? -1);
    default:
      return false;
  }
}

/**
 * Where nobody listens, older versions of passt answer a connection's first packet with a reset that acknowledges nothing,
 * and Linux takes no notice of one. The number is in it; only the flag is missing.
 *
 * @param framed - changed in its place
 */
export function acknowledgeReset(framed: Buffer): void {
  const at = PREFIX_BYTES + HEADER_BYTES;
  if (framed.length < at + 20) return;
  const family = framed.readUInt16BE(PREFIX_BYTES + 12);
  const first = framed[at] ?? 0;
  let tcp: number;
  if (family === FAMILY.FOUR && framed[at + 9] === TCP) tcp = at + (first & 0x0f) * 4;
  else if (family === FAMILY.SIX && framed[at + 6] === TCP) tcp = at + 40;
  else return;
  if (framed.length < tcp + 20) return;
  const word = framed.readUInt16BE(tcp + 12);
  if ((word & RESET) === 0 || (word & ACKNOWLEDGES) !== 0) return;
  const changed = word | ACKNOWLEDGES;
  framed.writeUInt16BE(changed, tcp + 12);
  // RFC 1624.
  let sum = (~framed.readUInt16BE(tcp + 16) & 0xffff) + (~word & 0xffff) + changed;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  framed.writeUInt16BE(~sum & 0xffff, tcp + 16);
}

const [RESET, ACKNOWLEDGES] = [0x04, 0x10];

/** DHCP (RFC 2131, 4.1): from nowhere, to everybody, in one piece. */
function asksForAddress(packet: Buffer): boolean {
  return (
    packet.length >= 28 &&
    packet[0] === 0x45 &&
    (packet.readUInt16BE(6) & 0x3f_ff) === 0 &&
    packet[9] === UDP &&
    packet.readUInt32BE(12) === 0 &&
    packet.readUInt32BE(16) === 0xff_ff_ff_ff &&
    packet.readUInt16BE(20) === 68 &&
    packet.readUInt16BE(22) === 67
  );
}

function holds(bytes: Buffer, at: number, wanted: Buffer): boolean {
  return bytes.subarray(at, at + wanted.length).equals(wanted);
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

/** fe80::/10. */
function isLinkLocal(packet: Buffer): boolean {
  return packet[8] === 0xfe && ((packet[9] ?? 0) & 0xc0) === 0x80;
}
