import assert from "node:assert/strict";
import { test } from "node:test";
import { showComplaint } from "./complaint.ts";
import { parseDeployment } from "./deployment.ts";
import { inline } from "./inline.ts";
import { cloudInitData } from "./cloud-init.ts";

const HOME = "/home/ada";

function read(more: string) {
  const text = `skerry: deployment/1\nrecipe: own-system\nisolation: vm\n${more}\n`;
  return parseDeployment(text, { name: "cloud", file: "cloud.yaml" }, { home: HOME });
}

test("data for cloud-init is a file, a name, or neither", () => {
  for (const [written, value] of [
    ["{}", { userData: undefined, hostName: undefined }],
    ["{ user-data: ~/seed/user-data }", { userData: "/home/ada/seed/user-data", hostName: undefined }],
    [
      "{ user-data: /srv/user-data, host-name: one.example.org }",
      { userData: "/srv/user-data", hostName: "one.example.org" },
    ],
  ] as const) {
    const parsed = read(`cloud-init: ${written}`);
    assert.ok(parsed.ok, written);
    assert.deepEqual(parsed.value.cloudInit, value);
    assert.equal(inline(cloudInitData(value, HOME)), written);
  }
  const without = read("disks: {}");
  assert.ok(without.ok && !("cloudInit" in without.value));
});

test("paths that lead astray, names that are none, and a second disk of its name are refused", () => {
  const disk = (name: string) => `${name}: { answer: empty, size: 1 GiB }`;
  for (const [wrong, says] of [
    ["cloud-init: { user-data: ../x }", /has "\.\." in it/],
    ["cloud-init: { user-data: seed/x }", /relative path/],
    ["cloud-init: { user-data: /x/../etc/shadow }", /has "\.\." in it/],
    ['cloud-init: { host-name: "a\\nb" }', /has a line break/],
    ['cloud-init: { host-name: "a: b" }', /is no host name/],
    ["cloud-init: { host-name: -a }", /is no host name/],
    ["cloud-init: { host-name: A }", /is no host name/],
    [`cloud-init: { host-name: ${"a".repeat(64)} }`, /is no host name/],
    ["cloud-init: { userdata: /x }", /Did you mean "user-data"/],
    ["cloud-init: true", /expected a map/],
    [`cloud-init: {}\ndisks: { ${disk("cidata")} }`, /Give that one another name/],
    [`cloud-init: {}\ndisks: { ${["a", "b", "c", "d", "e", "f"].map(disk).join(", ")} }`, /at most 5 others/],
  ] as const) {
    const parsed = read(wrong);
    assert.ok(!parsed.ok, wrong);
    assert.match(parsed.problem.complaints.map((one) => showComplaint(one)).join("\n"), says, wrong);
  }
});
