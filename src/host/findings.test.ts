import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { addresses6, findPath, hostAddresses, kernelMountNear, linksOnTheWay, localAddresses4 } from "./findings.ts";

const TREE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 203.0.113.0
        /24 link UNICAST
     |-- 203.0.113.1
        /24 link UNICAST
        /32 host LOCAL
     |-- 203.0.113.255
        /32 link BROADCAST
     |-- 127.0.0.0
        /8 host LOCAL
     |-- 10.99.0.2
        /32 host LOCAL
`;

test("the routing tree's local leaves are the host's addresses, and no others", () => {
  assert.deepEqual(localAddresses4(TREE), ["203.0.113.1", "10.99.0.2"]);
});

test("addresses in hexadecimal come out in the form that others write", () => {
  const table =
    "20010db8000000000000000000000001 02 40 00 82     eth0\nfe80000000000000d4006efffea3ccbb 02 40 20 c0 eth0\n";
  assert.deepEqual(addresses6(table), ["2001:db8::1", "fe80::d400:6eff:fea3:ccbb"]);
});

test("loopback is not among the host's addresses, and each is there once", () => {
  const all = hostAddresses();
  assert.equal(new Set(all).size, all.length);
  assert.ok(!all.includes("127.0.0.1") && !all.includes("::1"));
});

const MOUNTS = String.raw`25 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 25 0:22 / /proc rw - proc proc rw
31 25 0:23 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw
32 25 0:24 / /home/a\040b/chroot/dev/pts rw - devpts devpts rw
33 25 0:25 / /mnt/usb rw - vfat /dev/sdb1 rw
`;

test("a kernel's own mount is found when it holds the folder, and when it lies below it", () => {
  assert.equal(kernelMountNear("/", MOUNTS), "/proc");
  assert.equal(kernelMountNear("/proc/1", MOUNTS), "/proc");
  assert.equal(kernelMountNear("/sys/fs", MOUNTS), "/sys/fs/cgroup");
  assert.equal(kernelMountNear("/home/a b", MOUNTS), "/home/a b/chroot/dev/pts");
  assert.equal(kernelMountNear("/mnt", MOUNTS), undefined);
  assert.equal(kernelMountNear("/process", MOUNTS), undefined);
});

test("every link on the way is named by its own place", async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "links-")));
  mkdirSync(`${folder}/real/deep`, { recursive: true });
  symlinkSync("real", `${folder}/one`);
  symlinkSync(`${folder}/one/deep`, `${folder}/two`);
  assert.deepEqual(linksOnTheWay(`${folder}/two/new`), [`${folder}/two`, `${folder}/one`]);
  assert.deepEqual(linksOnTheWay(`${folder}/real/deep`), []);
  symlinkSync("round", `${folder}/round`);
  assert.ok(linksOnTheWay(`${folder}/round`).length <= 40, "a circle has an end");
  rmSync(folder, { recursive: true });
});

test("a file of the kernel's is no plain file", async () => {
  assert.equal((await findPath("/proc/self/environ")).type, "other");
  assert.equal((await findPath(import.meta.filename)).type, "file");
});
