/** Disks with systems of their own, for tests: one of a single sector, and one with Debian's kernel. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CACHE, ROOT } from "./trial.fixture.ts";

const SECTOR = 512;

/** What the disk's second sector says at first. */
export const AS_IT_WAS = "as it was";

/** A disk with the system of fixtures/boot-sector.s. @param folder - for what is made on the way */
export function smallDisk(folder: string, bytes = 1024 * 1024): Buffer {
  const object = join(folder, "boot.o");
  const binary = join(folder, "boot.bin");
  execFileSync("/usr/bin/as", ["--32", "-o", object, join(ROOT, "tests/journeys/fixtures/boot-sector.s")]);
  execFileSync("/usr/bin/ld", ["-m", "elf_i386", "--oformat", "binary", "-Ttext", "0x7c00", "-o", binary, object]);
  const disk = Buffer.alloc(bytes);
  execFileSync("/usr/bin/cat", [binary]).copy(disk);
  disk.write(`${AS_IT_WAS}\r\n\0`, SECTOR);
  return disk;
}

/** Debian's kernel, as it lies in the cache since the machines of apps have it; undefined where it is not there. */
export function kernelPackage(): string | undefined {
  const folder = `${CACHE}/home/data/store/debs`;
  // Others may fetch meanwhile, and rename what they have fetched.
  const sizeOf = (name: string) => statSync(`${folder}/${name}`, { throwIfNoEntry: false })?.size ?? 0;
  const large = readdirSync(folder).filter((name) => name.endsWith(".deb") && sizeOf(name) > 50 * 1024 * 1024);
  return large
    .map((name) => `${folder}/${name}`)
    .find((file) =>
      execFileSync("/usr/bin/dpkg-deb", ["-f", file, "Package"], { encoding: "utf8" }).startsWith("linux-image-"),
    );
}

/** What it does when it is up: says what it was started by and what it has, and switches itself off. */
const INIT = `#!/bin/busybox sh
for module in /modules/*.ko; do [ -e "$module" ] && /bin/busybox insmod "$module"; done
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
echo "Debian $(/bin/busybox uname -r) is up"
[ -d /sys/firmware/efi ] && echo "it was started by UEFI"
echo "its TPM has version $(/bin/busybox cat /sys/class/tpm/tpm0/tpm_version_major)"
echo "its cards are" $(/bin/busybox ls /sys/class/net)
echo "its folders are" $(/bin/busybox cat /sys/bus/virtio/drivers/9pnet_virtio/*/mount_tag 2>/dev/null | /bin/busybox tr '\\0' ' ')
. /more
/bin/busybox poweroff -f
`;

/** Takes the address that it is told. */
const LEASE = `#!/bin/busybox sh
[ "$1" = bound ] || exit 0
/bin/busybox ip addr add "$ip/$mask" dev "$interface"
/bin/busybox ip route add default via "$router"
echo "nameserver $dns" >/etc/resolv.conf
`;

/** Drivers of a network card, of folders by 9p and of disks, each after what it needs. */
const DRIVERS = [
  "failover",
  "net_failover",
  "virtio_net",
  "netfs",
  "9pnet",
  "9pnet_virtio",
  "9p",
  "virtio_blk",
  "cdrom",
  "isofs",
] as const;

/** For the firmware's own shell. */
const STARTUP = "fs0:\r\nvmlinuz.efi initrd=\\initrd console=ttyS0 quiet panic=-1\r\n";

interface Parts {
  /** What it does before it switches itself off, for busybox. */
  readonly more?: string;
  /** Beside what each has. */
  readonly drivers?: readonly string[];
}

/** In the folder, which must be there: Debian's kernel as `vmlinuz`, and busybox in a first root as `initrd`. */
export function debianParts(kernel: string, folder: string, { more = "", drivers = [] }: Parts): void {
  const root = `${folder}/root`;
  for (const path of ["bin", "dev", "etc", "modules", "mnt", "proc", "sys"])
    mkdirSync(`${root}/${path}`, { recursive: true });
  copyFileSync("/usr/bin/busybox", `${root}/bin/busybox`);
  writeFileSync(`${root}/init`, INIT, { mode: 0o755 });
  writeFileSync(`${root}/lease`, LEASE, { mode: 0o755 });
  writeFileSync(`${root}/more`, more);
  const script = `set -eu; cd "$1"; kernel=$2; shift 2
    dpkg-deb --fsys-tarfile "$kernel" >kernel.tar
    tar -xf kernel.tar --wildcards './boot/vmlinuz-*' $(printf '*/%s.ko.xz ' "$@")
    number=10
    for driver; do
      xz -dc "$(find . -name "$driver.ko.xz")" >"root/modules/$number-$driver.ko"
      number=$((number + 1))
    done
    (cd root; find . | busybox cpio -o -H newc) >initrd 2>/dev/null
    mv boot/vmlinuz-* vmlinuz
    rm kernel.tar`;
  const words = ["-c", script, "sh", folder, kernel, ...DRIVERS, ...drivers];
  execFileSync("/bin/sh", words, { stdio: ["ignore", "ignore", "inherit"] });
}

/**
 * A disk that UEFI starts Debian's kernel from, with busybox in a first root.
 *
 * @param more - what it does before it switches itself off, for busybox
 */
export function debianDisk(kernel: string, folder: string, more = ""): string {
  debianParts(kernel, folder, { more });
  writeFileSync(`${folder}/startup.nsh`, STARTUP);
  const script = `set -eu; cd "$1"
    truncate -s 40M debian.raw
    /usr/sbin/mkfs.vfat -F 32 debian.raw >/dev/null
    mcopy -i debian.raw vmlinuz ::vmlinuz.efi
    mcopy -i debian.raw initrd startup.nsh ::`;
  execFileSync("/bin/sh", ["-c", script, "sh", folder], { stdio: ["ignore", "ignore", "inherit"] });
  return `${folder}/debian.raw`;
}
