import assert from "node:assert/strict";
import { test } from "node:test";
import type { CompartmentSpec, Contribution } from "../model/index.ts";
import { container } from "./container/container.ts";
import { CONTEXT, SEALED } from "./contract.fixture.ts";
import { planWith } from "./plan-with.ts";
import { vm } from "./vm/vm.ts";

function refusedLimit(backend: typeof vm, spec: CompartmentSpec, accept: readonly string[] = []): string {
  const plan = planWith(backend, { ...spec, acceptWeaker: accept }, CONTEXT);
  if (plan.ok) return `weaker: ${plan.value.weaker.flatMap((one) => (one.written ? [one.limit] : [])).join()}`;
  return plan.problem.kind === "limit-unenforceable" ? plan.problem.limit : plan.problem.kind;
}

const io = { readBytes: 4 << 20, writeOperations: 100 };

test("a rate of reading is kept by a machine's program, and refused in a container", () => {
  const spec = { ...SEALED, limits: { ...SEALED.limits, io } };
  assert.equal(refusedLimit(container, spec), "io");
  assert.equal(refusedLimit(container, spec, ["disk"]), "io");
  assert.equal(refusedLimit(container, spec, ["io"]), "weaker: io");
  const plan = planWith(vm, spec, CONTEXT);
  assert.ok(plan.ok);
  const words = plan.value.argv.join(" ");
  assert.deepEqual(
    plan.value.weaker.filter(({ written }) => written),
    [],
  );
  assert.equal(
    words.split(",throttling.group=io,throttling.bps-read=4194304,throttling.iops-write=100").length,
    words.split(" -drive ").length,
  );
  const free = planWith(vm, SEALED, CONTEXT);
  assert.ok(free.ok && !free.value.argv.join(" ").includes("throttling"));
});

test("a program for machines that holds no rate is refused by name", () => {
  const programs = { ...CONTEXT.facts.programs, crosvm: { path: "/usr/bin/crosvm", version: undefined } };
  const context = { ...CONTEXT, facts: { ...CONTEXT.facts, programs } };
  const plan = planWith(vm, { ...SEALED, vmm: "crosvm", limits: { ...SEALED.limits, io } }, context);
  assert.ok(!plan.ok && plan.problem.kind === "vmm-lacks");
  assert.match(plan.problem.lacks.join(), /hold reading and writing to a rate/);
});

test("space is kept where nothing is kept on disks, and refused where folders of the host's are", () => {
  const limits = { ...SEALED.limits, diskBytes: 1 << 30 };
  const volume: Contribution = {
    ...({ kind: "bind", access: "write" } as const),
    ...{ source: `${CONTEXT.places.data}/volumes/${SEALED.name}/notes`, target: "/home/app/notes" },
  };
  const copy: Contribution = { kind: "copy", request: "notes", source: "/home/owner/notes", target: "/notes" };
  const granted: Contribution = { kind: "bind", source: "/home/owner/out", target: "/out", access: "write" };
  for (const backend of [container, vm]) {
    assert.equal(refusedLimit(backend, { ...SEALED, limits, contributions: [granted] }), "weaker: ");
    const both: readonly Contribution[] = [volume, copy];
    for (const contribution of both) {
      const spec: CompartmentSpec = { ...SEALED, limits, contributions: [contribution] };
      assert.equal(refusedLimit(backend, spec), "disk", contribution.kind);
      assert.equal(refusedLimit(backend, spec, ["disk"]), "weaker: disk");
    }
  }
});
