import assert from "node:assert/strict";
import test from "node:test";
import { NAMESPACE_BANS } from "../host/probe-namespaces.ts";
import type { HostFacts } from "../model/index.ts";
import { canRun, doctorChecks } from "./doctor-checks.ts";
import { ABLE_FACTS } from "./test-world.ts";

const diagnose = (facts: Partial<HostFacts>) =>
  doctorChecks({
    facts: { ...ABLE_FACTS, ...facts },
    missing: [],
    helper: { kind: "built", path: "/helper" },
    aging: [],
  });

test("on a host where everything works, all is well", () => {
  const checks = diagnose({});
  assert.ok(checks.every(({ state, mend }) => state === "ok" && mend === undefined));
  assert.ok(canRun(checks));
});

test("a package that only one thing needs is told, and stops no app", () => {
  const signs = { facts: ABLE_FACTS, helper: { kind: "built", path: "/helper" }, aging: [] } as const;
  const check = (optional: boolean) => {
    const item = { name: "one", purpose: "do this", files: ["one"], ...(optional ? { optional: true as const } : {}) };
    return canRun(doctorChecks({ ...signs, missing: [item] }));
  };
  assert.ok(check(true));
  assert.ok(!check(false));
});

test("without QEMU apps run, and what virtual machines need is named", () => {
  const { "qemu-system-x86_64": _, ...programs } = ABLE_FACTS.programs;
  const checks = diagnose({ programs });
  assert.ok(canRun(checks));
  const check = checks.find(({ name }) => name === "virtual machines");
  assert.equal(check?.state, "weaker");
  assert.match(check?.mend ?? "", /install .*qemu-system-x86$/);
});

test("why machines are emulated is said, and what would open the host's own processor", () => {
  const about = (because: HostFacts["accelerator"]["because"]) =>
    diagnose({ accelerator: { kind: because === undefined ? "kvm" : "emulated", because } }).find(
      ({ name }) => name === "virtual machines",
    );
  assert.match(about("slow")?.meaning ?? "", /emulated, many times slower: .*longer than two seconds/);
  assert.equal(about("closed")?.mend, "sudo usermod -aG kvm ada");
  assert.equal(about("absent")?.mend, undefined);
  assert.match(about(undefined)?.meaning ?? "", /KVM/);
});

test("every ban on user namespaces is explained, and stops apps", () => {
  for (const because of NAMESPACE_BANS) {
    const checks = diagnose({ userNamespaces: { works: false, because } });
    assert.equal(canRun(checks), false);
    assert.match(checks.find(({ name }) => name === "user namespaces")?.meaning ?? "", /no wall: .{20}/);
  }
});

test("Ubuntu's ban is recognised, and the switch that lifts it is named", () => {
  const check = diagnose({ userNamespaces: { works: false, because: "apparmor" } }).find(
    ({ name }) => name === "user namespaces",
  );
  assert.match(check?.mend ?? "", /kernel\.apparmor_restrict_unprivileged_userns = 0/);
  assert.match(check?.meaning ?? "", /all programs of this host/);
});

test("without control groups apps run, with less, and the way to accept that is said", () => {
  const checks = diagnose({
    cgroup: { mode: "unified", memory: undefined, tasks: undefined, cpu: undefined, freeze: undefined },
    systemd: { system: true, user: false },
  });
  assert.ok(canRun(checks));
  const memory = checks.find(({ name }) => name === "limit of memory");
  assert.equal(memory?.state, "weaker");
  assert.match(memory?.meaning ?? "", /--accept-weaker=memory/);
  assert.equal(memory?.mend, "sudo loginctl enable-linger ada");
});

test("what only weakens is not called missing: the network, Landlock, an untested system", () => {
  assert.ok(canRun(diagnose({ tun: false, landlockAbi: 0, distribution: "ubuntu 24.04" })));
});

test("a range of ids that is too small is missing", () => {
  const small = { first: 100_000, count: 1000 };
  assert.equal(canRun(diagnose({ subordinateIds: { uid: small, gid: small } })), false);
  assert.equal(canRun(diagnose({ subordinateIds: undefined })), false);
});

test("a base that ages is told with its command, and stops no app", () => {
  const checks = doctorChecks({
    facts: ABLE_FACTS,
    missing: [],
    helper: { kind: "built", path: "/helper" },
    aging: ["the base old is deprecated; skerry migrate app --to new moves app"],
  });
  const check = checks.find(({ name }) => name === "bases");
  assert.equal(check?.state, "weaker");
  assert.match(check?.meaning ?? "", /skerry migrate app --to new/);
  assert.ok(canRun(checks));
});
