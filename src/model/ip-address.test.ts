import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { classOf, classOfRange, firstOfRange, ipText, isInRange, parseIp, parseIpRange } from "./index.ts";

const address = fc.oneof(fc.ipV4(), fc.ipV6());

test("what is an address to Node is one here, but for zones, and comes out in one form", () => {
  fc.assert(
    fc.property(
      fc.oneof(address, fc.string({ unit: fc.constantFrom(..."0123456789abcdef.:%"), maxLength: 40 })),
      (text) => {
        const ip = parseIp(text);
        assert.equal(ip?.family ?? 0, text.includes("%") ? 0 : isIP(text), text);
        if (ip === undefined) return;
        assert.deepEqual(parseIp(ipText(ip)), ip);
        assert.equal(ip.family === 4 ? text : new URL(`http://[${text}]/`).hostname.slice(1, -1), ipText(ip));
      },
    ),
  );
});

test("a range holds what Node says that it holds", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.tuple(fc.ipV4(), fc.ipV4()), fc.tuple(fc.ipV6(), fc.ipV6())),
      fc.nat(128),
      ([one, other], length) => {
        const [ip, start] = [parseIp(one), parseIp(other)];
        assert.ok(ip !== undefined && start !== undefined);
        const range = { ...start, prefix: start.family === 4 ? length % 33 : length };
        const list = new BlockList();
        const family = start.family === 4 ? "ipv4" : "ipv6";
        list.addSubnet(ipText(firstOfRange(range)), range.prefix, family);
        assert.equal(isInRange(ip, range), list.check(one, family));
        assert.ok(isInRange(firstOfRange(range), range) && isInRange(start, range));
      },
    ),
  );
});

test("other ways to write an address are none", () => {
  for (const text of [
    "127.1",
    "0177.0.0.1",
    "1.2.3.4.",
    " 1.2.3.4",
    "1.2.3.256",
    "fe80::1%eth0",
    "::1::",
    "1:2:3:4:5:6:7",
    "::ffff:1.2.3",
    "[::1]",
    "0x7f.0.0.1",
    ":1:2:3:4:5:6:7:8",
    "1::2:3:4:5:6:7:8",
  ])
    assert.equal(parseIp(text), undefined, text);
  for (const text of ["1.2.3.4/33", "1.2.3.4/", "1.2.3.4/08", "::/129", "1.2.3.4/8/8", "1.2.3.4/-1"])
    assert.equal(parseIpRange(text), undefined, text);
});

test("where an address leads is told from every form of it", () => {
  const classes: Readonly<Record<string, string>> = {
    "93.184.216.34": "public",
    "2606:2800:220:1::1": "public",
    "127.0.0.1": "loopback",
    "127.255.255.255": "loopback",
    "::1": "loopback",
    "::ffff:127.0.0.1": "loopback",
    "64:ff9b::127.0.0.1": "loopback",
    "10.1.2.3": "private",
    "100.64.0.1": "private",
    "172.31.255.255": "private",
    "172.32.0.0": "public",
    "::ffff:192.168.1.1": "private",
    "64:ff9b::c0a8:101": "private",
    "64:ff9b:1::1": "private",
    "fd00::1": "private",
    "169.254.1.1": "link-local",
    "fe80::1": "link-local",
    "169.254.169.254": "metadata",
    "::ffff:a9fe:a9fe": "metadata",
    "64:ff9b::169.254.169.254": "metadata",
    "fd00:ec2::254": "metadata",
    "100.100.100.200": "metadata",
    "198.18.0.53": "own",
    "fd53:6b65:7279::1": "own",
    "0.0.0.0": "unusable",
    "255.255.255.255": "unusable",
    "224.0.0.1": "unusable",
    "::": "unusable",
    "::127.0.0.1": "unusable",
    "2002:7f00:1::": "unusable",
    "2001:0:1::": "unusable",
    "ff02::1": "unusable",
  };
  for (const [text, expected] of Object.entries(classes)) {
    const ip = parseIp(text);
    assert.equal(ip === undefined ? "none" : classOf(ip), expected, text);
  }
});

test("a range has a class only where all of it has", () => {
  const classes: Readonly<Record<string, string | undefined>> = {
    "0.0.0.0/0": undefined,
    "8.0.0.0/5": undefined,
    "93.184.0.0/16": "public",
    "10.0.0.0/8": "private",
    "10.0.0.0/7": undefined,
    "192.168.7.0/24": "private",
    "::/0": undefined,
    "2606:2800::/32": "public",
  };
  for (const [text, expected] of Object.entries(classes)) {
    const range = parseIpRange(text);
    assert.equal(range === undefined ? "none" : classOfRange(range), expected, text);
  }
});
