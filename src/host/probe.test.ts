import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import test from "node:test";
import * as fc from "fast-check";
import { probeHost } from "./probe.ts";
import { cgroupLayout } from "./probe-cgroup.ts";
import { type BanSigns, banOf } from "./probe-namespaces.ts";
import { searchFolders } from "./probe-programs.ts";
import {
  distributionOf,
  freeRange,
  gpusOf,
  landlockAbiOf,
  localeOf,
  memoryMiBOf,
  RANGE_SIZE,
  rangeOf,
  subordinateRanges,
  timeZoneOf,
  versionIn,
} from "./probe-texts.ts";

test("the distribution is told by os-release, quoted or not", () => {
  assert.equal(distributionOf('PRETTY_NAME="Debian GNU/Linux 13"\nVERSION_ID="13"\nID=debian\n'), "debian 13");
  assert.equal(distributionOf("ID='ubuntu'\nVERSION_ID='24.04'\nID_LIKE=debian\n"), "ubuntu 24.04");
  assert.equal(distributionOf("ID=debian\n"), "debian");
  assert.equal(distributionOf(""), "unknown");
});

test("the locale is the session's, else the system's", () => {
  const file = '# a comment\nLANG="de_DE.UTF-8"\nLC_TIME=C\n';
  assert.equal(localeOf("fr_FR.UTF-8", [file]), "fr_FR.UTF-8");
  assert.equal(localeOf(undefined, [undefined, file]), "de_DE.UTF-8");
  assert.equal(localeOf("", ["LANG=$(id)\n", undefined]), "C.UTF-8");
});

test("versions are found in what programs say of themselves", () => {
  const said = {
    "bubblewrap 0.8.0\n": "0.8.0",
    "nftables v1.0.6 (Lester Gooch #5)": "1.0.6",
    "*** Zstandard CLI (64-bit) v1.5.4, by Yann Collet ***": "1.5.4",
    "systemd 252 (252.38-1~deb12u1)": "252.38",
    "pasta unknown version\nLicence GPL 3.0": undefined,
    "": undefined,
  };
  for (const [text, version] of Object.entries(said)) assert.equal(versionIn(text), version, text);
});

test("a user's range of ids is found by name or number, the large one first", () => {
  const text = "bob:100000:65536\nada:300000:1000\nada:165536:65536\n1001:400000:65536\n# ada:1:2\nada:x:1\n";
  assert.deepEqual(rangeOf(text, "ada", 1000), { first: 165_536, count: 65_536 });
  assert.deepEqual(rangeOf(text, "eve", 1001), { first: 400_000, count: 65_536 });
  assert.equal(rangeOf(text, "carl", 1002), undefined);
});

test("a free range overlaps no other, whatever stands in the files", () => {
  const line = fc.record({ first: fc.integer({ min: 0, max: 700_000 }), count: fc.integer({ min: 0, max: 200_000 }) });
  const file = fc
    .array(line, { maxLength: 20 })
    .map((lines) => lines.map(({ first, count }) => `u:${first}:${count}`).join("\n"));
  fc.assert(
    fc.property(file, file, (subuid, subgid) => {
      const free = freeRange(subuid, subgid);
      assert.ok(free !== undefined);
      assert.ok(free.first >= 100_000 && free.count === RANGE_SIZE);
      for (const taken of [...subordinateRanges(subuid), ...subordinateRanges(subgid)]) {
        assert.ok(taken.first + taken.count <= free.first || free.first + free.count <= taken.first);
      }
    }),
  );
  assert.deepEqual(freeRange("", ""), { first: 100_000, count: RANGE_SIZE });
  assert.equal(freeRange("u:100000:600000000", ""), undefined);
});

test("Landlock counts where the kernel says that it is on", () => {
  const config = 'CONFIG_SECURITY_LANDLOCK=y\nCONFIG_LSM="landlock,lockdown,yama"\n';
  assert.equal(landlockAbiOf("6.12.48+deb13-amd64", "lockdown,capability,landlock,yama", undefined, ""), 6);
  assert.equal(landlockAbiOf("6.1.0-40-amd64", "capability,landlock", undefined, ""), 2);
  assert.equal(landlockAbiOf("6.1.0-40-amd64", "capability,apparmor", config, ""), 0);
  assert.equal(landlockAbiOf("6.18.1", undefined, config, "quiet"), 7);
  assert.equal(landlockAbiOf("6.18.1", undefined, config, "quiet lsm=apparmor"), 0);
  assert.equal(landlockAbiOf("5.10.0", "landlock", undefined, ""), 0);
  assert.equal(landlockAbiOf("6.18.1", undefined, undefined, ""), 0);
});

test("graphics cards are told by their vendor", () => {
  const devices = [
    { deviceClass: "0x030000\n", vendor: "0x8086\n" },
    { deviceClass: "0x030200\n", vendor: "0x10DE\n" },
    { deviceClass: "0x038000", vendor: "0x1af4" },
    { deviceClass: "0x020000", vendor: "0x1002" },
  ];
  assert.deepEqual(gpusOf(devices), ["intel", "nvidia", "1af4"]);
});

test("the time zone is what tools of the host would take", () => {
  assert.equal(timeZoneOf(":Europe/Berlin", "/usr/share/zoneinfo/Asia/Tokyo", undefined), "Europe/Berlin");
  assert.equal(timeZoneOf(undefined, "../usr/share/zoneinfo/Asia/Tokyo", "Etc/UTC\n"), "Asia/Tokyo");
  assert.equal(timeZoneOf("/etc/evil", undefined, "Etc/UTC\n"), "Etc/UTC");
  assert.equal(timeZoneOf(undefined, undefined, undefined), "UTC");
});

test("memory is counted in MiB", () => {
  assert.equal(memoryMiBOf("MemTotal:       16384000 kB\nMemFree: 1 kB\n"), 16_000);
  assert.equal(memoryMiBOf(""), 0);
});

test("only absolute folders of PATH are searched, and the system's besides", () => {
  assert.deepEqual(searchFolders("bin:/opt/bin::.:/usr/bin"), ["/opt/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]);
});

const V2_MOUNT = "31 24 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";

test("a session of systemd on version 2: its own folder first, then those above", () => {
  const layout = cgroupLayout(V2_MOUNT, "0::/user.slice/user-1000.slice/session-2.scope\n");
  assert.deepEqual(layout, {
    mode: "unified",
    unified: [
      "/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope",
      "/sys/fs/cgroup/user.slice/user-1000.slice",
      "/sys/fs/cgroup/user.slice",
      "/sys/fs/cgroup",
    ],
    legacy: {},
  });
});

test("controllers of version 1 beside version 2 are hybrid, alone they are legacy", () => {
  const v1 = "33 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct";
  const membership = "4:cpu,cpuacct:/app\n1:name=systemd:/\n0::/\n";
  const hybrid = cgroupLayout(`${v1}\n${V2_MOUNT.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")}`, membership);
  assert.equal(hybrid.mode, "hybrid");
  assert.deepEqual(hybrid.unified, ["/sys/fs/cgroup/unified"]);
  assert.deepEqual(hybrid.legacy["cpu"], ["/sys/fs/cgroup/cpu,cpuacct/app", "/sys/fs/cgroup/cpu,cpuacct"]);
  assert.equal(cgroupLayout(v1, membership).mode, "legacy");
  assert.deepEqual(cgroupLayout("", "").mode, "none");
});

test("in a container only what is mounted is looked at", () => {
  const mounted = V2_MOUNT.replace(" / /sys", " /docker/abc /sys");
  assert.deepEqual(cgroupLayout(mounted, "0::/docker/abc/x\n").unified, ["/sys/fs/cgroup/x", "/sys/fs/cgroup"]);
  assert.deepEqual(cgroupLayout(mounted, "0::/docker/abcdef\n").unified, ["/sys/fs/cgroup"]);
  assert.deepEqual(cgroupLayout(V2_MOUNT, "0::/../elsewhere\n").unified, ["/sys/fs/cgroup"]);
});

const NO_SIGNS: BanSigns = {
  uid: 1000,
  namespaceFile: "allow\n",
  apparmor: undefined,
  sysctl: undefined,
  limit: "96365\n",
  containerSigns: [undefined],
  status: "Seccomp:\t0\n",
};

test("who bans user namespaces is found out", () => {
  assert.equal(banOf({ ...NO_SIGNS, namespaceFile: undefined }), "kernel");
  assert.equal(banOf({ ...NO_SIGNS, apparmor: "1\n" }), "apparmor");
  assert.equal(banOf({ ...NO_SIGNS, apparmor: "0\n", sysctl: "0\n" }), "sysctl");
  assert.equal(banOf({ ...NO_SIGNS, limit: "0\n", apparmor: "1\n" }), "limit");
  assert.equal(banOf({ ...NO_SIGNS, status: "Seccomp:\t2\n" }), "container");
  assert.equal(banOf({ ...NO_SIGNS, containerSigns: ["docker"] }), "container");
  assert.equal(banOf(NO_SIGNS), "unknown");
});

test("the switches for ordinary users do not explain a ban on root", () => {
  assert.equal(banOf({ ...NO_SIGNS, uid: 0, apparmor: "1\n", sysctl: "0\n" }), "unknown");
});

test("this host has facts, and finding them leaves nothing behind", async () => {
  const facts = await probeHost({ PATH: process.env["PATH"], LANG: "" });
  assert.match(facts.kernel, /^\d+\.\d+/);
  assert.equal(facts.locale, "C.UTF-8");
  assert.ok(facts.memoryMiB > 0 && facts.cpus > 0);
  assert.equal(facts.uid, process.getuid?.());
  const left = (await readdir(tmpdir())).filter((name) => name.startsWith("skerry-probe-"));
  assert.deepEqual(left, []);
});
