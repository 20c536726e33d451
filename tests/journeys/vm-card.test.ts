/** A network card of this host for a net VM: looked at before anything is made, and refused where it cannot be given. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done } from "./life.fixture.ts";
import { lacksForMachines, makeTrial } from "./trial.fixture.ts";

const skip = lacksForMachines();
const trial = makeTrial();
after(async () => await trial.close());

mkdirSync(`${trial.home}/config/deployments`, { recursive: true });

const BUS = "/sys/bus/pci/devices";

function deploy(pci: string): void {
  writeFileSync(
    `${trial.home}/config/deployments/router.yaml`,
    `skerry: deployment/1\nrecipe: net-vm\nisolation: vm
answers:
  network: { answer: real, card: { pci: "${pci}", address: 192.0.2.10/24, gateway: 192.0.2.1, dns: [192.0.2.53] } }
`,
  );
}

test("a card that is not there is refused with those that are, and nothing is begun", { skip }, async () => {
  deploy("fffe:7f:1f.7");
  for (const words of [
    ["plan", "router"],
    ["start", "router"],
  ]) {
    const refused = await trial.skerry(words);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /router is to have the network card fffe:7f:1f\.7 for "network", and cannot/);
    assert.match(refused.stderr, /there is no such device\n {2}this host has /);
  }
  const standing = `${trial.home}/run/compartments`;
  assert.deepEqual(existsSync(standing) ? readdirSync(standing) : [], []);
});

test("on a host without an IOMMU no card of its is given, and its driver keeps it", async (context) => {
  if (skip !== false) return context.skip(skip);
  const cards = existsSync(BUS) ? readdirSync(BUS) : [];
  const card = cards.find((name) => readFileSync(`${BUS}/${name}/class`, "latin1").startsWith("0x02"));
  if (card === undefined) return context.skip("cannot here: there is no network card on a PCI bus");
  if (existsSync(`${BUS}/${card}/iommu_group`)) return context.skip("cannot here: this host has an IOMMU");
  const driver = () => (existsSync(`${BUS}/${card}/driver`) ? readlinkSync(`${BUS}/${card}/driver`) : undefined);
  const before = driver();
  deploy(card);
  const refused = await trial.skerry(["start", "router"]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /no IOMMU that is switched on.*\n {2}switch on VT-d or AMD-Vi in the firmware/);
  assert.equal(driver(), before);
});

test("whoever may use a machine with a card reaches everything, and the proof says so", { skip }, async () => {
  deploy("fffe:7f:1f.7");
  for (const claim of ["router can reach network", "router can reach network host", "router can reach network lan"])
    await done(trial, ["prove", claim]);
  const { stdout } = await done(trial, ["describe", "router"]);
  assert.match(stdout, /card/);
});
