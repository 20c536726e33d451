/** Frames for tests, put together by their fields. */

export const PROVIDER = bytes("02534b000001");
export const STATION = {
  name: "ada",
  mac: bytes("02534b000005"),
  ipv4: Buffer.from([100, 127, 0, 5]),
  ipv6: [bytes("fe8000000000000000534bfffe000005")],
} as const;
export const OTHER = {
  name: "bob",
  mac: bytes("02534b000006"),
  ipv4: Buffer.from([100, 127, 0, 6]),
  ipv6: [bytes("fe8000000000000000534bfffe000006")],
} as const;
export const EVERYBODY = bytes("ffffffffffff");

export function bytes(hex: string): Buffer {
  return Buffer.from(hex, "hex");
}

export function ethernet(type: number, payload: Buffer, { from = STATION.mac, to = PROVIDER } = {}): Buffer {
  const kind = Buffer.alloc(2);
  kind.writeUInt16BE(type);
  return Buffer.concat([to, from, kind, payload]);
}

export function arp(operation: number, { mac = STATION.mac, ip = STATION.ipv4, sought = OTHER.ipv4 } = {}): Buffer {
  return Buffer.concat([bytes("000108000604"), Buffer.from([0, operation]), mac, ip, Buffer.alloc(6), sought]);
}

export function ipv4(protocol: number, body: Buffer, { from = STATION.ipv4 } = {}): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + body.length, 2);
  header[9] = protocol;
  from.copy(header, 12);
  header.set([192, 0, 2, 1], 16);
  return Buffer.concat([header, body]);
}

/** Of UDP; the first bytes are what counts. */
export function ports(source: number, destination: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(source, 0);
  header.writeUInt16BE(destination, 2);
  return header;
}

export function ipv6(next: number, body: Buffer, { from = STATION.ipv6[0] } = {}): Buffer {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(body.length, 4);
  header[6] = next;
  from.copy(header, 8);
  return Buffer.concat([header, body]);
}

/** A message to neighbours, with one link address at its end. */
export function neighbour(type: number, target: Buffer, mac: Buffer = STATION.mac): Buffer {
  return Buffer.concat([Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]), target, Buffer.from([1, 1]), mac]);
}
