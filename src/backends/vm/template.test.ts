import assert from "node:assert/strict";
import { test } from "node:test";
import type { CompartmentSpec } from "../../model/index.ts";
import type { BackendContext, TemplateWish } from "../backend.ts";
import { ABLE, CONTEXT, SEALED } from "../contract.fixture.ts";
import { planWith } from "../plan-with.ts";
import { vm } from "./vm.ts";

const GRANTED: CompartmentSpec = {
  ...SEALED,
  contributions: [
    { kind: "bind", source: "/home/owner/notes", target: "/work", access: "read" },
    { kind: "secret", name: "key", source: { kind: "file", path: "/home/owner/key" } },
  ],
};

const FILES = CONTEXT.machine;

function planOf(wish: TemplateWish | undefined, spec = GRANTED, facts = ABLE) {
  if (FILES === undefined) throw new Error("the fixture has no machine");
  const machine = wish === undefined ? FILES : { ...FILES, template: wish };
  const context: BackendContext = { ...CONTEXT, facts, machine };
  const plan = planWith(vm, spec, context);
  assert.ok(plan.ok, JSON.stringify(plan));
  return plan.value;
}

const MAKE = { kind: "make", folder: "/d/building/t" } as const;
const COPY = { kind: "copy", folder: "/d/templates/viewer/k" } as const;

test("a machine that is written down is given nothing of a start", () => {
  const { steps, argv } = planOf(MAKE);
  const said = JSON.stringify([steps, argv]);
  for (const word of ["/home/owner", "/m/viewer.0badcafe", "my file.pdf", "keep-secret"])
    assert.ok(!said.includes(word), word);
  const archive = steps.find((step) => step.kind === "write-archive");
  assert.deepEqual([archive?.entries, (archive?.fillBytes ?? 0) > 0], [[], true]);
  // Its devices are those of a start, with nothing behind them.
  assert.deepEqual(
    argv.flatMap((word, index) => (word === "--dir" ? [argv[index + 1]] : [])),
    ["/vm/folder0/here", "/vm/folder1/here"],
  );
});

test("a copy has its folders and its secret, and of the template can write to the memory alone", () => {
  const { steps, argv } = planOf(COPY);
  assert.ok(steps.some(({ kind }) => kind === "keep-secret"));
  const at = argv.indexOf(COPY.folder);
  assert.deepEqual(argv.slice(at - 1, at + 5), [
    ...["--ro-bind", COPY.folder, "/vm/template"],
    ...["--bind", `${COPY.folder}/memory`, "/vm/template/memory"],
  ]);
  assert.ok(argv.some((word) => word.includes("share=off")) && !argv.some((word) => word.includes("share=on")));
});

test("where a copy does not go on, what boots is what would have booted", () => {
  const boots = planOf(undefined).argv;
  const { argv } = planOf(COPY);
  assert.deepEqual(argv.slice(argv.indexOf("--or-else") + 1), boots.slice(boots.lastIndexOf("/run") + 1));
});

test("a template is named by its machine, and by nothing of a start", () => {
  const key = planOf(undefined).template?.key;
  assert.match(key ?? "", /^[0-9a-f]{32}$/);
  for (const same of [
    planOf(MAKE),
    planOf(COPY),
    planOf(COPY, { ...GRANTED, name: "other", id: "other.1", command: ["/bin/true"] }),
  ])
    assert.equal(same.template?.key, key);
  const newer = { path: "/usr/bin/qemu-system-x86_64", version: "10.0.0" };
  for (const other of [
    planOf(COPY, SEALED),
    planOf(COPY, { ...GRANTED, limits: { ...GRANTED.limits, memoryBytes: 300 * 1024 * 1024 } }),
    planOf(COPY, GRANTED, { ...ABLE, programs: { ...ABLE.programs, "qemu-system-x86_64": newer } }),
  ])
    assert.notEqual(other.template?.key, key);
});

test("started by root, a template is shown as the app's own", () => {
  const { argv } = planOf(MAKE, { ...SEALED, user: { uid: 165000, gid: 165000, allocated: true } });
  const at = argv.indexOf(MAKE.folder);
  assert.deepEqual(argv.slice(at - 1, at + 4), [
    ...["--idmap", MAKE.folder, "/r/compartments/viewer.0badcafe/stage/template", "165000", "165000"],
  ]);
});
