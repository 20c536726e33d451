/**
 * Probe: finds the facts of this host (model/host-facts.ts).
 *
 * Facts are what was seen or tried here and now; what to make of them is for others. What cannot be found is reported
 * as absent, never guessed. Leaves nothing behind.
 */
import { access, constants, open, readdir, readFile, readlink, stat } from "node:fs/promises";
import { availableParallelism, release, tmpdir, userInfo } from "node:os";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { probeAccelerator } from "./accelerator/probe-accelerator.ts";
import type { HostFacts } from "../model/index.ts";
import { probeCgroup } from "./probe-cgroup.ts";
import { probeOverlay, probeTproxy, probeUserNamespaces } from "./probe-namespaces.ts";
import { probePrograms } from "./probe-programs.ts";
import {
  architectureOf,
  distributionOf,
  gpusOf,
  hasSeccomp,
  landlockAbiOf,
  localeOf,
  memoryMiBOf,
  rangeOf,
  timeZoneOf,
} from "./probe-texts.ts";
import { cleanEnvironment, runProgram } from "./run-program.ts";

export interface ProbeOptions {
  /** Where an overlay is tried; the folder for temporary files without it. */
  readonly workFolder?: string;
  /** Without them no program is asked for its version, which saves most of the time. */
  readonly versions?: boolean;
  /** Where it is remembered what a trial of KVM came to; without it none is made. */
  readonly acceleratorFile?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

export async function probeHost(environment: Environment, options: ProbeOptions = {}): Promise<HostFacts> {
  const uid = process.getuid?.() ?? -1;
  const gid = process.getgid?.() ?? -1;
  const user = userName(uid);
  const kernel = release();
  const cgroup = probeCgroup();
  const programs = await probePrograms(environment["PATH"], options.versions ?? true);
  const kvm = await opensForWriting("/dev/kvm");
  const userNamespaces = await probeUserNamespaces(programs, uid);
  const [subuid, subgid] = [
    rangeOf(await textOf("/etc/subuid"), user, uid),
    rangeOf(await textOf("/etc/subgid"), user, uid),
  ];
  return {
    kernel,
    architecture: architectureOf(process.arch),
    distribution: distributionOf((await textIf("/etc/os-release")) ?? (await textOf("/usr/lib/os-release"))),
    uid,
    gid,
    user,
    programs,
    userNamespaces,
    subordinateIds: subuid === undefined || subgid === undefined ? undefined : { uid: subuid, gid: subgid },
    overlay: userNamespaces.works && (await probeOverlay(programs, options.workFolder ?? tmpdir())),
    cgroup: await cgroup,
    landlockAbi: landlockAbiOf(
      kernel,
      await textIf("/sys/kernel/security/lsm"),
      await kernelConfig(kernel),
      await textOf("/proc/cmdline"),
    ),
    seccomp: hasSeccomp(await textOf("/proc/self/status")),
    // What root starts connects as another user, who needs a device that is open to all.
    tun: (await opensForWriting("/dev/net/tun")) && (uid !== 0 || (await isOpenToAll("/dev/net/tun"))),
    tproxy: userNamespaces.works && (await probeTproxy(programs)),
    kvm,
    accelerator:
      options.acceleratorFile === undefined
        ? { kind: "emulated", because: "not-tried" }
        : await probeAccelerator({
            device: await kvmDevice(kvm, uid),
            qemu: programs["qemu-system-x86_64"]?.path,
            file: options.acceleratorFile,
          }),
    iommuGroups: (await readdir("/sys/kernel/iommu_groups").catch(() => [])).length,
    systemd: await probeSystemd(environment, programs),
    gpus: await probeGpus(),
    locale: localeOf(environment["LANG"], [await textIf("/etc/locale.conf"), await textIf("/etc/default/locale")]),
    timeZone: timeZoneOf(
      environment["TZ"],
      await readlink("/etc/localtime").catch(() => undefined),
      await textIf("/etc/timezone"),
    ),
    display: await probeDisplay(environment),
    memoryMiB: memoryMiBOf(await textOf("/proc/meminfo")),
    cpus: availableParallelism(),
  };
}

/** A uid without a line in passwd(5) has no name; its number serves. */
function userName(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return String(uid);
  }
}

async function textIf(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch(() => undefined);
}

async function textOf(path: string): Promise<string> {
  return (await textIf(path)) ?? "";
}

/** Opened, not asked for its permission bits: a device policy of a container refuses only here. */
async function opensForWriting(path: string): Promise<boolean> {
  try {
    await (await open(path, "r+")).close();
    return true;
  } catch {
    return false;
  }
}

async function isOpenToAll(path: string): Promise<boolean> {
  const about = await stat(path).catch(() => undefined);
  return about !== undefined && (about.mode & 0o006) === 0o006;
}

/** What root starts runs as another user, who needs a device that is open to all. */
async function kvmDevice(opens: boolean, uid: number): Promise<"opens" | "closed" | "absent"> {
  const file = "/dev/kvm";
  if (opens && (uid !== 0 || (await isOpenToAll(file)))) return "opens";
  return (await stat(file).catch(() => undefined)) === undefined ? "absent" : "closed";
}

/** Only read when /sys/kernel/security/lsm says nothing, as in most containers. */
async function kernelConfig(kernel: string): Promise<string | undefined> {
  const packed = await readFile("/proc/config.gz").catch(() => undefined);
  if (packed === undefined) return await textIf(`/boot/config-${kernel}`);
  return (await promisify(gunzip)(packed, { maxOutputLength: 4 * 1024 * 1024 })).toString("utf8");
}

/** sd_booted(3) for the system; the user's manager is asked, since its socket may be left over. */
async function probeSystemd(environment: Environment, programs: HostFacts["programs"]): Promise<HostFacts["systemd"]> {
  const system = await stat("/run/systemd/system").then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  const systemctl = programs["systemctl"]?.path;
  if (!system || systemctl === undefined) return { system, user: false };
  const answer = await runProgram([systemctl, "--user", "show", "--property=Version"], {
    timeoutMs: 20_000,
    environment: {
      ...cleanEnvironment(),
      XDG_RUNTIME_DIR: environment["XDG_RUNTIME_DIR"],
      DBUS_SESSION_BUS_ADDRESS: environment["DBUS_SESSION_BUS_ADDRESS"],
    },
  });
  return { system, user: answer.ok && answer.value.code === 0 };
}

/** A machine has some hundred PCI devices at most. */
const PCI_LIMIT = 1000;

async function probeGpus(): Promise<readonly string[]> {
  const folder = "/sys/bus/pci/devices";
  const names = await readdir(folder).catch(() => []);
  const devices = names.slice(0, PCI_LIMIT).map(async (name) => ({
    deviceClass: await textOf(`${folder}/${name}/class`),
    vendor: await textOf(`${folder}/${name}/vendor`),
  }));
  return gpusOf(await Promise.all(devices));
}

/** Sockets and variables of a session; a variable whose socket is gone counts as nothing. */
async function probeDisplay(environment: Environment): Promise<HostFacts["display"]> {
  const [wayland, runtime] = [environment["WAYLAND_DISPLAY"], environment["XDG_RUNTIME_DIR"]];
  const socket = wayland?.startsWith("/") === true ? wayland : `${runtime ?? ""}/${wayland ?? ""}`;
  const there =
    wayland !== undefined &&
    wayland !== "" &&
    (await access(socket, constants.W_OK).then(
      () => true,
      () => false,
    ));
  return { wayland: there ? socket : undefined, x11: environment["DISPLAY"] || undefined };
}
