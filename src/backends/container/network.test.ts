import assert from "node:assert/strict";
import { test } from "node:test";
import { ABLE, CONTEXT, SEALED } from "../contract.fixture.ts";
import { filterRules, planNetwork } from "./network.ts";

const granted = { ...SEALED, contributions: [{ kind: "network", zones: [] }] } as const;

test("without a grant there is no network namespace to share, and nothing to run", () => {
  assert.deepEqual(planNetwork(SEALED, CONTEXT, "/f"), { ok: true, value: { shared: false, helper: [], steps: [] } });
});

test("the filter is loaded before pasta connects, and pasta forwards no port", () => {
  const plan = planNetwork(granted, CONTEXT, "/f");
  assert.ok(plan.ok);
  const words = plan.value.helper;
  assert.ok(words.indexOf("--inside") < words.indexOf("--outside"));
  assert.ok(words.includes("--no-map-gw"));
  for (const option of ["-t", "-u", "-T", "-U"]) assert.equal(words[words.indexOf(option) + 1], "none", option);
});

test("the compartment's end has an address of its own, so that the host's can be reached or refused", () => {
  const plan = planNetwork({ ...granted, contributions: [{ kind: "network", zones: ["host"] }] }, CONTEXT, "/f");
  assert.ok(plan.ok);
  const words = plan.value.helper;
  assert.deepEqual(
    words.filter((_, index) => words[index - 1] === "--address"),
    ["198.18.0.2", "2001:2::2"],
  );
  assert.ok(words.includes("--no-map-gw"), "the gateway's address does not lead to the host's loopback");
});

test("a host that cannot carry it is told what it lacks", () => {
  const plan = planNetwork(granted, { ...CONTEXT, facts: { ...ABLE, programs: {}, tun: false } }, "/f");
  assert.ok(!plan.ok && plan.problem.kind === "network-unavailable");
  assert.equal(plan.problem.missing.length, 3);
});

test("the filter drops by default and refuses the host and every private range", () => {
  const rules = filterRules([], ["203.0.113.5/24", "2001:db8::5/64"]);
  assert.match(rules, /policy drop/);
  assert.match(rules, /ip daddr \{ 203\.0\.113\.5 \} reject/);
  // The second is the host's other address in the clothes of an IPv6 one.
  assert.match(rules, /ip6 daddr \{ 2001:db8::5, 64:ff9b::cb00:7105\/128 \} reject/);
  for (const range of ["10.0.0.0/8", "192.168.0.0/16", "169.254.0.0/16", "fe80::/10", "fc00::/7", "::ffff:0:0/96"]) {
    assert.ok(rules.includes(range), range);
  }
});

test("a zone opens what it names and nothing else", () => {
  const lan = filterRules(["lan"], ["203.0.113.5"]);
  assert.ok(!lan.includes("10.0.0.0/8") && !lan.includes("64:ff9b::a00:0/104"));
  assert.ok(lan.includes("127.0.0.0/8"), "loopback is in no zone");
  assert.match(lan, /203\.0\.113\.5 \} reject/);
  const host = filterRules(["host"], ["203.0.113.5"]);
  assert.match(host, /203\.0\.113\.5 \} accept/);
  assert.ok(host.includes("10.0.0.0/8"));
});

test("what is no address never becomes part of the rules", () => {
  const rules = filterRules([], ["} accept; #", "1.2.3.4; accept", "fe80::1%eth0", ""]);
  assert.ok(!rules.includes("#") && !rules.includes("accept;") && !rules.includes("%"));
});
