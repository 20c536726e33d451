import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { NetworkRule } from "../model/index.ts";
import { decideAddress, decideConnection, decideName, HOST_NAME, type Wanted } from "./index.ts";
import { below, named, range, zone } from "./rule.fixture.ts";

/** This host's addresses, as the kernel tells them. */
const HOST = ["192.168.1.10/24", "203.0.113.5/24", "2001:db8:5::10/64"];

function connection(
  rules: readonly NetworkRule[],
  target: Wanted["target"],
  port = 443,
  protocol: "tcp" | "udp" = "tcp",
) {
  const verdict = decideConnection(rules, { target, port, protocol }, HOST);
  return verdict.kind === "allowed" ? verdict.rule.text : verdict.because;
}

function address(rule: NetworkRule, text: string) {
  const verdict = decideAddress(rule, text, HOST);
  return verdict.kind === "allowed" ? verdict.address : verdict.because;
}

test("a name is granted by itself, or by a rule for all names below another", () => {
  const rules = [named("example.org"), below("example.net")];
  const may = (name: string) => decideName(rules, name).kind === "allowed";
  assert.deepEqual(
    [
      "example.org",
      "www.example.org",
      "example.net",
      "a.example.net",
      "a.b.example.net",
      "badexample.net",
      "example.org.evil.example",
    ].map(may),
    [true, false, false, true, true, false, false],
  );
  assert.equal(may(HOST_NAME), false);
  assert.equal(decideName([zone("host")], HOST_NAME).kind, "allowed");
  assert.equal(decideName([zone("lan"), range("0.0.0.0/0")], "example.org").kind, "refused");
});

test("port and protocol are the rule's", () => {
  const rules = [named("a.example", { port: 443 }), named("b.example", { port: 123, protocol: "udp" })];
  assert.equal(connection(rules, { name: "a.example" }), "a.example");
  assert.equal(connection(rules, { name: "a.example" }, 80), "other-port");
  assert.equal(connection(rules, { name: "a.example" }, 443, "udp"), "other-port");
  assert.equal(connection(rules, { name: "b.example" }, 123), "other-port");
  assert.equal(connection(rules, { name: "b.example" }, 123, "udp"), "b.example");
  assert.equal(connection(rules, { name: "c.example" }), "no-rule");
});

test("the narrowest rule decides alone, wherever it stands", () => {
  const wide = below("example");
  const strict = named("bank.example", { sameName: true });
  const stricter = named("bank.example", { text: "bank.example:443", port: 443, bytesPerDay: 1000 });
  for (const rules of [
    [wide, strict, stricter],
    [stricter, strict, wide],
  ]) {
    assert.equal(connection(rules, { name: "bank.example" }), "bank.example:443");
    assert.equal(connection(rules, { name: "bank.example" }, 80), "bank.example");
    assert.equal(connection(rules, { name: "shop.example" }), "*.example");
    assert.equal(connection([...rules, below("bank.example")], { name: "a.bank.example" }), "*.bank.example");
  }
  const nets = [range("93.184.0.0/16"), range("93.184.216.34"), range("0.0.0.0/0")];
  assert.equal(connection(nets, { address: "93.184.216.34" }), "93.184.216.34");
  assert.equal(connection(nets, { address: "93.184.1.1" }), "93.184.0.0/16");
  assert.equal(connection(nets, { address: "8.8.8.8" }), "0.0.0.0/0");
});

test("an address is no name: a rule for names lets no address in", () => {
  assert.equal(connection([named("example.org"), below("org")], { address: "93.184.216.34" }), "no-rule");
  assert.equal(connection([range("0.0.0.0/0"), range("::/0")], { name: "example.org" }), "no-rule");
  assert.equal(connection([range("0.0.0.0/0")], { address: "127.1" }), "no-address");
});

test("a name that resolves to private, link-local or this host's addresses is refused, until that is granted", () => {
  const rule = named("example.org");
  const granted = named("example.org", { private: true });
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["10.0.0.1", "private-address", true],
    ["192.168.1.1", "private-address", true],
    ["fd00::1", "private-address", true],
    ["::ffff:192.168.1.1", "private-address", true],
    ["64:ff9b::192.168.1.1", "private-address", true],
    ["169.254.1.1", "link-local-address", true],
    ["fe80::1", "link-local-address", true],
    ["192.168.1.10", "host-address", true],
    ["203.0.113.5", "host-address", true],
    ["2001:db8:5::10", "host-address", true],
    ["64:ff9b::203.0.113.5", "host-address", true],
    ["127.0.0.1", "loopback-address", false],
    ["::1", "loopback-address", false],
    ["::ffff:127.0.0.1", "loopback-address", false],
    ["64:ff9b::7f00:1", "loopback-address", false],
    ["169.254.169.254", "metadata-address", false],
    ["::ffff:169.254.169.254", "metadata-address", false],
    ["64:ff9b::a9fe:a9fe", "metadata-address", false],
    ["fd00:ec2::254", "metadata-address", false],
    ["198.18.1.0", "unusable-address", false],
    ["fd53:6b65:7279::100", "unusable-address", false],
    ["0.0.0.0", "unusable-address", false],
    ["255.255.255.255", "unusable-address", false],
    ["::", "unusable-address", false],
    ["2002:c0a8:101::1", "unusable-address", false],
    ["::192.168.1.1", "unusable-address", false],
    ["1.2.3", "no-address", false],
  ];
  for (const [text, because, opened] of cases) {
    assert.equal(address(rule, text), because, text);
    assert.equal(decideAddress(granted, text, HOST).kind, opened ? "allowed" : "refused", text);
  }
  assert.equal(address(rule, "93.184.216.34"), "93.184.216.34");
  assert.equal(address(rule, "2606:2800:220:1::1"), "2606:2800:220:1::1");
});

test("what is connected to is what was checked: a mapped address has become the one it stands for", () => {
  assert.deepEqual(decideAddress(named("example.org"), "::ffff:93.184.216.34", []), {
    kind: "allowed",
    rule: named("example.org"),
    address: "93.184.216.34",
    family: 4,
  });
  assert.equal(address(named("example.org"), "64:ff9b::5db8:d822"), "64:ff9b::5db8:d822");
});

test("a wide range does not name what lies in it by chance", () => {
  const all = [range("0.0.0.0/0"), range("::/0")];
  const refusals: Readonly<Record<string, string>> = {
    "10.0.0.1": "private-address",
    "169.254.169.254": "metadata-address",
    "127.0.0.1": "loopback-address",
    "203.0.113.5": "host-address",
    "198.18.0.53": "unusable-address",
    "fe80::1": "link-local-address",
    "::ffff:10.0.0.1": "private-address",
    "64:ff9b::10.0.0.1": "private-address",
  };
  for (const [text, because] of Object.entries(refusals))
    assert.equal(connection(all, { address: text }), because, text);
  assert.equal(connection([range("192.168.1.0/24")], { address: "192.168.1.7" }), "192.168.1.0/24");
  assert.equal(connection([range("192.168.1.0/24")], { address: "192.168.1.10" }), "host-address", "this host");
  assert.equal(connection([range("192.168.1.10")], { address: "192.168.1.10" }), "192.168.1.10", "named by itself");
  assert.equal(connection([range("169.254.0.0/16")], { address: "169.254.169.254" }), "metadata-address");
  assert.equal(connection([range("169.254.169.254")], { address: "169.254.169.254" }), "169.254.169.254");
});

test("host is this host with its loopback, and lan is what lies around it", () => {
  const host = zone("host", { port: 5432 });
  assert.equal(connection([host], { name: HOST_NAME }, 5432), "host");
  assert.equal(connection([host], { name: HOST_NAME }, 22), "other-port");
  assert.equal(connection([host], { address: "192.168.1.10" }, 5432), "host");
  assert.equal(connection([host], { address: "192.168.1.11" }, 5432), "no-rule");
  assert.equal(address(host, "127.0.0.1"), "127.0.0.1");
  const lan = zone("lan");
  assert.equal(connection([lan], { address: "192.168.1.11" }), "lan");
  assert.equal(connection([lan], { address: "fe80::7" }), "lan");
  assert.equal(connection([lan], { address: "192.168.1.10" }), "host-address");
  for (const text of ["93.184.216.34", "169.254.169.254", "127.0.0.1", "fd53:6b65:7279::1"])
    assert.equal(connection([lan], { address: text }), "no-rule", text);
});

const anyRule = fc.oneof(
  fc.domain().map((name) => named(name.toLowerCase())),
  fc.tuple(fc.ipV4(), fc.nat(32)).map(([ip, prefix]) => range(`${ip}/${prefix}`)),
  fc.tuple(fc.ipV6(), fc.nat(128)).map(([ip, prefix]) => range(`${ip}/${prefix}`)),
  fc.constantFrom(zone("lan"), below("example"), named("a.example", { private: true })),
);

const anyAddress = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.ipV4().map((ip) => `::ffff:${ip}`),
  fc.ipV4().map((ip) => `64:ff9b::${ip}`),
);

test("no rule but host reaches a loopback, and nothing reaches Skerry's own range", () => {
  const loopback = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)).map(([b, c, d]) => `127.${b}.${c}.${d}`);
  const own = fc.tuple(fc.constantFrom(18, 19), fc.nat(255), fc.nat(255)).map(([b, c, d]) => `198.${b}.${c}.${d}`);
  const forms = fc
    .tuple(fc.oneof(loopback, own), fc.constantFrom("", "::ffff:", "64:ff9b::"))
    .map(([ip, head]) => head + ip);
  fc.assert(
    fc.property(anyRule, forms, (one, text) => {
      assert.equal(decideAddress(one, text, HOST).kind, "refused");
    }),
    { numRuns: 1000 },
  );
});

test("what is allowed is one of the rules, and stays allowed when more rules come", () => {
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 6 }), anyRule, anyAddress, (rules, more, text) => {
      const wanted = { target: { address: text }, port: 443, protocol: "tcp" } as const;
      const verdict = decideConnection(rules, wanted, HOST);
      if (verdict.kind === "refused") return;
      assert.ok(rules.includes(verdict.rule));
      assert.equal(decideAddress(verdict.rule, text, HOST).kind, "allowed", "asked again, it is the same");
      assert.equal(decideConnection([more, ...rules], wanted, HOST).kind, "allowed");
      assert.equal(decideConnection([], wanted, HOST).kind, "refused");
    }),
    { numRuns: 1000 },
  );
});

test("within a wider rule a target can be denied, and the rest of it stays", () => {
  const rules = [below("example.org"), named("bad.example.org", { answer: "deny" })];
  assert.equal(connection(rules, { name: "www.example.org" }), "*.example.org");
  assert.equal(connection(rules, { name: "bad.example.org" }), "denied");
  const mail = [below("example.org"), named("www.example.org", { port: 25, answer: "deny", text: "mail" })];
  assert.equal(connection(mail, { name: "www.example.org" }, 25), "denied");
  assert.equal(connection(mail, { name: "www.example.org" }, 443), "*.example.org");
  assert.equal(decideName(mail, "www.example.org").kind, "allowed");
  const alone = decideName([named("bad.example.org", { answer: "deny" })], "bad.example.org");
  assert.ok(alone.kind === "refused" && alone.because === "denied");
});

test("a rule for every name gives way to each other one, and names no address", () => {
  const every: NetworkRule = { ...named("x"), text: "*", target: { kind: "any-name" }, answer: "ask" };
  const rules = [every, named("example.org")];
  assert.equal(connection(rules, { name: "example.org" }), "example.org");
  assert.equal(connection(rules, { name: "other.example" }), "*");
  assert.equal(connection(rules, { name: HOST_NAME }), "*");
  assert.equal(connection([every, zone("host")], { name: HOST_NAME }), "host");
  assert.equal(connection(rules, { address: "192.0.2.7" }), "no-rule");
  assert.equal(address(every, "192.168.7.7"), "private-address");
  assert.equal(address(every, "127.0.0.1"), "loopback-address");
});
