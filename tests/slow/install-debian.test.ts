/**
 * A system with Debian's kernel is installed from an ISO as distributions make theirs: one file for BIOS and UEFI, with GRUB.
 *
 * What it writes to the disk is again such an image, which both start from a disk as well; so it is the same installer
 * for either firmware.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done } from "../journeys/life.fixture.ts";
import { debianParts, kernelPackage } from "../journeys/own-system.fixture.ts";
import { lacksForMachines, makeTrial } from "../journeys/trial.fixture.ts";

const NEEDED = [
  ...["/usr/bin/grub-mkrescue", "/usr/bin/xorriso", "/usr/bin/mformat", "/usr/bin/busybox"],
  ...["/usr/lib/grub/i386-pc", "/usr/lib/grub/x86_64-efi", "/usr/share/OVMF/OVMF_CODE_4M.fd"],
];
const lacking = NEEDED.find((file) => !existsSync(file));
const skip = lacksForMachines() || (lacking === undefined ? false : `cannot here: ${lacking} is not installed`);
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const timeoutMs = 600_000;

/** A controller of the old kind, and what reads a CD at it; each after what it needs. */
const CD_DRIVERS = ["scsi_common", "scsi_mod", "libata", "libahci", "ahci", "sr_mod"];

const INSTALL = `/bin/busybox mount -t devtmpfs dev /dev
until [ -b /dev/sr0 ] && [ -b /dev/vda ]; do /bin/busybox sleep 1; done
/bin/busybox mount -t iso9660 -o ro /dev/sr0 /mnt
/bin/busybox dd if=/mnt/system.img of=/dev/vda bs=1M conv=fsync 2>/dev/null && echo "it is installed"
`;

const MENU = `terminal_output console
linux /vmlinuz console=ttyS0 quiet panic=-1
initrd /initrd
boot
`;

/** @param beside - a further file on it. @returns its path */
function hybridIso(name: string, more: string, beside?: string): string {
  const folder = `${trial.files}/${name}`;
  const tree = `${folder}/tree`;
  mkdirSync(`${tree}/boot/grub`, { recursive: true });
  debianParts(kernelPackage() ?? "", folder, { more, drivers: CD_DRIVERS });
  for (const part of ["vmlinuz", "initrd"]) copyFileSync(`${folder}/${part}`, `${tree}/${part}`);
  if (beside !== undefined) copyFileSync(beside, `${tree}/system.img`);
  writeFileSync(`${tree}/boot/grub/grub.cfg`, MENU);
  execFileSync("/usr/bin/grub-mkrescue", ["-o", `${folder}.iso`, tree], { stdio: "ignore" });
  return `${folder}.iso`;
}

for (const firmware of ["uefi", "bios"] as const)
  test(`an ISO with GRUB installs a system that ${firmware} then starts from its disk`, { skip }, async (context) => {
    if (kernelPackage() === undefined) return context.skip("cannot here: no kernel was fetched for machines");
    const installed = hybridIso(`${firmware}-system`, 'echo "it was installed"\n');
    const iso = hybridIso(`${firmware}-installer`, INSTALL, installed);
    for (const folder of ["deployments", "recipes"]) mkdirSync(`${trial.home}/config/${folder}`, { recursive: true });
    writeFileSync(
      `${trial.home}/config/recipes/${firmware}.yaml`,
      `skerry: recipe/1\nsummary: A system\nimage: disk\nmachine: { firmware: ${firmware} }\n`,
    );
    const mebibytes = Math.ceil(statSync(installed).size / (1024 * 1024)) + 16;
    writeFileSync(
      `${trial.home}/config/deployments/${firmware}.yaml`,
      `skerry: deployment/1\nrecipe: ${firmware}\nisolation: vm\nlimits: { memory: 512 MiB }\ndisks:\n  new: { answer: empty, size: ${mebibytes} MiB }\n  install: { answer: subset, file: ${iso} }\n`,
    );
    const first = await done(trial, ["run", "-q", firmware], { timeoutMs });
    assert.match(first.stdout, /^it is installed$/m);
    const second = await done(trial, ["run", "-q", firmware], { timeoutMs });
    assert.match(second.stdout, /^it was installed$/m);
    for (const { stdout } of [first, second])
      assert.equal(/^it was started by UEFI$/m.test(stdout), firmware === "uefi");
  });
