import assert from "node:assert/strict";
import { test } from "node:test";
import { ABLE, CONTEXT, SEALED } from "../contract.fixture.ts";
import { planNetwork } from "./network.ts";

const granted = { ...SEALED, contributions: [{ kind: "named-network", request: "internet", rules: [] }] } as const;

test("the filter is in force before the gate, and nothing connects the namespace", () => {
  const plan = planNetwork(granted, CONTEXT, "/f");
  assert.ok(plan.ok);
  const words = plan.value.helper;
  assert.equal(words[words.indexOf("--gate") + 1], "/f/gate");
  assert.ok(words.includes("--inside") && words.includes("--network-namespace"));
  assert.ok(!words.includes("--outside"));
});

test("a connection that may begin is led to the listener, and what nobody listens for is counted", () => {
  const plan = planNetwork(granted, CONTEXT, "/f");
  const [step] = plan.ok ? plan.value.steps : [];
  assert.ok(step?.kind === "write-file" && typeof step.content === "string");
  const lines = step.content.split("\n").map((line) => line.trim());
  const loopback = lines.indexOf("ip daddr 127.0.0.0/8 accept");
  const led = lines.findIndex((line) => line.includes("l4proto tcp tproxy ip to 127.0.0.1:1 accept"));
  assert.ok(loopback > 0 && led > loopback);
  assert.ok(lines.some((line) => line.includes("l4proto tcp tproxy ip6 to [::1]:1 accept")));
  assert.ok(lines.some((line) => line.includes("update @refused4")));
  // What comes after the granted is refused, whatever it is.
  assert.deepEqual(lines.slice(lines.indexOf("jump granted")), [
    "jump granted",
    "counter name refusedtcp",
    "meta nfproto ipv4 update @refusedtcp4 { ip daddr . tcp dport }",
    "meta nfproto ipv6 update @refusedtcp6 { ip6 daddr . tcp dport }",
    "reject with tcp reset",
    ...["}", "}", ""],
  ]);
});

test("a host that cannot lead connections is told so", () => {
  for (const facts of [
    { ...ABLE, tproxy: false },
    { ...ABLE, programs: {} },
  ]) {
    const plan = planNetwork(granted, { ...CONTEXT, facts }, "/f");
    assert.ok(!plan.ok && plan.problem.kind === "network-unavailable");
    assert.equal(plan.problem.missing.length, 1);
  }
});
