import assert from "node:assert/strict";
import { test } from "node:test";
import { showComplaint } from "./complaint.ts";
import { parseDeployment } from "./deployment.ts";

const WHOLE = 'pci: "0000:03:00.0", address: 192.0.2.10/24, gateway: 192.0.2.1, dns: [192.0.2.53]';

function read(card: string) {
  const text = `skerry: deployment/1\nrecipe: net-vm\nisolation: vm\nanswers: { network: { answer: real, card: { ${card} } } }\n`;
  return parseDeployment(text, { name: "net-vm", file: "net-vm.yaml" }, { home: "/home/ada" });
}

function complaintsOf(card: string): string {
  const parsed = read(card);
  return parsed.ok ? "" : parsed.problem.complaints.map((one) => showComplaint(one)).join("\n");
}

test("a card is named by its place, and says what it is in the network that it is plugged into", () => {
  const parsed = read(`${WHOLE}, only-way-out: true`);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  assert.deepEqual(parsed.value.answers["network"]?.card, {
    ...{ pci: "0000:03:00.0", address: "192.0.2.10/24", gateway: "192.0.2.1", dns: ["192.0.2.53"], onlyWayOut: true },
  });
});

test("what is no place of a card, and no address, is refused where it stands", () => {
  for (const pci of [
    "03:00.0",
    "0000:03:00.8",
    "0000:03:20.0",
    "0000:03:00.0/../x",
    "../../etc",
    "vfio",
    "0000:0G:00.0",
  ])
    assert.match(complaintsOf(WHOLE.replace("0000:03:00.0", pci)), /is no PCI address/, pci);
  for (const address of ["192.0.2.10", "192.0.2.10/33", "192.0.2.10/31", "10.0.0.1/4", "::1/64", "192.0.2.010/24"])
    assert.match(
      complaintsOf(WHOLE.replace("192.0.2.10/24", `"${address}"`)),
      /no IPv4 address with the length/,
      address,
    );
  for (const gateway of ["example.org", "::1", "192.0.2.1/24", "192.0.2.1; reboot"])
    assert.match(
      complaintsOf(WHOLE.replace("gateway: 192.0.2.1", `gateway: "${gateway}"`)),
      /is no IPv4 address/,
      gateway,
    );
  assert.match(complaintsOf(WHOLE.replace("[192.0.2.53]", "[]")), /dns/);
  assert.match(complaintsOf(WHOLE.replace(", dns: [192.0.2.53]", "")), /dns/);
});
