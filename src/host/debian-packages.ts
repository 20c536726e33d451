/**
 * The Debian packages that Skerry needs on a host, and what each is for.
 *
 * Ubuntu has them under the same names. A package counts as there when the files are that it is needed for, whoever
 * has put them there.
 */
import { access } from "node:fs/promises";

export interface DebianPackage {
  readonly name: string;
  /** Completes "needed to …". */
  readonly purpose: string;
  /** Each must be there; of alternatives, separated by `|`, one. A word without a slash is a program. */
  readonly files: readonly string[];
  /** Apps run without it, and one thing cannot be done. */
  readonly optional?: true;
}

export const DEBIAN_PACKAGES: readonly DebianPackage[] = [
  { name: "bubblewrap", purpose: "put the wall around an app", files: ["bwrap"] },
  { name: "uidmap", purpose: "give apps and builds user ids of their own", files: ["newuidmap", "newgidmap"] },
  { name: "util-linux", purpose: "make and enter namespaces", files: ["unshare", "nsenter", "setpriv", "flock"] },
  { name: "mount", purpose: "lay the layers of an image over each other", files: ["mount"] },
  { name: "passwd", purpose: "give a user a range of user ids", files: ["usermod"] },
  { name: "passt", purpose: "connect an app to the network without root", files: ["pasta"] },
  { name: "nftables", purpose: "keep an app away from this host's own addresses", files: ["nft"] },
  { name: "apt", purpose: "find out which packages an image needs", files: ["apt-get", "apt-cache"] },
  { name: "dpkg", purpose: "unpack and check packages", files: ["dpkg-deb", "dpkg-query"] },
  { name: "tar", purpose: "unpack packages", files: ["tar"] },
  { name: "xz-utils", purpose: "unpack packages", files: ["xz"] },
  { name: "zstd", purpose: "unpack packages", files: ["zstd"] },
  {
    name: "debian-archive-keyring",
    purpose: "check the signatures of Debian's archive",
    files: ["/usr/share/keyrings/debian-archive-keyring.gpg|/usr/share/keyrings/debian-archive-keyring.pgp"],
  },
  {
    name: "ca-certificates",
    purpose: "check who answers over https",
    files: ["/etc/ssl/certs/ca-certificates.crt"],
  },
  {
    name: "inotify-tools",
    purpose: "learn which files an app opens",
    files: ["inotifywait"],
    optional: true,
  },
  { name: "gcc", purpose: "build Skerry's small helper program", files: ["cc"] },
  {
    name: "libc6-dev",
    purpose: "build Skerry's small helper program",
    files: ["/usr/include/stdlib.h", "/usr/lib/*/libc.a"],
  },
];

/** What deployments may want of a host beside those, each by its own words. */
export const MACHINE_PACKAGES = {
  qemu: { name: "qemu-system-x86", purpose: "run virtual machines", files: ["qemu-system-x86_64"], optional: true },
  erofs: { name: "erofs-utils", purpose: "make the disks of virtual machines", files: ["mkfs.erofs"], optional: true },
  ovmf: {
    name: "ovmf",
    purpose: "start systems of their own by UEFI",
    files: ["/usr/share/OVMF/OVMF_CODE_4M.fd"],
    optional: true,
  },
  swtpm: { name: "swtpm", purpose: "give systems of their own a TPM", files: ["swtpm"], optional: true },
  qemuUtils: {
    name: "qemu-utils",
    purpose: "keep snapshots of disks of systems of their own",
    files: ["qemu-img"],
    optional: true,
  },
} as const satisfies Readonly<Record<string, DebianPackage>>;

/** The release lines that these packages were tried on, as HostFacts.distribution has them. */
const TESTED = ["debian 12", "debian 13"];

export type Support = "tested" | "untested" | "unknown";

/** `untested` are Ubuntu and other releases of Debian; of all others the names of the packages are not known. */
export function supportOf(distribution: string): Support {
  if (TESTED.includes(distribution)) return "tested";
  const [id] = distribution.split(" ");
  return id === "debian" || id === "ubuntu" ? "untested" : "unknown";
}

/**
 * Which packages are missing. Pure.
 *
 * @param programs - those found on this host
 * @param files - those of {@link filesToLookFor} that are there
 */
export function missingPackages(
  programs: Readonly<Record<string, unknown>>,
  files: ReadonlySet<string>,
  architecture: string,
  wanted: readonly DebianPackage[] = DEBIAN_PACKAGES,
): readonly DebianPackage[] {
  const there = (file: string) => (file.includes("/") ? files.has(file) : programs[file] !== undefined);
  return wanted.filter(
    (item) => !item.files.every((choice) => choice.split("|").some((file) => there(placed(file, architecture)))),
  );
}

/** The files, as opposed to programs, that packages are known by. */
export function filesToLookFor(
  architecture: string,
  wanted: readonly DebianPackage[] = DEBIAN_PACKAGES,
): readonly string[] {
  return wanted
    .flatMap(({ files }) => files.flatMap((choice) => choice.split("|")))
    .filter((file) => file.includes("/"))
    .map((file) => placed(file, architecture));
}

/** The star stands for Debian's name of the architecture's folder. */
function placed(file: string, architecture: string): string {
  const folders: Readonly<Record<string, string>> = { amd64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };
  return file.replace("*", folders[architecture] ?? architecture);
}

export async function presentFiles(files: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await Promise.all(
    files.map((file) =>
      access(file).then(
        () => [file],
        () => [],
      ),
    ),
  );
  return new Set(found.flat());
}
