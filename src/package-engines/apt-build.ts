/**
 * How package code is run: behind bubblewrap, inside namespaces that hold the user's ids (host/run-inside.ts).
 *
 * Two walls. With the host's tools: the host's /usr, read-only, and one writable folder; for unpacking only. Behind the
 * wall: the layer itself is the root, and its maintainer scripts see nothing else. Neither has a network, and the old
 * root is gone (pivot_root), so that a script with a namespace's full rights has nowhere to break out to.
 */
import type { HostFacts } from "../model/index.ts";
import type { Argv, Environment, InsideCommand } from "../step/index.ts";
import { CAPTURED, type LayerBuild } from "./engine.ts";

/**
 * What installing takes, and nothing else. Without CAP_SYS_ADMIN a script can neither mount nor take away what
 * bubblewrap has laid over /proc; that counts most when root builds, since root is then the same user inside.
 */
const INSTALLER_RIGHTS = [
  ...["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"],
  ...["CAP_SETFCAP", "CAP_SYS_CHROOT"],
];

/** What unpacking and looking takes: dpkg-deb and tar give files their owners. */
const TOOL_RIGHTS = ["CAP_CHOWN", "CAP_FOWNER", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_SETFCAP"];

function rights(names: readonly string[]): readonly string[] {
  return ["--cap-drop", "ALL", ...names.flatMap((name) => ["--cap-add", name])];
}

/** Bytes that /tmp and /run have while packages are installed: they lie in the host's memory. */
const TEMPORARY_BYTES = String(512 * 1024 * 1024);

const HOST: Environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" };

/** The namespaces that every command gets; the user and mount namespaces are there already. */
const WALL = [
  "--unshare-pid",
  "--unshare-net",
  "--unshare-ipc",
  "--unshare-uts",
  "--die-with-parent",
  "--new-session",
] as const;

/**
 * Read-only as a whole: its settings of the kernel ask for root's number and not for a capability, and where root
 * builds, root has that number inside too. What bubblewrap covers of /proc by itself leaves these open.
 */
const PROC = ["--proc", "/proc", "--remount-ro", "/proc"] as const;

/** The host's own tools at work on `/target`, the layer's folder. They see it, the packages, and nothing to write. */
export function withHostTools(build: LayerBuild, label: string, argv: Argv): InsideCommand {
  return {
    label,
    environment: HOST,
    argv: [
      ...bwrap(build.facts),
      ...WALL,
      // These rights end at this namespace's ids.
      ...rights(TOOL_RIGHTS),
      ...["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin"],
      ...["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", ...PROC, "--dev", "/dev"],
      ...["--tmpfs", "/tmp", "--ro-bind", build.debs, "/debs", "--bind", `${build.folder}/fs`, "/target"],
      "--",
      ...argv,
    ],
  };
}

/** The layer itself as the root, with the packages at hand and services told to stay down. */
export function installing(build: LayerBuild, root: string, label: string, argv: Argv): InsideCommand {
  const packages = [
    "--ro-bind",
    build.debs,
    "/run/debs",
    "--ro-bind",
    `${build.folder}/policy-rc.d`,
    "/usr/sbin/policy-rc.d",
  ];
  return behindWall(build, root, label, argv, packages);
}

/** The locale as files of its own and not in one archive, which would hold those of the layers below once more. */
export function generateLocale(build: LayerBuild, root: string): readonly InsideCommand[] {
  const { locale } = build;
  if (locale === undefined) return [];
  // `de_DE.UTF-8@euro` is made from the source `de_DE@euro`; localedef(1).
  const source = locale.replace(".UTF-8", "");
  const aliases = "/usr/share/locale/locale.alias";
  const argv = ["/usr/bin/localedef", "--no-archive", "-i", source, "-f", "UTF-8", "-A", aliases, locale] as const;
  return [behindWall(build, root, `generate the locale ${locale}`, argv)];
}

/** The layer itself as the root, and nothing else. */
function behindWall(
  build: LayerBuild,
  root: string,
  label: string,
  argv: Argv,
  binds: readonly string[] = [],
): InsideCommand {
  return {
    label,
    environment: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: "/root",
      LC_ALL: "C.UTF-8",
      DEBIAN_FRONTEND: "noninteractive",
      DEBCONF_NONINTERACTIVE_SEEN: "true",
      SOURCE_DATE_EPOCH: String(build.epoch),
    },
    argv: [
      ...bwrap(build.facts),
      ...WALL,
      ...rights(INSTALLER_RIGHTS),
      ...["--hostname", "build", "--bind", root, "/", ...PROC, "--dev", "/dev"],
      ...["--perms", "1777", "--size", TEMPORARY_BYTES, "--tmpfs", "/tmp"],
      ...["--perms", "0755", "--size", TEMPORARY_BYTES, "--tmpfs", "/run"],
      ...binds,
      ...["--chdir", "/", "--"],
      ...argv,
    ],
  };
}

/** The layers below and the new one as one tree. */
export function overlay(build: LayerBuild): InsideCommand {
  const mount = build.facts.programs["mount"]?.path ?? "/usr/bin/mount";
  const options = `userxattr,volatile,lowerdir=${build.below.join(":")},upperdir=${build.folder}/fs,workdir=${build.folder}/work`;
  return {
    label: "join the layers",
    environment: HOST,
    argv: [mount, "-t", "overlay", "skerry", "-o", options, `${build.folder}/merged`],
  };
}

/** Takes away what differs from build to build or means nothing in an image. */
export function cleanUp(build: LayerBuild, root: string): readonly InsideCommand[] {
  const leftovers = [
    // bubblewrap made an empty file to bind the policy on.
    "/usr/sbin/policy-rc.d",
    ...[
      "/var/lib/dbus/machine-id",
      "/var/cache/ldconfig/aux-cache",
      "/var/lib/dpkg/lock",
      "/var/lib/dpkg/lock-frontend",
    ],
  ];
  const lists = ["/var/cache/apt", "/var/lib/apt/lists", "/var/log"];
  return [
    behindWall(build, root, "clean up", ["/usr/bin/find", ...lists, "-xdev", "-type", "f", "-delete"]),
    behindWall(build, root, "clean up", ["/usr/bin/rm", "-f", ...leftovers]),
    // Each instance has its own, which is laid over it.
    behindWall(build, root, "clean up", ["/usr/bin/truncate", "--no-create", "--size=0", "/etc/machine-id"]),
  ];
}

/**
 * Takes away every right that a file gives, and looks for what must not be there.
 *
 * Done from outside, with the host's tools and after all foreign code has ended: the layer's own find may be anything.
 * Nothing in a compartment gains rights by starting a program, but the layer lies on the host too, where a set-id
 * program would be just that.
 *
 * @param whiteouts - the layer lies on others, and so may hold the marks by which overlayfs hides a lower file
 */
export function harmless(build: LayerBuild, whiteouts: boolean): readonly InsideCommand[] {
  const look = ["/usr/bin/find", "/target", "-xdev"] as const;
  const special = [...["-type", "b", "-o", "-type", "f", "-perm", "/6000"], ...(whiteouts ? [] : ["-o", "-type", "c"])];
  // Also a change of owner that changes nothing takes away set-id bits and file capabilities (chown(2), capabilities(7)).
  const chown = ["-type", "f", "-perm", "/111", "-exec", "/usr/bin/chown", "--no-dereference", "", "{}", "+"];
  const others = ["-type", "f", "-perm", "/6000", "-exec", "/usr/bin/chmod", "ug-s", "{}", "+"];
  // Packages' own files are older; what was made here would else say when.
  const touch = ["/usr/bin/touch", "--no-dereference", `--date=@${build.epoch}`, "--"];
  const settle = ["-newermt", `@${build.epoch}`, "-exec", ...touch, "{}", "+"];
  return [
    withHostTools(build, "take away file rights, settle times", [...look, ...chown, ",", ...others, ",", ...settle]),
    {
      ...withHostTools(build, "look for device nodes", [...look, "(", ...special, ")", "-printf", "/%P\\n"]),
      capture: CAPTURED.special,
    },
  ];
}

/** The new layer by itself again. */
export function leaveOverlay(build: LayerBuild): InsideCommand {
  const umount = build.facts.programs["umount"]?.path ?? "/usr/bin/umount";
  return { label: "part the layers", environment: HOST, argv: [umount, `${build.folder}/merged`] };
}

/** What is installed now, and what a start has to know of the image. */
export function installed(build: LayerBuild, root: string): readonly InsideCommand[] {
  const ask = (label: string, argv: Argv, capture: string) => ({ ...behindWall(build, root, label, argv), capture });
  const row = "${Package} ${Version} ${db:Status-Abbrev}\\n";
  return [
    ask("read what is installed", ["/usr/bin/dpkg-query", "-W", "-f", row], CAPTURED.installed),
    ask("read the package state", ["/usr/bin/cat", "/var/lib/dpkg/status"], CAPTURED.status),
    ask("read users", ["/usr/bin/cat", "/etc/passwd"], CAPTURED.passwd),
    ask("read groups", ["/usr/bin/cat", "/etc/group"], CAPTURED.group),
  ];
}

/** bubblewrap, with the soft limit on descriptors that a login has: see {@link fewDescriptors}. */
function bwrap(facts: HostFacts): Argv {
  return [...fewDescriptors(facts), facts.programs["bwrap"]?.path ?? "/usr/bin/bwrap"];
}

/**
 * Node raises its soft limit on open files to the hard one, and its children inherit that. apt and others close every
 * possible descriptor before each program they start: with a million of them an update takes minutes.
 */
export function fewDescriptors(facts: HostFacts): Argv {
  return [facts.programs["prlimit"]?.path ?? "/usr/bin/prlimit", "--nofile=1024:", "--"];
}
