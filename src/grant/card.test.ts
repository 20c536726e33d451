import assert from "node:assert/strict";
import { test } from "node:test";
import type { CardGrant, Deployment, Grant, Recipe } from "../model/index.ts";
import { NO_SERVICE } from "../model/index.ts";
import { joinGrants } from "./join.ts";

const CARD: CardGrant = {
  ...{ pci: "0000:03:00.0", address: "192.0.2.10/24", gateway: "192.0.2.1", dns: ["192.0.2.53"], onlyWayOut: false },
};

const REAL: Grant = { answer: "real", folder: undefined, files: undefined, allow: undefined, rules: undefined };

function joined(answers: Readonly<Record<string, Grant>>, service: "network" | "folder" = "network") {
  const request = { service, why: "w", need: "optional", verbs: ["read"], inside: undefined } as const;
  const recipe: Recipe = {
    ...{ name: "net-vm", summary: "s", base: undefined, components: [], packages: ["p"], repositories: [] },
    ...{ programs: {}, requests: { one: request, other: request }, volumes: {}, ownSandbox: false },
    ...{ ready: undefined, desktop: undefined },
  };
  const deployment: Deployment = {
    ...{ name: "net-vm", recipe: "net-vm", isolation: "vm", tags: [], program: undefined, requests: {}, answers },
    limits: { memoryBytes: undefined, tasks: undefined, cpuPercent: undefined },
    ...{ environment: {}, service: NO_SERVICE },
  };
  return joinGrants(recipe, deployment, {
    ...{
      findings: new Map(),
      dataFolder: "/d",
      ownFolders: ["/d"],
      ownLinks: [],
      programFolder: "/p",
      home: "/home/ada",
    },
  });
}

test("a card that is granted is let through whole, and what that means is said", () => {
  const effective = joined({ one: { ...REAL, card: CARD } });
  assert.ok(effective.ok, JSON.stringify(effective));
  const [first] = effective.value.filter(({ contributions }) => contributions.length > 0);
  assert.deepEqual(first?.contributions, [{ kind: "card", request: "one", card: CARD }]);
  assert.match(first?.gets ?? "", /all that the network card 0000:03:00\.0 reaches/);
  assert.match(first?.warnings.join() ?? "", /no rule of ours is in between/);
});

test("nothing beside a card is believed to limit what it reaches", () => {
  for (const beside of [
    { answer: "subset", rules: [] },
    { answer: "deny" },
    { allow: ["lan"] },
    { through: "net-vm" },
  ] as const) {
    const refused = joined({ one: { ...REAL, card: CARD, ...beside } });
    const denied = "answer" in beside && beside.answer === "deny";
    assert.equal(refused.ok, denied, JSON.stringify(refused));
  }
  const folder = joined({ one: { ...REAL, folder: "/home/ada/x", card: CARD } }, "folder");
  assert.ok(!folder.ok && folder.problem.kind === "option-astray");
  const mixed = joined({ one: { ...REAL, card: CARD }, other: REAL });
  assert.ok(!mixed.ok && mixed.problem.kind === "networks-mixed", JSON.stringify(mixed));
});
