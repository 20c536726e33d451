import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import type { CompartmentSpec, Contribution } from "../../model/index.ts";
import type { ArchiveEntry, Step } from "../../step/index.ts";
import type { PortPlaces } from "../backend.ts";
import { container } from "../container/container.ts";
import { CONTEXT, SEALED } from "../contract.fixture.ts";
import { planWith } from "../plan-with.ts";
import { vm } from "./vm.ts";

const ROUTER: CompartmentSpec = {
  ...SEALED,
  guest: "system",
  command: ["/sbin/init"],
  contributions: [
    { kind: "ports" },
    { kind: "bind", source: "/d/volumes/it's", target: "/var/lib/kept", access: "write" },
  ],
};
const PORTS: PortPlaces = { all: { ports: "/s/machines/net/ports", rules: "/s/machines/net/rules" } };
const PORT: Contribution = { kind: "port", request: "network", through: "net", zones: [] };

function planOf(spec: CompartmentSpec, ports: PortPlaces) {
  const plan = planWith(vm, spec, { ...CONTEXT, ports });
  assert.ok(plan.ok, JSON.stringify(plan));
  return plan.value;
}

function entriesOf(steps: readonly Step[]): ReadonlyMap<string, ArchiveEntry> {
  const archive = steps.find((step) => step.kind === "write-archive");
  return new Map(archive?.entries.map((entry) => [entry.path, entry]));
}

function textOf(entry: ArchiveEntry | undefined): string {
  return entry?.kind === "file" ? String(entry.content) : "";
}

test("a system is told where its folders are, and starts with its own first program", () => {
  const entries = entriesOf(planOf(ROUTER, PORTS).steps);
  assert.equal(entries.has("words"), false);
  assert.equal(
    textOf(entries.get("system")),
    `bind '/folders/folder0/here' '/root/var/lib/kept'\nbind '/folders/rules' '/root/run/skerry/rules'\nset -- '/sbin/init'\n`,
  );
});

test("scripts of ours in the machine are shell, as far as a shell can tell beforehand", () => {
  const entries = entriesOf(planOf(ROUTER, PORTS).steps);
  for (const name of ["points/etc/skerry/control", "points/etc/skerry/router", "system"]) {
    const { status, stderr } = spawnSync("/bin/sh", ["-n"], { input: textOf(entries.get(name)), encoding: "utf8" });
    assert.equal(status, 0, `${name}: ${stderr}`);
  }
});

test("the wall of a provider sees the ports of all, and that of a station its own", () => {
  const provider = planOf(ROUTER, PORTS).argv.join(" ");
  assert.match(provider, /--bind \/s\/machines\/net\/ports \/ports --ro-bind \/s\/machines\/net\/rules \/rules/);
  assert.match(provider, /virtio-net-pci,netdev=hub,mac=02:53:4b:00:00:01/);
  const own = { own: { folder: "/s/machines/net/ports/viewer", number: 7 } };
  const station = planOf({ ...SEALED, contributions: [PORT] }, own);
  assert.match(station.argv.join(" "), /--ro-bind \/s\/machines\/net\/ports\/viewer \/port/);
  assert.doesNotMatch(station.argv.join(" "), /\/ports |\/rules/);
  const entries = entriesOf(station.steps);
  assert.equal(textOf(entries.get("port")), "02:53:4b:00:00:07 100.127.0.7 02:53:4b:00:00:01 100.127.0.1\n");
  assert.doesNotMatch(textOf(entries.get("words")), /unshare-net/);
});

test("as root, both see these folders as their own user's", () => {
  const user = { uid: 100_000, gid: 100_000, allocated: true };
  const own = { own: { folder: "/s/ports/viewer", number: 7 } };
  const { argv } = planOf({ ...SEALED, user, contributions: [PORT] }, own);
  assert.match(argv.join(" "), /--idmap \/s\/ports\/viewer \S+\/stage\/port 100000 100000/);
});

test("without a machine of its own neither a system nor a port is started", () => {
  for (const [spec, what] of [
    [ROUTER, "system"],
    [{ ...SEALED, contributions: [PORT] }, "port"],
  ] as const) {
    const refused = planWith(container, spec, CONTEXT);
    assert.ok(!refused.ok && refused.problem.kind === "needs-machine" && refused.problem.what === what);
  }
});
