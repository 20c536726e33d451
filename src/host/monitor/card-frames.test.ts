import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { acknowledgeReset, FrameReader, isOwn, type Own } from "./card-frames.ts";

const OWN: Own = {
  mac: Buffer.from("525400536b02", "hex"),
  four: Buffer.from("c6120002", "hex"),
  six: Buffer.from("20010002000000000000000000000002", "hex"),
  asks: false,
};

const OTHER = Buffer.from("525400536b03", "hex");
const GATEWAY = Buffer.from("525400536b01", "hex");

function framed(frame: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(frame.length);
  return Buffer.concat([length, frame]);
}

/** An Ethernet frame with its length before it. */
function ethernet(type: number, packet: Buffer, from = OWN.mac): Buffer {
  return framed(Buffer.concat([GATEWAY, from, Buffer.from([type >> 8, type & 0xff]), packet]));
}

function four(source: Buffer): Buffer {
  const packet = Buffer.alloc(40);
  packet[0] = 0x45;
  packet[9] = 6;
  source.copy(packet, 12);
  return packet;
}

function six(source: Buffer, next: number): Buffer {
  const packet = Buffer.alloc(60);
  packet[0] = 0x60;
  packet[6] = next;
  source.copy(packet, 8);
  return packet;
}

function arp(mac: Buffer, sender: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from("0001080006040001", "hex"),
    mac,
    sender,
    Buffer.alloc(6),
    Buffer.from([9, 9, 9, 9]),
  ]);
}

test("what a machine sends from its own addresses goes on", () => {
  const linkLocal = Buffer.from("fe80000000000000505400fffe536b02", "hex");
  for (const frame of [
    ethernet(0x0800, four(OWN.four)),
    ethernet(0x86dd, six(OWN.six, 6)),
    ethernet(0x86dd, six(linkLocal, 58)),
    ethernet(0x86dd, six(Buffer.alloc(16), 58)),
    ethernet(0x0806, arp(OWN.mac, OWN.four)),
    ethernet(0x0806, arp(OWN.mac, Buffer.alloc(4))),
  ])
    assert.ok(isOwn(frame, OWN), frame.toString("hex"));
});

test("what it sends under the address of somebody else goes nowhere", () => {
  const neighbour = Buffer.from("c6120003", "hex");
  const neighbour6 = Buffer.from("20010002000000000000000000000003", "hex");
  const linkLocal = Buffer.from("fe80000000000000505400fffe536b02", "hex");
  for (const frame of [
    ethernet(0x0800, four(OWN.four), OTHER),
    ethernet(0x0800, four(neighbour)),
    ethernet(0x0800, four(Buffer.from([127, 0, 0, 1]))),
    ethernet(0x86dd, six(neighbour6, 6)),
    ethernet(0x86dd, six(linkLocal, 6)),
    ethernet(0x0806, arp(OTHER, OWN.four)),
    ethernet(0x0806, arp(OWN.mac, neighbour)),
    ethernet(0x8100, four(OWN.four)),
    ethernet(0x0800, Buffer.alloc(0)),
    ethernet(0x86dd, Buffer.from([0x60])),
    ethernet(0x0800, six(OWN.six, 6)),
  ])
    assert.ok(!isOwn(frame, OWN), frame.toString("hex"));
});

test("of any bytes only what carries the machine's own addresses goes on", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 14, maxLength: 100 }), fc.boolean(), (bytes, ownMac) => {
      const frame = Buffer.from(bytes);
      if (ownMac) OWN.mac.copy(frame, 6);
      if (!isOwn(framed(frame), OWN)) return;
      assert.ok(frame.subarray(6, 12).equals(OWN.mac));
    }),
  );
});

test("a stream of frames is the same however it is cut", () => {
  const frame = fc.uint8Array({ minLength: 14, maxLength: 200 }).map((bytes) => framed(Buffer.from(bytes)));
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.integer({ min: 1, max: 50 }), (frames, step) => {
      const whole = Buffer.concat(frames);
      const reader = new FrameReader();
      const seen: Buffer[] = [];
      for (let at = 0; at < whole.length; at += step) seen.push(...(reader.read(whole.subarray(at, at + step)) ?? []));
      assert.deepEqual(seen, frames);
    }),
  );
});

test("a length that no frame has ends the stream", () => {
  for (const length of [0, 13, 65_550, 0xffff_ffff]) {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(length);
    assert.equal(new FrameReader().read(prefix), undefined);
  }
});

/** The checksum of TCP over IPv4; zero where it is right. */
function checked(packet: Buffer): number {
  const pseudo = Buffer.concat([packet.subarray(12, 20), Buffer.from([0, 6, 0, packet.length - 20])]);
  const all = Buffer.concat([pseudo, packet.subarray(20)]);
  let sum = 0;
  for (let at = 0; at < all.length; at += 2) sum += all.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

test("a reset that acknowledges nothing is one that Linux hears, with a right checksum", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 12, maxLength: 12 }), (numbers) => {
      const packet = four(OWN.four);
      Buffer.from(numbers).copy(packet, 20);
      packet[32] = 0x50;
      packet[33] = 0x04;
      packet.writeUInt16BE(checked(packet), 36);
      const frame = ethernet(0x0800, packet);
      acknowledgeReset(frame);
      const changed = frame.subarray(18);
      assert.equal(changed[33], 0x14);
      assert.equal(checked(changed), 0);
    }),
  );
});

test("all other frames are left as they are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 14, maxLength: 100 }), (bytes) => {
      const frame = framed(Buffer.from(bytes));
      // No packet of TCP.
      frame[16] = 0x08;
      frame[17] = 0x06;
      const before = Buffer.from(frame);
      acknowledgeReset(frame);
      assert.deepEqual(frame, before);
    }),
  );
});

test("only who learns its address by DHCP may ask from none, and for nothing else", () => {
  const asking = (change = (_packet: Buffer) => {}): Buffer => {
    const packet = Buffer.alloc(300);
    packet[0] = 0x45;
    packet[9] = 17;
    packet.fill(0xff, 16, 20);
    packet.writeUInt16BE(68, 20);
    packet.writeUInt16BE(67, 22);
    change(packet);
    return ethernet(0x0800, packet);
  };
  const asks = { ...OWN, asks: true };
  assert.equal(isOwn(asking(), asks), true);
  assert.equal(isOwn(asking(), OWN), false);
  for (const change of [
    (packet: Buffer) => packet.writeUInt16BE(53, 22),
    (packet: Buffer) => packet.writeUInt16BE(67, 20),
    (packet: Buffer) => packet.writeUInt8(8, 16),
    (packet: Buffer) => packet.writeUInt8(1, 15),
    (packet: Buffer) => packet.writeUInt8(6, 9),
    (packet: Buffer) => packet.writeUInt8(0x46, 0),
    (packet: Buffer) => packet.writeUInt16BE(0x2000, 6),
    (packet: Buffer) => packet.writeUInt16BE(4, 6),
  ])
    assert.equal(
      isOwn(
        asking((packet) => void change(packet)),
        asks,
      ),
      false,
    );
  assert.equal(isOwn(ethernet(0x0800, Buffer.alloc(20, 0x45)), asks), false, "cut off");
});
