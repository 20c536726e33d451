import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decideConnection } from "../../broker/index.ts";
import { ipText, type NetworkRule } from "../../model/index.ts";
import { meets, type NetworkPart, parseAsked } from "./network.ts";

function asked(text: string) {
  const found = parseAsked(text);
  assert.ok(found !== undefined, `${text} is a target`);
  return found;
}

/** A rule as a deployment would have it: the forms that claims know are those of rules. */
function rule(text: string, options: Partial<NetworkRule> = {}): Extract<NetworkPart, { readonly kind: "rule" }> {
  const { target, port, protocol = "tcp" } = asked(text);
  assert.ok(target.kind !== "internet");
  const plain = {
    sameName: false,
    private: false,
    bytesPerDay: undefined,
    bytesPerSecond: undefined,
    answer: "real",
  } as const;
  return { kind: "rule", rule: { text, target, port, protocol, ...plain, ...options }, beside: [] };
}

const REAL: NetworkPart = { kind: "everything", zones: [] };

test("a rule by name is met by its name, its port and its protocol", () => {
  const granted = rule("example.org:443");
  assert.equal(meets(granted, asked("example.org")), "surely");
  assert.equal(meets(granted, asked("example.org:443")), "surely");
  assert.equal(meets(granted, asked("Example.org.:443/tcp")), "surely");
  assert.equal(meets(granted, asked("example.org:80")), "never");
  assert.equal(meets(granted, asked("example.org:443/udp")), "never");
  assert.equal(meets(granted, asked("www.example.org")), "never");
  assert.equal(meets(granted, asked("*.org")), "surely");
  assert.equal(meets(granted, undefined), "surely");
  assert.equal(meets(rule("example.org:443", { answer: "ask" }), asked("example.org")), "perhaps");
});

test("names below are not the name itself, and hold what is below them", () => {
  const granted = rule("*.example.org");
  assert.equal(meets(granted, asked("a.b.example.org")), "surely");
  assert.equal(meets(granted, asked("example.org")), "never");
  assert.equal(meets(granted, asked("badexample.org")), "never");
  assert.equal(meets(granted, asked("*.a.example.org")), "surely");
  assert.equal(meets(granted, asked("*.org")), "surely");
});

test("a name may lead to any public address, and to a private one where that is granted", () => {
  const granted = rule("example.org:443");
  assert.equal(meets(granted, asked("192.0.2.1")), "perhaps");
  assert.equal(meets(granted, asked("192.168.1.1")), "never");
  assert.equal(meets(granted, asked("lan")), "never");
  assert.equal(meets(rule("example.org:443", { private: true }), asked("192.168.1.1")), "perhaps");
  assert.equal(meets(rule("192.0.2.0/24:443"), asked("example.org")), "perhaps");
});

test("zones hold what the wall has in them", () => {
  assert.equal(meets(rule("lan"), asked("10.1.2.3:80")), "surely");
  assert.equal(meets(rule("lan"), asked("[fd00::1]:80")), "surely");
  assert.equal(meets(rule("lan"), asked("8.8.8.8")), "never");
  assert.equal(meets(rule("host:5432"), asked("host:5432")), "surely");
  assert.equal(meets(rule("host:5432"), asked("host:80")), "never");
  assert.equal(meets(REAL, asked("host")), "never");
  assert.equal(meets(REAL, asked("lan")), "never");
  assert.equal(meets(REAL, asked("10.0.0.1")), "never");
  assert.equal(meets(REAL, asked("::ffff:10.0.0.1")), "never");
  assert.equal(meets(REAL, asked("0.0.0.0/0")), "surely");
  assert.equal(meets({ kind: "everything", zones: ["lan"] }, asked("10.0.0.0/8")), "surely");
  assert.equal(meets({ kind: "everything", zones: ["host"] }, asked("10.0.0.1")), "perhaps");
});

test("of rules that name a target the narrowest decides, and a denial within a wider rule is one", () => {
  const wide = rule("*.example.org");
  const beside = (text: string, options: Partial<NetworkRule>): NetworkPart => ({
    ...wide,
    beside: [wide.rule, rule(text, options).rule],
  });
  const denied = beside("ads.example.org", { answer: "deny" });
  assert.equal(meets(denied, asked("ads.example.org:443")), "never");
  assert.equal(meets(denied, asked("www.example.org:443")), "surely");
  assert.equal(meets(denied, asked("*.example.org")), "surely");
  const onOnePort = beside("ads.example.org:80", { answer: "deny" });
  assert.equal(meets(onOnePort, asked("ads.example.org:80")), "never");
  assert.equal(meets(onOnePort, asked("ads.example.org:443")), "surely");
  assert.equal(meets(onOnePort, asked("ads.example.org")), "surely");
  const below = beside("*.ads.example.org", { answer: "deny" });
  assert.equal(meets(below, asked("*.x.ads.example.org")), "never");
  assert.equal(meets(below, asked("ads.example.org")), "surely");
  assert.equal(meets(rule("ads.example.org", { answer: "deny" }), asked("ads.example.org")), "never");
});

test("two ranges meet where an address lies in both, in whatever form it is written", () => {
  const address = fc.bigInt({ min: 0n, max: 0xffff_ffffn }).map((bits) => ({ family: 4 as const, bits }));
  fc.assert(
    fc.property(address, fc.integer({ min: 8, max: 32 }), fc.integer({ min: 0, max: 40 }), (ip, prefix, away) => {
      const size = 1n << BigInt(32 - prefix);
      const first = (ip.bits / size) * size;
      const range = rule(`${ipText({ family: 4, bits: first })}/${prefix}`);
      const other = { family: 4 as const, bits: (ip.bits + BigInt(away)) & 0xffff_ffffn };
      const inside = other.bits >= first && other.bits < first + size;
      assert.equal(meets(range, asked(ipText(other))), inside ? "surely" : "never");
      assert.equal(meets(range, asked(`::ffff:${ipText(other)}`)), inside ? "surely" : "never");
    }),
  );
});

test("where the broker lets a connection begin, a claim about it is met; and by no certain one where it does not", () => {
  const targets = [
    "a.org",
    "b.a.org",
    "c.b.a.org",
    "*.a.org",
    "*.b.a.org",
    "192.0.2.1",
    "192.0.2.0/24",
    "10.0.0.1",
    "lan",
    "host",
  ];
  const anyRule = fc
    .tuple(
      fc.constantFrom(...targets),
      fc.constantFrom("", ":80", ":443"),
      fc.constantFrom("real" as const, "ask" as const, "deny" as const),
      fc.boolean(),
    )
    .map(([target, port, answer, mayBePrivate]) => rule(`${target}${port}`, { answer, private: mayBePrivate }).rule);
  const wanted = fc.constantFrom(
    "a.org",
    "b.a.org",
    "c.b.a.org",
    "d.c.b.a.org",
    "192.0.2.1",
    "192.0.2.9",
    "10.0.0.1",
    "10.9.9.9",
  );
  fc.assert(
    fc.property(
      fc.array(anyRule, { maxLength: 5 }),
      wanted,
      fc.constantFrom(80, 443),
      fc.boolean(),
      (rules, place, port, isHost) => {
        const target = /^[0-9]/.test(place) ? { address: place } : { name: place };
        const verdict = decideConnection(rules, { target, port, protocol: "tcp" }, isHost ? ["10.9.9.9"] : []);
        const meetings = rules.map((one) =>
          meets({ kind: "rule", rule: one, beside: rules }, asked(`${place}:${port}`)),
        );
        if (verdict.kind === "allowed")
          assert.ok(
            meetings.some((meeting) => meeting !== "never"),
            verdict.rule.text,
          );
        // Which addresses are this host's is not known here.
        else if (!isHost) assert.ok(!meetings.includes("surely"), `${meetings.join()} ${verdict.because}`);
      },
    ),
    { numRuns: 3000 },
  );
});

test("what is no target is none", () => {
  for (const text of [
    "",
    "*",
    "*.",
    "a b",
    "a..b",
    "-a.org",
    "example.org:0",
    "example.org:65536",
    "1.2.3",
    "1.2.3.4/33",
    "[::1",
    "a/b",
    "0177.0.0.1",
    "http://example.org/",
  ])
    assert.equal(parseAsked(text), undefined, text);
});
