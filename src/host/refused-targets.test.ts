import assert from "node:assert/strict";
import { test } from "node:test";
import { refusedIn, refusedTargets } from "./refused-targets.ts";

test("the kernel's count is that of both families", () => {
  const snmp = "Tcp: A B\nTcp: 1 2\nUdp: InDatagrams NoPorts InErrors\nUdp: 10 3 0\nUdpLite: NoPorts\nUdpLite: 9\n";
  assert.equal(refusedIn(snmp, "Udp6InDatagrams 7\nUdp6NoPorts                     \t4\n"), 7);
  assert.equal(refusedIn("Tcp: ActiveOpens AttemptFails\nTcp: 9 5\n", ""), 5);
  assert.equal(refusedIn("", ""), 0);
});

test("targets are read with how often they were tried, and what looks otherwise is left out", () => {
  const element = (concat: unknown, packets: unknown) => ({
    elem: { val: { concat }, counter: { packets, bytes: 1 } },
  });
  const text = JSON.stringify({
    nftables: [
      { metainfo: { version: "1.0.6" } },
      {
        set: { name: "refused4", elem: [element(["192.0.2.7", 53], 2), element("192.0.2.7", 1), element([1, "x"], 1)] },
      },
      { set: { name: "refused6", elem: [element(["2001:db8::7", 123], 1)] } },
      { counter: { name: "refusedtcp", packets: 7 } },
      { set: { name: "refusedtcp4", elem: [element(["192.0.2.7", 53], 3)] } },
      { set: { name: "empty" } },
    ],
  });
  assert.deepEqual(refusedTargets(text), {
    targets: [
      { address: "192.0.2.7", port: 53, protocol: "udp", times: 2 },
      { address: "2001:db8::7", port: 123, protocol: "udp", times: 1 },
      { address: "192.0.2.7", port: 53, protocol: "tcp", times: 3 },
    ],
    others: 4,
  });
  for (const bad of ["", "[]", "null", '{"nftables": 1}'])
    assert.deepEqual(refusedTargets(bad), { targets: [], others: 0 });
});
