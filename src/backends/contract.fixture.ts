/** The contract that every backend keeps. What one cannot do is declared with its reason, not left out. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CompartmentSpec, type Contribution, type HostFacts, isWithin } from "../model/index.ts";
import type { Backend, BackendContext } from "./backend.ts";
import { planWith } from "./plan-with.ts";

const program = (path: string, version?: string) => ({ path, version });

/** A host that has everything but limits of its own. */
export const ABLE: HostFacts = {
  kernel: "6.12.0",
  architecture: "amd64",
  distribution: "debian 13",
  uid: 1000,
  gid: 1000,
  user: "owner",
  programs: {
    bwrap: program("/usr/bin/bwrap", "0.8.0"),
    pasta: program("/usr/bin/pasta"),
    passt: program("/usr/bin/passt"),
    ip: program("/usr/sbin/ip"),
    nft: program("/usr/sbin/nft"),
    "qemu-system-x86_64": program("/usr/bin/qemu-system-x86_64", "7.2.0"),
    "mkfs.erofs": program("/usr/bin/mkfs.erofs"),
  },
  userNamespaces: { works: true, because: undefined },
  subordinateIds: { uid: { first: 100000, count: 65536 }, gid: { first: 100000, count: 65536 } },
  overlay: true,
  cgroup: { mode: "unified", memory: undefined, tasks: undefined, cpu: undefined, freeze: undefined },
  landlockAbi: 0,
  seccomp: true,
  tun: true,
  tproxy: true,
  kvm: false,
  accelerator: { kind: "emulated", because: "closed" },
  systemd: { system: false, user: false },
  gpus: [],
  locale: "C.UTF-8",
  timeZone: "UTC",
  display: { wayland: undefined, x11: undefined },
  memoryMiB: 4096,
  cpus: 2,
};

export const CONTEXT: BackendContext = {
  facts: ABLE,
  places: { config: "/c", data: "/d", state: "/s", cache: "/a", runtime: "/r", program: "/p" },
  streams: "passed-on",
  files: "/r/instances/viewer/files",
  claim: "/r/instances/viewer/claim",
  screen: { folder: "/d/volumes/virtual-screen-0badcafe/screen", name: "wayland-1" },
  secrets: "/m/viewer.0badcafe",
  machine: {
    ...{ kernel: "/d/guest/kernel", root: "/d/guest/root.cpio", node: "/n/bin/node", program: "/p" },
    disks: ["/d/app.erofs", "/d/base.erofs"],
    way: { disks: ["/d/way.erofs", "/d/base.erofs"], command: ["/usr/bin/way"] },
  },
  hostAddresses: ["192.0.2.7/24"],
};

export const SEALED: CompartmentSpec = {
  name: "viewer",
  id: "viewer.0badcafe",
  layers: ["/d/app", "/d/base"],
  command: ["/usr/bin/viewer", "my file.pdf"],
  directory: "/home/app",
  user: { uid: 1000, gid: 1000, allocated: false },
  contributions: [],
  limits: { memoryBytes: undefined, tasks: undefined, cpuPercent: undefined },
  acceptWeaker: [],
  ownSandbox: false,
  endsWithCaller: false,
};

const ONE_OF_EACH: readonly Contribution[] = [
  { kind: "bind", source: "/home/owner/notes", target: "/work", access: "read" },
  { kind: "copy", request: "work", source: "/home/owner/notes", target: "/work" },
  { kind: "pick", source: "/home/owner/notes", files: ["a.txt"], target: "/work" },
  { kind: "slot", request: "work", target: "/work" },
  { kind: "empty-folder", target: "/work" },
  { kind: "memory-folder", target: "/work" },
  { kind: "file", target: "/etc/hostname", content: "viewer\n" },
  { kind: "variable", name: "LANG", value: "C.UTF-8" },
  { kind: "secret", name: "key", source: { kind: "file", path: "/home/owner/key" } },
  { kind: "display", request: "display", screen: "virtual" },
  { kind: "network", zones: [] },
  { kind: "named-network", request: "internet", rules: [] },
  { kind: "link", to: "database", port: 5432, as: "db.internal" },
  { kind: "publish", port: 8080, at: { kind: "loopback", address: "127.0.0.1", port: 8080 } },
];

/** The agent lets it in from outside: the wall that is planned for it is the same. */
const BESIDE_THE_WALL: readonly Contribution["kind"][] = ["publish"];

export function backendContract(backend: Backend, cannot: Partial<Record<Contribution["kind"], string>> = {}): void {
  describe(`${backend.name} keeps the backend contract`, () => {
    it("says what a bare host lacks, and plans nothing there", () => {
      const bare = { ...ABLE, programs: {}, userNamespaces: { works: false, because: "banned" }, overlay: false };
      assert.notDeepEqual(backend.missing(bare), []);
      assert.equal(planWith(backend, SEALED, { ...CONTEXT, facts: bare }).ok, false);
    });

    for (const contribution of ONE_OF_EACH) {
      const why = cannot[contribution.kind];
      it(why === undefined ? `lets in ${contribution.kind}` : `refuses ${contribution.kind}: ${why}`, () => {
        const plan = planWith(backend, { ...SEALED, contributions: [contribution] }, CONTEXT);
        assert.equal(plan.ok, why === undefined);
        const shows = why !== undefined || !BESIDE_THE_WALL.includes(contribution.kind);
        if (shows)
          assert.notDeepEqual(plan, planWith(backend, SEALED, CONTEXT), "a contribution must show in the plan");
      });
    }

    it("plans the same for the same, acts on nothing, and names programs by their whole path", () => {
      const plan = planWith(backend, SEALED, CONTEXT);
      assert.ok(plan.ok);
      assert.deepEqual(planWith(backend, structuredClone(SEALED), structuredClone(CONTEXT)), plan);
      assert.match(plan.value.argv[0], /^\//);
    });

    it("lets in nothing of the host's that the spec does not name", () => {
      const bind = { kind: "bind", source: "/home/owner/notes", target: "/work", access: "read" } as const;
      const words = (spec: CompartmentSpec) => {
        const plan = planWith(backend, spec, CONTEXT);
        assert.ok(plan.ok);
        return JSON.stringify(plan.value);
      };
      assert.ok(!words(SEALED).includes("/home/owner"));
      assert.ok(words({ ...SEALED, contributions: [bind] }).includes("/home/owner/notes"));
      for (const open of ["/dev/net/tun", "/dev/dri", '"--share-net"', "/home/owner/other"])
        assert.ok(!words({ ...SEALED, contributions: [bind] }).includes(open), open);
    });

    it("writes only below the folders that it was given, and nobody else may read what it writes of a start", () => {
      const plan = planWith(backend, SEALED, CONTEXT);
      assert.ok(plan.ok);
      for (const step of plan.value.steps) {
        if (step.kind !== "make-folder" && step.kind !== "write-file" && step.kind !== "write-archive") continue;
        const own = [CONTEXT.places.runtime, CONTEXT.places.data];
        assert.ok(
          own.some((folder) => isWithin(step.path, folder)),
          step.path,
        );
        if (step.kind === "write-archive") assert.equal(step.mode & 0o077, 0, step.path);
      }
    });

    it("takes no right from the host for an app that root starts, but the user that it is to be", () => {
      const user = { uid: 165000, gid: 165000, allocated: true };
      const plan = planWith(backend, { ...SEALED, user }, { ...CONTEXT, facts: { ...ABLE, uid: 0, gid: 0 } });
      assert.ok(plan.ok);
      const { argv } = plan.value;
      const becomes = argv.slice(argv.indexOf("--uid"), argv.indexOf("--uid") + 4);
      assert.deepEqual(becomes, ["--uid", "165000", "--gid", "165000"]);
      assert.deepEqual(argv.slice(argv.indexOf("--cap-drop")).slice(0, 2), ["--cap-drop", "ALL"]);
    });

    it("refuses a written limit that nothing here can hold, and goes on where that was accepted", () => {
      const limits = { memoryBytes: 64 * 1024 * 1024, tasks: undefined, cpuPercent: undefined };
      const refused = planWith(backend, { ...SEALED, limits }, CONTEXT);
      assert.ok(!refused.ok && refused.problem.kind === "limit-unenforceable" && refused.problem.limit === "memory");
      const accepted = planWith(backend, { ...SEALED, limits, acceptWeaker: ["memory"] }, CONTEXT);
      assert.ok(accepted.ok);
      assert.deepEqual(
        accepted.value.weaker.map(({ limit, written }) => [limit, written]),
        [["memory", true]],
      );
    });
  });
}
