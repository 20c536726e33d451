import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { attachedBy } from "../../host/channel/attach-to.ts";
import type { CompartmentSpec, HostFacts, ShownScreen } from "../../model/index.ts";
import type { Step } from "../../step/index.ts";
import { type BackendContext } from "../backend.ts";
import { ABLE, backendContract, CONTEXT, SEALED } from "../contract.fixture.ts";
import { planWith } from "../plan-with.ts";
import { quoted } from "./start-disk.ts";
import { vm } from "./vm.ts";

backendContract(vm, {});

function planOf(spec: CompartmentSpec, context: BackendContext = CONTEXT) {
  const plan = planWith(vm, spec, context);
  assert.ok(plan.ok, JSON.stringify(plan));
  return plan.value;
}

/** What the first program in the machine is to run, each word in quotes. */
function words(steps: readonly Step[]): string {
  const archive = steps.find((step) => step.kind === "write-archive");
  const entry = archive?.entries.find(({ path }) => path === "words");
  const content = entry?.kind === "file" ? String(entry.content) : "";
  return content.replaceAll(/([^\0]*)\0/g, "'$1' ").trimEnd();
}

function after(argv: readonly string[], word: string): readonly string[] {
  return argv.flatMap((one, index) => (one === word ? [argv[index + 1] ?? ""] : []));
}

test("outside of the machine is a wall without network, rights or files of the owner's", () => {
  const { argv } = planOf(SEALED);
  for (const word of ["user", "ipc", "pid", "uts", "cgroup", "net"])
    assert.ok(argv.includes(`--unshare-${word}`), word);
  assert.deepEqual(after(argv, "--cap-drop"), ["ALL"]);
  assert.deepEqual(after(argv, "--bind"), []);
  const shown = after(argv, "--ro-bind").filter((path) => !path.startsWith("/r/compartments/viewer.0badcafe/stage/"));
  assert.deepEqual(shown, ["/usr"]);
});

test("the machine has disks, streams and nothing else", () => {
  const { argv } = planOf(SEALED);
  const devices = after(argv, "-device").map((device) => device.replace(/,.*/, ""));
  assert.deepEqual(devices, [
    ...["virtio-blk-pci", "virtio-blk-pci", "virtio-blk-pci", "virtio-serial-pci"],
    ...["virtserialport", "virtio-balloon-pci"],
  ]);
  assert.ok(argv.includes("-nodefaults"), "QEMU would add a network card");
  assert.ok(after(argv, "-drive").every((drive) => drive.includes("readonly=on")));
  assert.match(after(argv, "-sandbox").join(), /spawn=deny/);
});

const BY_NAMES = { ...SEALED, contributions: [{ kind: "named-network", request: "internet", rules: [] } as const] };

test("with a network answered for, the outer wall has what a container has, and passt speaks for the machine in it", () => {
  const { argv, steps } = planOf(BY_NAMES);
  assert.ok(!argv.includes("--unshare-net") && argv.includes("--network-namespace"));
  const inside = argv.flatMap((word, index) =>
    word === "--inside" ? [argv.slice(index + 1, argv.indexOf(";", index))] : [],
  );
  assert.deepEqual(
    inside.map(([program]) => program),
    ["/usr/sbin/nft", "/usr/sbin/ip", "/usr/sbin/ip", "/usr/bin/perl"],
    "the filter is in force before passt is there",
  );
  const passt = inside.at(-1) ?? [];
  for (const [word, value] of [
    ["--socket", "/r/compartments/viewer.0badcafe/stage/card"],
    ["--tcp-ports", "none"],
    ["--udp-ports", "none"],
  ])
    assert.equal(passt[passt.indexOf(word ?? "") + 1], value);
  assert.ok(passt.includes("--no-map-gw"));
  assert.deepEqual(after(argv, "-netdev"), ["stream,id=card,server=off,addr.type=unix,addr.path=/run/card"]);
  assert.ok(!words(steps).includes("--unshare-net"), "the app shares the machine's network");
});

test("without passt a network in a machine is refused with the package to install", () => {
  const { passt: _, ...programs } = ABLE.programs;
  const plan = planWith(vm, BY_NAMES, { ...CONTEXT, facts: { ...ABLE, programs } });
  assert.ok(!plan.ok && plan.problem.kind === "network-unavailable");
  assert.deepEqual([plan.problem.backend, plan.problem.missing], ["vm", ["passt: run ./skerry setup (package passt)"]]);
});

test("a granted screen is one socket to the machine, behind a wall of its own in there", () => {
  const display = (screen: ShownScreen) => ({ kind: "display", request: "display", screen }) as const;
  const { argv, steps } = planOf({ ...SEALED, contributions: [display("virtual")] });
  const { folder, name } = CONTEXT.screen ?? { folder: "", name: "" };
  const at = argv.indexOf(`${folder}/${name}`);
  assert.deepEqual(argv.slice(at - 1, at + 2), ["--ro-bind", `${folder}/${name}`, "/vm/screen"]);
  assert.match(after(argv, "-chardev").join("\n"), /^socket,id=port\d+,path=\/vm\/screen$/m);
  assert.match(words(steps), /'--ro-bind' '\/display\/wayland-0' '\/run\/user\/1000\/wayland-0'/);
  const archive = steps.find((step) => step.kind === "write-archive");
  const way = archive?.entries.find(({ path }) => path === "screen");
  assert.ok(way?.kind === "file");
  assert.match(
    String(way.content),
    /^owner=1000:1000\nset -- .*'--unshare-net'.*'--cap-drop' 'ALL'.*'\/usr\/bin\/way'\n$/,
  );
  // Which screen it is was decided by what the socket leads to.
  for (const screen of ["own", "part"] as const)
    assert.deepEqual(planOf({ ...SEALED, contributions: [display(screen)] }).argv, argv);
  const template = { kind: "make", folder: "/templates/new" } as const;
  const machine = { ...(CONTEXT.machine ?? assert.fail()), template };
  const copied = planWith(vm, { ...SEALED, contributions: [display("virtual")] }, { ...CONTEXT, machine });
  assert.ok(!copied.ok && copied.problem.kind === "cannot-enforce" && copied.problem.contribution === "display");
});

test("a folder is read-only on the host's side where it must not be written", () => {
  const bind = { kind: "bind", source: "/home/owner/notes", target: "/work" } as const;
  const { argv, steps } = planOf({
    ...SEALED,
    contributions: [
      { ...bind, access: "read" },
      { ...bind, target: "/own", access: "write" },
    ],
  });
  assert.deepEqual(
    after(argv, "-fsdev").map((words) => words.includes("readonly=on")),
    [true, false],
  );
  assert.deepEqual(argv.slice(argv.indexOf("/home/owner/notes") - 1).slice(0, 6), [
    ...["--ro-bind", "/home/owner/notes", "/vm/folder0/here"],
    ...["--bind", "/home/owner/notes", "/vm/folder1/here"],
  ]);
  assert.match(
    words(steps),
    /'--ro-bind' '\/folders\/folder0\/here' '\/work' '--bind' '\/folders\/folder1\/here' '\/own'/,
  );
});

test("a request's folder has a place that another one can be shown on, and what is hidden in it is hidden outside", () => {
  const slot = { kind: "slot", request: "notes", target: "/work" } as const;
  const bare = planOf({ ...SEALED, contributions: [slot] });
  const at = bare.argv.indexOf("/r/slots/notes");
  assert.deepEqual(bare.argv.slice(at - 1, at + 2), ["--ro-bind", "/r/slots/notes", "/vm/folder0/here"]);
  assert.ok(bare.argv.includes("--make-shared"));
  assert.match(words(bare.steps), /'--ro-bind' '\/start\/slots\/folder0' '\/work' '--chdir'/);
  const filled = planOf({
    ...SEALED,
    contributions: [
      slot,
      { kind: "bind", source: "/home/owner/notes", target: "/work", access: "write" },
      { kind: "empty-folder", target: "/work/own" },
    ],
  });
  const from = filled.argv.indexOf("/r/slots/notes");
  assert.deepEqual(filled.argv.slice(from + 2, from + 5), ["--bind", "/home/owner/notes", "/vm/folder0/here"]);
  assert.ok(after(filled.argv, "--remount-ro").includes("/vm/folder0/here/own"));
  assert.match(
    words(filled.steps),
    /'--ro-bind' '\/start\/slots\/folder0' '\/work' '--bind' '\/folders\/folder0\/here' '\/work' '--chdir'/,
  );
  assert.equal(after(filled.argv, "-fsdev").length, 1);
  assert.deepEqual(vm.slot?.({ ...SEALED, contributions: [slot] }, "notes", "hide-and-end")?.slice(-3), [
    ...["hide", "folder0", "end"],
  ]);
  assert.equal(vm.slot?.({ ...SEALED, contributions: [slot] }, "other", "show"), undefined);
  assert.deepEqual(vm.slot?.({ ...SEALED, guest: "system", contributions: [slot] }, "notes", "show"), [
    ...["/etc/skerry/skerry-helper", "slot", "--place", "/work", "--", "show", "folder0"],
  ]);
});

test("a copy of a folder is made outside, and is what the machine sees", () => {
  const copy = { kind: "copy", request: "notes", source: "/home/owner/notes", target: "/work" } as const;
  const { argv } = planOf({ ...SEALED, contributions: [copy] });
  const merged = "/r/compartments/viewer.0badcafe/copy-1/merged";
  assert.deepEqual(argv.slice(argv.lastIndexOf(merged) - 1).slice(0, 3), ["--bind", merged, "/vm/folder0/here"]);
  assert.ok(!argv.slice(argv.indexOf("--unshare-user")).includes("/home/owner/notes"));
  assert.deepEqual(
    after(argv, "-fsdev").map((device) => device.includes("readonly=on")),
    [false],
  );
});

test("started by root, a folder is shown as the app's own", () => {
  const { argv } = planOf({
    ...SEALED,
    user: { uid: 165000, gid: 165000, allocated: true },
    contributions: [{ kind: "bind", source: "/srv/notes", target: "/work", access: "read" }],
  });
  const at = argv.indexOf("--idmap");
  assert.deepEqual(argv.slice(at, at + 5), [
    ...["--idmap", "/srv/notes", "/r/compartments/viewer.0badcafe/stage/1", "165000", "165000"],
  ]);
});

test("inside, the app stands behind the same wall as in a container", () => {
  const { steps } = planOf(SEALED);
  const inside = words(steps);
  for (const word of [
    "--unshare-net",
    "--cap-drop' 'ALL",
    "--disable-userns",
    "--clearenv",
    "--seccomp' '/start/filter",
  ])
    assert.ok(inside.includes(`'${word}'`), word);
  assert.ok(inside.endsWith("'--' '/usr/bin/viewer' 'my file.pdf'"), inside);
});

test("a program that enters goes behind the inner wall, with the app's user, filter and limit", () => {
  const wall = { spec: SEALED, childPid: 4711, startTicks: "99", cgroups: [] };
  const entry = { command: ["/bin/ls", "a b"], directory: "/", environment: { A: "b c" } } as const;
  const entrance = vm.enter?.(wall, entry, { ...CONTEXT, node: "/usr/bin/node" });
  assert.ok(entrance !== undefined);
  assert.deepEqual(entrance.steps, []);
  const { uid, gid } = SEALED.user;
  assert.deepEqual(entrance.argv.slice(3), [
    ...["4711", "99", "--", "/bin/skerry-helper", "enter", "--child", "{child}", "--start-ticks", "{ticks}"],
    ...["--seccomp", "/start/filter", "--uid", String(uid), "--gid", String(gid), "--tasks", "4096"],
    ...["--directory", "/", "--set", "A=b c", "--", "/bin/ls", "a b"],
  ]);
  // The command line does the same without a second Node.
  const attached = attachedBy(entrance.argv, CONTEXT.places.program);
  assert.deepEqual(attached?.machine, { pid: 4711, startTicks: "99" });
  assert.deepEqual(attached.command, entrance.argv.slice(6));
  assert.equal(attachedBy(["/bin/skerry-helper", "enter", "--child", "4711"], CONTEXT.places.program), undefined);
});

test("a written limit on memory is the machine's size", () => {
  const limits = { ...SEALED.limits, memoryBytes: 300 * 1024 * 1024 };
  const { argv, weaker } = planOf({ ...SEALED, limits });
  assert.deepEqual(after(argv, "-m"), ["300"]);
  assert.deepEqual(weaker, []);
});

test("more folders than a machine has places for are refused", () => {
  const contributions = Array.from({ length: 30 }, (_, index) => ({
    ...({ kind: "bind", source: "/srv", access: "read" } as const),
    target: `/f${index}`,
  }));
  const plan = planWith(vm, { ...SEALED, contributions }, CONTEXT);
  assert.ok(!plan.ok && plan.problem.kind === "machine-full", JSON.stringify(plan));
});

test("without QEMU it names the package to install", () => {
  const { "qemu-system-x86_64": _, ...programs } = ABLE.programs;
  assert.deepEqual(vm.missing({ ...ABLE, programs }), ["qemu-system-x86_64: install Debian's package qemu-system-x86"]);
});

test("a VMM that is not here, or cannot run such a machine, is refused by name", () => {
  const refusedBy = (spec: CompartmentSpec, facts: HostFacts) => {
    const plan = planWith(vm, spec, { ...CONTEXT, facts });
    return plan.ok ? undefined : plan.problem;
  };
  const program = { path: "/usr/local/bin/vmm", version: undefined };
  for (const [vmm, cannot] of [
    ["cloud-hypervisor", /streams between a machine and its host/],
    ["crosvm", undefined],
    ["firecracker", /names that a machine finds them by/],
  ] as const) {
    const spec = { ...SEALED, vmm };
    const missing = refusedBy(spec, ABLE);
    assert.ok(missing?.kind === "backend-unavailable" && missing.missing[0]?.startsWith(`${vmm}: Debian has no`));
    const there: HostFacts = { ...ABLE, programs: { ...ABLE.programs, [vmm]: program } };
    const emulated = refusedBy(spec, there);
    assert.ok(emulated?.kind === "vmm-lacks" && emulated.vmm === vmm);
    assert.equal(emulated.lacks[0], "run where there is no KVM");
    const other = refusedBy(spec, { ...there, accelerator: { kind: "kvm", because: undefined } });
    if (cannot === undefined) assert.equal(other, undefined);
    else assert.ok(other?.kind === "vmm-lacks" && cannot.test(other.lacks.join()));
  }
});

test("emulated, a machine has one processor, and the host's own is not there to it", () => {
  const { argv } = planOf({ ...SEALED, limits: { ...SEALED.limits, cpuPercent: 300 } }, withCpuLimit(ABLE));
  assert.deepEqual([after(argv, "-accel"), after(argv, "-smp"), after(argv, "-cpu")], [["tcg"], ["1"], ["max,-cx16"]]);
  assert.ok(!argv.join(" ").includes("kvm"));
});

test("where a trial of KVM has passed, the machine has the host's processor, and as much of it as its limit allows", () => {
  const facts: HostFacts = { ...ABLE, cpus: 8, accelerator: { kind: "kvm", because: undefined } };
  const { argv } = planOf(SEALED, { ...CONTEXT, facts });
  assert.deepEqual(after(argv, "--dev-bind"), ["/dev/kvm"]);
  assert.deepEqual([after(argv, "-M"), after(argv, "-accel"), after(argv, "-smp")], [["microvm"], ["kvm"], ["8"]]);
  assert.ok(after(argv, "-device").every((device) => !device.includes("-pci")));
  const limited = planOf({ ...SEALED, limits: { ...SEALED.limits, cpuPercent: 150 } }, withCpuLimit(facts));
  assert.deepEqual(after(limited.argv, "-smp"), ["2"]);
});

test("a limit on the processor's time is the host's to keep, and refused where it cannot", () => {
  const limits = { ...SEALED.limits, cpuPercent: 50 };
  const refused = planWith(vm, { ...SEALED, limits }, CONTEXT);
  assert.ok(!refused.ok && refused.problem.kind === "limit-unenforceable" && refused.problem.limit === "cpu");
  assert.ok(planOf({ ...SEALED, limits }, withCpuLimit(ABLE)).cgroups.length > 0);
});

function withCpuLimit(facts: HostFacts): BackendContext {
  return { ...CONTEXT, facts: { ...facts, cgroup: { ...facts.cgroup, cpu: "/sys/fs/cgroup/owner" } } };
}

test("a shell reads each quoted word as what it is", () => {
  const word = fc.string({ maxLength: 30, unit: "binary" }).filter((text) => !text.includes("\0"));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 5 }), (chosen) => {
      const script = `set -- ${chosen.map(quoted).join(" ")}\nprintf '%s\\0' "$#" "$@"`;
      const said = execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" });
      assert.deepEqual(said.split("\0").slice(0, -1), [
        String(chosen.length),
        ...chosen.map((one) => one.toWellFormed()),
      ]);
    }),
    { numRuns: 30 },
  );
});
