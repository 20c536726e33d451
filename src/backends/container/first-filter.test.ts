import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decideConnection } from "../../broker/index.ts";
import { below, named, range, zone } from "../../broker/rule.fixture.ts";
import {
  type Contribution,
  isInRange,
  NAME_RANGE_4,
  ipText,
  type NetworkRule,
  parseIp,
  parseIpRange,
} from "../../model/index.ts";
import { changedFilter } from "./first-filter.ts";

const network = (rules: readonly NetworkRule[], empty = false): Contribution => ({
  kind: "named-network",
  request: "internet",
  rules,
  empty,
});

/** The lines that let something begin, without what they have in common. */
function linesFor(contributions: readonly Contribution[]): readonly string[] {
  const [first, second, ...lines] = changedFilter(contributions).trim().split("\n");
  assert.deepEqual([first, second], ["add chain inet skerry granted", "flush chain inet skerry granted"]);
  return lines.map((line) => /^add rule inet skerry granted (.*) accept$/.exec(line)?.[1] ?? assert.fail(line));
}

/** Reads the lines as the kernel does. */
function begins(lines: readonly string[], address: string, port: number): boolean {
  const ip = parseIp(address);
  return lines.some((line) => {
    const [, family, net, ports] =
      /^(?:meta nfproto ipv([46])|ip6? daddr (\S+))(?: tcp dport \{ (.*) \})?$/.exec(line) ?? assert.fail(line);
    const towards = net === undefined ? undefined : parseIpRange(net);
    const there = towards === undefined ? String(ip?.family) === family : ip !== undefined && isInRange(ip, towards);
    return there && (ports === undefined || ports.split(", ").includes(String(port)));
  });
}

test("names are open at the ports that any of them has, and addresses at their own", () => {
  const rules = [
    named("a.example.org", { port: 443 }),
    below("b.example.org", { port: 80 }),
    range("192.0.2.0/24", { port: 22 }),
  ];
  assert.deepEqual(linesFor([network(rules)]), [
    "ip daddr 198.18.0.0/15 tcp dport { 80, 443 }",
    "ip6 daddr fd53:6b65:7279::/48 tcp dport { 80, 443 }",
    "ip daddr 192.0.2.0/24 tcp dport { 22 }",
  ]);
});

test("a rule without a port opens all of them, and one that asks counts as one that allows", () => {
  const rules = [named("a.example.org", { answer: "ask" }), below("b.example.org", { port: 80 })];
  assert.deepEqual(linesFor([network(rules)]), ["ip daddr 198.18.0.0/15", "ip6 daddr fd53:6b65:7279::/48"]);
});

test("what is denied, datagrams and an empty network open nothing; a link opens its port", () => {
  const rules = [named("a.example.org", { answer: "deny" }), named("b.example.org", { protocol: "udp" })];
  assert.deepEqual(linesFor([network(rules)]), []);
  assert.deepEqual(linesFor([network([named("a.example.org")]), network([], true)]), []);
  assert.deepEqual(linesFor([{ kind: "link", to: "db", port: 5432, as: "db" }]), [
    "ip daddr 198.18.0.0/15 tcp dport { 5432 }",
    "ip6 daddr fd53:6b65:7279::/48 tcp dport { 5432 }",
  ]);
});

test("whatever the agent would let through may begin", () => {
  const port = fc.constantFrom(22, 80, 443);
  const parts = fc.record({
    port: fc.option(port, { nil: undefined }),
    answer: fc.constantFrom("real", "ask", "deny"),
    protocol: fc.constantFrom("tcp", "udp"),
  });
  const four = fc.constantFrom("10.1.2.3", "169.254.7.7", "192.0.2.7", "203.0.113.5", "100.64.1.1");
  const six = fc.constantFrom("2001:db8::7", "fd00::1", "fe80::1", "64:ff9b::a01:203", "64:ff9b::c000:207");
  const rule = fc.oneof(
    parts.map((one) => named("a.example.org", one)),
    parts.map((one) => below("example.org", one)),
    fc.tuple(fc.constantFrom("host", "lan"), parts).map(([name, one]) => zone(name, one)),
    fc
      .tuple(four, fc.constantFrom(8, 24, 32), parts)
      .map(([address, prefix, one]) => range(`${address}/${prefix}`, one)),
    fc
      .tuple(six, fc.constantFrom(16, 64, 128), parts)
      .map(([address, prefix, one]) => range(`${address}/${prefix}`, one)),
  );
  const target = fc.oneof(
    fc.constantFrom("a.example.org", "b.example.org", "host").map((name) => ({ name })),
    fc.oneof(four, six).map((address) => ({ address })),
  );
  const ofNames = ipText({ family: 4, bits: NAME_RANGE_4.bits + 300n });
  let allowed = 0;
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 6 }), target, port, (rules, to, at) => {
      const wanted = { target: to, port: at, protocol: "tcp" } as const;
      if (decideConnection(rules, wanted, ["203.0.113.5/24"]).kind === "refused") return;
      allowed += 1;
      assert.ok(begins(linesFor([network(rules)]), "name" in to ? ofNames : to.address, at));
    }),
    { numRuns: 2000 },
  );
  assert.ok(allowed > 50, "the property says something");
});
