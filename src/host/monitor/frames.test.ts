import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  arp,
  bytes,
  ethernet,
  EVERYBODY,
  ipv4,
  ipv6,
  neighbour,
  OTHER,
  ports,
  PROVIDER,
  STATION,
} from "./frame.fixture.ts";
import { checkSent, type Drop, framed, FrameReader, stationFor } from "./frames.ts";

const own = STATION.ipv6[0];
const foreign = OTHER.ipv6[0];
const group = bytes("3333ff000005");

for (const [name, frame] of [
  ["asks who has an address", ethernet(0x0806, arp(1), { to: EVERYBODY })],
  ["answers who asks for it", ethernet(0x0806, arp(2))],
  ["asks whether its own address is free", ethernet(0x0806, arp(1, { ip: Buffer.alloc(4) }), { to: EVERYBODY })],
  ["sends TCP", ethernet(0x0800, ipv4(6, Buffer.alloc(20)))],
  ["sends UDP", ethernet(0x0800, ipv4(17, ports(40_000, 53)))],
  ["sends a ping", ethernet(0x0800, ipv4(1, Buffer.alloc(8)))],
  ["sends TCP by IPv6", ethernet(0x86dd, ipv6(6, Buffer.alloc(20)))],
  ["looks for a neighbour", ethernet(0x86dd, ipv6(58, neighbour(135, foreign)), { to: group })],
  ["says where it is", ethernet(0x86dd, ipv6(58, neighbour(136, own)))],
] as const)
  test(`a station that ${name} is let through`, () => {
    assert.equal(checkSent(frame, STATION, PROVIDER), undefined);
  });

const HOSTILE: readonly (readonly [string, Drop, Buffer])[] = [
  ["nothing", "short", Buffer.alloc(0)],
  ["half a header", "short", Buffer.alloc(13)],
  ["more than a frame", "oversize", ethernet(0x0800, ipv4(6, Buffer.alloc(1481)))],
  ["another's link address", "source-mac", ethernet(0x0800, ipv4(6, Buffer.alloc(20)), { from: OTHER.mac })],
  ["the provider's link address", "source-mac", ethernet(0x0800, ipv4(6, Buffer.alloc(20)), { from: PROVIDER })],
  ["a frame for another station", "not-for-provider", ethernet(0x0800, ipv4(6, Buffer.alloc(20)), { to: OTHER.mac })],
  ["a packet for everybody", "not-for-provider", ethernet(0x0800, ipv4(17, ports(68, 67)), { to: EVERYBODY })],
  ["a tag", "tagged", ethernet(0x8100, Buffer.concat([bytes("00050800"), ipv4(6, Buffer.alloc(20))]))],
  ["two tags", "tagged", ethernet(0x88a8, bytes("0005810000060800"))],
  ["spanning trees", "other-protocol", ethernet(0x0027, Buffer.alloc(39))],
  ["link discovery", "other-protocol", ethernet(0x88cc, Buffer.alloc(40))],
  ["half an ARP", "arp-malformed", ethernet(0x0806, arp(1).subarray(0, 27))],
  [
    "ARP of another kind",
    "arp-malformed",
    ethernet(0x0806, Buffer.concat([bytes("000608000604"), arp(1).subarray(6)])),
  ],
  ["ARP that asks back", "arp-malformed", ethernet(0x0806, arp(3))],
  ["ARP in another's name", "arp-sender", ethernet(0x0806, arp(1, { ip: OTHER.ipv4 }))],
  [
    "ARP that takes the provider's address",
    "arp-sender",
    ethernet(0x0806, arp(2, { ip: Buffer.from([100, 127, 0, 1]) })),
  ],
  ["ARP with another's link address", "arp-sender", ethernet(0x0806, arp(2, { mac: OTHER.mac }))],
  ["an ARP answer of nobody", "arp-sender", ethernet(0x0806, arp(2, { ip: Buffer.alloc(4) }))],
  ["half a packet", "ipv4-malformed", ethernet(0x0800, ipv4(6, Buffer.alloc(0)).subarray(0, 19))],
  ["a packet that says it is longer", "ipv4-malformed", ethernet(0x0800, ipv4(6, Buffer.alloc(9)).subarray(0, 28))],
  [
    "a packet of another version",
    "ipv4-malformed",
    ethernet(0x0800, Buffer.concat([bytes("65"), ipv4(6, own).subarray(1)])),
  ],
  [
    "a packet that names its way",
    "ipv4-malformed",
    ethernet(0x0800, Buffer.concat([bytes("46"), ipv4(6, own).subarray(1)])),
  ],
  ["another's address", "ipv4-source", ethernet(0x0800, ipv4(6, Buffer.alloc(20), { from: OTHER.ipv4 }))],
  ["nobody's address", "ipv4-source", ethernet(0x0800, ipv4(17, ports(68, 67), { from: Buffer.alloc(4) }))],
  ["answers of a DHCP server", "dhcp-server", ethernet(0x0800, ipv4(17, ports(67, 68)))],
  ["half a UDP header", "ipv4-malformed", ethernet(0x0800, ipv4(17, ports(67, 68).subarray(0, 2)))],
  ["half a packet of IPv6", "ipv6-malformed", ethernet(0x86dd, ipv6(6, own).subarray(0, 39))],
  ["a packet of IPv6 that says it is longer", "ipv6-malformed", ethernet(0x86dd, ipv6(6, own).subarray(0, 50))],
  ["another's address of IPv6", "ipv6-source", ethernet(0x86dd, ipv6(6, Buffer.alloc(20), { from: foreign }))],
  ["a router's word", "router-advertisement", ethernet(0x86dd, ipv6(58, bytes("8600000000000000")), { to: group })],
  ["another way than the router's", "router-advertisement", ethernet(0x86dd, ipv6(58, bytes("8900000000000000")))],
  ["something behind an extension header", "ipv6-malformed", ethernet(0x86dd, ipv6(0, neighbour(136, foreign)))],
  ["a piece of a packet", "ipv6-malformed", ethernet(0x86dd, ipv6(44, neighbour(136, foreign)))],
  ["that another's address is here", "neighbour", ethernet(0x86dd, ipv6(58, neighbour(136, foreign)))],
  ["that its address is elsewhere", "neighbour", ethernet(0x86dd, ipv6(58, neighbour(136, own, OTHER.mac)))],
  [
    "that it takes another's address",
    "neighbour",
    ethernet(0x86dd, ipv6(58, neighbour(135, foreign), { from: Buffer.alloc(16) })),
  ],
  [
    "a neighbour's word with an empty option",
    "ipv6-malformed",
    ethernet(0x86dd, ipv6(58, Buffer.concat([neighbour(136, own).subarray(0, 24), Buffer.alloc(8)]))),
  ],
  ["answers of a DHCPv6 server", "dhcp-server", ethernet(0x86dd, ipv6(17, ports(547, 546)))],
];

for (const [what, why, frame] of HOSTILE)
  test(`a station that sends ${what} is not heard`, () => {
    assert.equal(checkSent(frame, STATION, PROVIDER), why);
  });

test("without an address of IPv6 nothing of it is heard", () => {
  const station = { ...STATION, ipv6: [] };
  assert.equal(checkSent(ethernet(0x86dd, ipv6(6, Buffer.alloc(20))), station, PROVIDER), "ipv6-source");
  assert.equal(checkSent(ethernet(0x86dd, ipv6(58, neighbour(136, own))), station, PROVIDER), "ipv6-source");
});

/** Frames that were right, with some bytes changed, cut or added; and noise. */
const anyFrame = fc.oneof(
  fc.uint8Array({ maxLength: 1600 }).map((array) => Buffer.from(array)),
  fc
    .tuple(
      fc.constantFrom(...HOSTILE.map(([, , frame]) => frame), ethernet(0x0806, arp(1)), ethernet(0x0800, ipv4(6, own))),
      fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 4 }),
      fc.nat(20),
    )
    .map(([frame, changes, cut]) => {
      const out = Buffer.from(frame.subarray(0, Math.max(0, frame.length - cut)));
      for (const [at, value] of changes) if (at < out.length) out[at] = value;
      return out;
    }),
);

test("whatever is let through names its sender rightly in every place", () => {
  fc.assert(
    fc.property(anyFrame, (frame) => {
      if (checkSent(frame, STATION, PROVIDER) !== undefined) return;
      assert.ok(frame.subarray(6, 12).equals(STATION.mac));
      const type = frame.readUInt16BE(12);
      const sender = type === 0x0806 ? frame.subarray(28, 32) : type === 0x0800 ? frame.subarray(26, 30) : undefined;
      if (sender === undefined) assert.equal(type, 0x86dd);
      else assert.ok(sender.equals(STATION.ipv4) || (type === 0x0806 && sender.equals(Buffer.alloc(4))));
      if (type === 0x0806) assert.ok(frame.subarray(22, 28).equals(STATION.mac));
    }),
    { numRuns: 3000 },
  );
});

test("a frame of the provider's reaches the one that it is for, and a question the one that it is about", () => {
  const stations = [STATION, OTHER];
  const toOther = ethernet(0x0800, ipv4(6, own), { from: PROVIDER, to: OTHER.mac });
  assert.equal(stationFor(toOther, stations, PROVIDER), OTHER);
  const question = ethernet(0x0806, arp(1, { mac: PROVIDER, sought: STATION.ipv4 }), { from: PROVIDER, to: EVERYBODY });
  assert.equal(stationFor(question, stations, PROVIDER), STATION);
  const six = ethernet(0x86dd, ipv6(58, neighbour(135, foreign, PROVIDER)), { from: PROVIDER, to: group });
  assert.equal(stationFor(six, stations, PROVIDER), OTHER);
  const toAll = ethernet(0x0800, ipv4(17, ports(67, 68)), { from: PROVIDER, to: EVERYBODY });
  assert.equal(stationFor(toAll, stations, PROVIDER), undefined);
  assert.equal(stationFor(ethernet(0x0800, ipv4(6, own), { to: OTHER.mac }), stations, PROVIDER), undefined);
  assert.equal(stationFor(Buffer.alloc(3), stations, PROVIDER), undefined);
});

test("a stream is cut into the same frames wherever it was cut before", () => {
  const some = fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 8 });
  fc.assert(
    fc.property(some, fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 30 }), (frames, cuts) => {
      let stream = Buffer.concat(frames.map((frame) => framed(Buffer.from(frame))));
      const reader = new FrameReader();
      const seen: Buffer[] = [];
      for (const cut of cuts) {
        seen.push(...(reader.read(stream.subarray(0, cut)) ?? []));
        stream = stream.subarray(cut);
      }
      seen.push(...(reader.read(stream) ?? []));
      assert.deepEqual(
        seen.map((frame) => frame.toString("hex")),
        frames.map((frame) => Buffer.from(frame).toString("hex")),
      );
    }),
  );
});

test("a length that no card sends ends the stream", () => {
  assert.equal(new FrameReader().read(bytes("ffffffff00")), undefined);
  assert.equal(new FrameReader().read(bytes("00000000")), undefined);
});
