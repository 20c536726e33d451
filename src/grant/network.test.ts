import assert from "node:assert/strict";
import { test } from "node:test";
import { type Grant, LEARN_RULE, type NetworkRule, type Request } from "../model/index.ts";
import { networkRule } from "../model/network-rule.fixture.ts";
import { type JoinContext, joinGrants } from "./join.ts";

const context: JoinContext = {
  findings: new Map(),
  ownFolders: [],
  dataFolder: "/d",
  ownLinks: [],
  programFolder: "/p",
  home: "/home/owner",
};

const asked: Request = { service: "network", why: "to fetch", need: "optional", verbs: [], inside: undefined };

const rule = (parts: Partial<NetworkRule> = {}): NetworkRule =>
  networkRule("example.org:443", { kind: "name", name: "example.org" }, { port: 443, ...parts });

const grant = (answer: Grant["answer"], parts: Partial<Grant> = {}): Grant => ({
  answer,
  folder: undefined,
  files: undefined,
  allow: undefined,
  rules: undefined,
  ...parts,
});

function join(answers: Readonly<Record<string, Grant>>) {
  const requests = Object.fromEntries(Object.keys(answers).map((name) => [name, asked]));
  return joinGrants({ requests }, { name: "app", requests: {}, answers }, context);
}

function only(answers: Readonly<Record<string, Grant>>) {
  const joined = join(answers);
  assert.ok(joined.ok, JSON.stringify(joined));
  const [first] = joined.value;
  assert.ok(first !== undefined);
  return first;
}

test("a network as subset is its rules and nothing else, in words that the owner can read", () => {
  const rules = [
    rule(),
    rule({ text: "lan:631", target: { kind: "zone", zone: "lan" }, port: 631, bytesPerDay: 1000 }),
  ];
  const got = only({ internet: grant("subset", { rules }) });
  assert.deepEqual(got.contributions, [{ kind: "named-network", request: "internet", rules }]);
  assert.equal(
    got.gets,
    "only TCP port 443 of example.org; TCP port 631 of private and link-local addresses (at most 1000 bytes in 24 hours)",
  );
  assert.deepEqual(got.warnings, []);
});

test("an empty network names nothing that is reached", () => {
  assert.deepEqual(only({ internet: grant("empty") }).contributions, [
    { kind: "named-network", request: "internet", rules: [], empty: true },
  ]);
});

test("a subset without a rule, and rules with another answer, are refused", () => {
  for (const rules of [undefined, []]) {
    const joined = join({ internet: grant("subset", { rules }) });
    assert.ok(!joined.ok && joined.problem.kind === "option-missing");
  }
  for (const answer of ["real", "empty"] as const) {
    const joined = join({ internet: grant(answer, { rules: [rule()] }) });
    assert.ok(!joined.ok && joined.problem.kind === "option-astray");
  }
  const joined = join({ internet: grant("empty", { allow: ["host"] }) });
  assert.ok(!joined.ok && joined.problem.kind === "option-astray");
});

test("what rules by name cannot keep is refused and not weakened", () => {
  const range = { kind: "addresses", family: 4, address: "192.0.2.0", prefix: 24 } as const;
  const refused: readonly Partial<NetworkRule>[] = [
    { answer: "ask", protocol: "udp", port: 123 },
    { protocol: "udp", port: undefined },
    { protocol: "udp", target: range },
    { protocol: "udp", target: { kind: "zone", zone: "lan" } },
  ];
  for (const parts of refused) {
    const joined = join({ internet: grant("subset", { rules: [rule(parts)] }) });
    assert.ok(!joined.ok && joined.problem.kind === "rule-not-served", JSON.stringify(parts));
  }
  const single = { ...range, address: "192.0.2.7", prefix: 32 };
  only({ internet: grant("subset", { rules: [rule({ protocol: "udp", target: single })] }) });
});

test("a wide rule is the owner's word, and what it means is said", () => {
  const rules = [
    rule({ text: "*.org", target: { kind: "names-below", suffix: "org" } }),
    rule({ text: "host", target: { kind: "zone", zone: "host" }, port: undefined }),
    rule({ text: "0.0.0.0/0", target: { kind: "addresses", family: 4, address: "0.0.0.0", prefix: 0 } }),
    rule({ text: "169.254.169.254", target: { kind: "addresses", family: 4, address: "169.254.169.254", prefix: 32 } }),
  ];
  assert.deepEqual(only({ internet: grant("subset", { rules }) }).warnings, [
    "internet: *.org is every name that ends with .org, whoever owns it",
    "internet: host without a port is every service of this host",
    "internet: 0.0.0.0/0 is a very wide range of addresses",
    "internet: 169.254.169.254 is where cloud machines are told their keys",
  ]);
});

test("what is opened for learning was said by who opened it", () => {
  const rules = [rule({ text: LEARN_RULE, target: { kind: "addresses", family: 4, address: "0.0.0.0", prefix: 0 } })];
  assert.deepEqual(only({ internet: grant("subset", { rules }) }).warnings, []);
});

test("two networks of different answers are refused: one of them would open what the other shuts", () => {
  const joined = join({ one: grant("subset", { rules: [rule()] }), two: grant("real") });
  assert.ok(!joined.ok && joined.problem.kind === "networks-mixed" && joined.problem.request === "two");
  assert.ok(join({ one: grant("subset", { rules: [rule()] }), two: grant("subset", { rules: [rule()] }) }).ok);
  assert.ok(join({ one: grant("subset", { rules: [rule()] }), two: grant("deny") }).ok);
});

test("a network that is asked for has the rules that are answered already, and asks for every other name", () => {
  const rules = [
    rule(),
    rule({ text: "bad.example:443", target: { kind: "name", name: "bad.example" }, answer: "deny" }),
  ];
  const got = only({ internet: grant("ask", { rules }) });
  const [first] = got.contributions;
  assert.ok(first?.kind === "named-network");
  assert.deepEqual(
    first.rules.map(({ text, answer }) => [text, answer]),
    [
      [rule().text, "real"],
      ["bad.example:443", "deny"],
      ["*", "ask"],
    ],
  );
  assert.match(got.gets, /TCP port 443 of bad\.example \(denied\); TCP of every name \(asked for when used\)$/);
});
