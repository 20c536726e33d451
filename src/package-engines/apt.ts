/**
 * apt: Debian and what is made like it.
 *
 * Resolving uses the host's apt in a private root, without privileges; it sees nothing of the host's own package state.
 * Source: apt-get(8), apt.conf(5), sources.list(5), dpkg(1).
 */
import { type LockedPackage, type OsBase, PACKAGE_PATTERN } from "../model/index.ts";
import { refusal, success } from "../result.ts";
import type { InsideCommand } from "../step/index.ts";
import {
  cleanUp,
  fewDescriptors,
  generateLocale,
  harmless,
  installed,
  installing,
  leaveOverlay,
  overlay,
  withHostTools,
} from "./apt-build.ts";
import { sourceFiles } from "./apt-sources.ts";
import { readPolicy } from "./apt-policy.ts";
import { type Mirrors, mirrorOf, type PackageEngine, type ResolutionProblem } from "./engine.ts";

/** More than any image needs, and few enough that a lock stays small. */
const PACKAGES_LIMIT = 5000;

export const apt: PackageEngine = {
  name: "apt",
  programs: [
    "apt-get",
    "apt-cache",
    "dpkg-deb",
    "tar",
    "bwrap",
    "unshare",
    "setpriv",
    "newuidmap",
    "newgidmap",
    "mount",
  ],
  statusFile: "var/lib/dpkg/status",

  rootFiles(base, root, architecture, mirrors) {
    const settings = {
      Dir: root,
      "Dir::State::status": `${root}/var/lib/dpkg/status`,
      "Dir::Etc::sourcelist": `${root}/etc/apt/sources.list`,
      "Dir::Etc::sourceparts": `${root}/etc/apt/sources.list.d`,
      "APT::Architecture": architecture,
      "APT::Architectures": architecture,
      "APT::Install-Recommends": "false",
      "APT::Install-Suggests": "false",
      "APT::Update::Error-Mode": "any",
      // apt would otherwise become a user that cannot read the private root.
      "APT::Sandbox::User": "",
      "Acquire::Languages": "none",
      // Without it the addresses come with the weakest hash that the archive names.
      "Acquire::ForceHash": "SHA256",
      "Acquire::Retries": "2",
      "Acquire::http::Timeout": "30",
      "Acquire::https::Timeout": "30",
      "Acquire::http::Proxy": mirrors.proxy ?? "DIRECT",
      "Acquire::https::Proxy": mirrors.proxy ?? "DIRECT",
    };
    return {
      "apt.conf": Object.entries(settings)
        .map(([key, value]) => `${key} "${value}";\n`)
        .join(""),
      "etc/apt/sources.list.d/.keep": "",
      ...sourceFiles(base, mirrors),
      "etc/apt/apt.conf.d/.keep": "",
      "etc/apt/preferences.d/.keep": "",
      "etc/apt/trusted.gpg.d/.keep": "",
      "var/lib/apt/lists/partial/.keep": "",
      "var/cache/apt/archives/partial/.keep": "",
    };
  },

  update(root, facts) {
    return {
      argv: [...fewDescriptors(facts), pathOf(facts.programs, "apt-get"), "update", "-q"],
      environment: environmentFor(root),
    };
  },

  resolve(root, wanted, facts) {
    return {
      argv: [
        ...fewDescriptors(facts),
        pathOf(facts.programs, "apt-get"),
        "install",
        "--print-uris",
        // Quieter, and it would not say why packages cannot be installed together.
        "-q",
        "-y",
        // What lies below stays: a layer adds, and a wish that would take something away cannot be met.
        "--no-remove",
        "--",
        ...wanted.map(exactly),
      ],
      environment: environmentFor(root),
    };
  },

  readResolution(output, base, mirrors) {
    const packages: LockedPackage[] = [];
    for (const line of output.split("\n")) {
      // Rows begin with a quoted address; the rest is what apt tells a person.
      if (!line.startsWith("'")) continue;
      const locked = readRow(line, base, mirrors);
      if (locked === undefined || packages.length >= PACKAGES_LIMIT)
        return refusal({ kind: "bad-resolution", line: line.slice(0, 300) });
      packages.push(locked);
    }
    return success(packages.toSorted((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0)));
  },

  unmet(wanted, resolved, status) {
    const have = new Set(resolved.map(({ name }) => name));
    for (const stanza of status.split("\n\n")) {
      const name = /^Package: (\S+)$/m.exec(stanza)?.[1];
      if (name !== undefined && /^Status: \S+ ok installed$/m.test(stanza)) have.add(name);
    }
    // A pattern may match nothing; it is the base's own.
    return wanted.find((wish) => !wish.startsWith("?") && !have.has(wish));
  },

  names(root, facts) {
    return {
      argv: [facts.programs["apt-cache"]?.path ?? "/usr/bin/apt-cache", "pkgnames"],
      environment: environmentFor(root),
    };
  },

  newest(root, names, facts) {
    return {
      argv: [facts.programs["apt-cache"]?.path ?? "/usr/bin/apt-cache", "policy", "--", ...names],
      environment: environmentFor(root),
    };
  },

  readNewest: readPolicy,

  compareInstalled(captured, locked) {
    const found = new Map<string, string>();
    for (const line of captured.split("\n")) {
      const [name, version, status] = line.split(" ");
      if (name !== undefined && version !== undefined && status?.startsWith("ii") === true) found.set(name, version);
    }
    const known = new Set(locked.map(({ name }) => name));
    const differences = [
      ...locked
        .filter(({ name, version }) => found.get(name) !== version)
        .map(({ name, version }) => ({ name, locked: version, found: found.get(name) })),
      ...[...found]
        .filter(([name]) => !known.has(name))
        .map(([name, version]) => ({ name, locked: undefined, found: version })),
    ];
    return differences.length === 0 ? success(undefined) : refusal({ kind: "not-as-locked", differences });
  },

  readFailure(words): ResolutionProblem {
    const unknown = /E: Unable to locate package (\S+)|E: Package '([^']+)' has no installation candidate/.exec(words);
    const name = unknown?.[1] ?? unknown?.[2];
    if (name !== undefined) return { kind: "unknown-package", name, meant: undefined };
    const last = tellingLines(words).slice(0, 12).join("\n");
    if (
      /NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG|is not signed|Missing key|couldn't be verified|No good signature|is expired|is not valid yet/i.test(
        words,
      )
    ) {
      return { kind: "untrusted-archive", words: last };
    }
    if (
      /Failed to fetch|Could not (?:connect|resolve)|Temporary failure|Connection (?:failed|timed out)|Hash Sum mismatch|unexpected size/i.test(
        words,
      )
    ) {
      return { kind: "archive-unreachable", words: last };
    }
    return { kind: "unsatisfiable", words: last };
  },

  buildBase(build, base) {
    const fs = `${build.folder}/fs`;
    const links = base.mergedUsr.flatMap((name): InsideCommand[] => [
      withHostTools(build, `make /${name}`, ["/usr/bin/mkdir", "-p", `/target/usr/${name}`]),
      withHostTools(build, `make /${name}`, ["/usr/bin/ln", "-sfn", `usr/${name}`, `/target/${name}`]),
    ]);
    const extractor = [
      "/usr/bin/tar",
      "-x",
      "-p",
      "--numeric-owner",
      "--keep-directory-symlink",
      "-C",
      "/target",
    ] as const;
    return [
      ...links,
      withHostTools(build, "make mount points", [
        ...(["/usr/bin/mkdir", "-p", "/target/proc", "/target/dev", "/target/run"] as const),
      ]),
      withHostTools(build, "make /tmp", ["/usr/bin/mkdir", "-p", "-m", "1777", "/target/tmp"]),
      ...build.packages.map((locked) => ({
        ...withHostTools(build, `unpack ${locked.name}`, extractor),
        source: withHostTools(build, "", ["/usr/bin/dpkg-deb", "--fsys-tarfile", `/debs/${locked.sha256}.deb`]).argv,
      })),
      installing(build, fs, "configure the base", [
        ...(["/usr/bin/dpkg", "--force-depends", "--force-unsafe-io", "--install"] as const),
        ...build.packages.map(({ sha256 }) => `/run/debs/${sha256}.deb`),
      ]),
      ...cleanUp(build, fs),
      ...installed(build, fs),
      ...harmless(build, false),
    ];
  },

  buildOnTop(build) {
    const merged = `${build.folder}/merged`;
    const install: readonly InsideCommand[] =
      build.packages.length === 0
        ? []
        : [
            installing(build, merged, `install ${build.packages.length} packages`, [
              ...(["/usr/bin/apt-get", "-y", "-q"] as const),
              ...[
                "-o",
                "Dir::Cache::archives=/tmp/",
                "-o",
                "Dir::Etc::sourcelist=/dev/null",
                "-o",
                "Dir::Etc::sourceparts=/dev/null",
              ],
              ...[
                "-o",
                "Dpkg::Options::=--force-unsafe-io",
                "-o",
                "APT::Install-Recommends=false",
                "-o",
                "APT::Sandbox::User=root",
                // What it says is kept for a person to read, and no terminal.
                "-o",
                "Dpkg::Use-Pty=false",
              ],
              ...["--allow-downgrades", "--no-remove", "install"],
              ...build.packages.map(({ sha256 }) => `/run/debs/${sha256}.deb`),
            ]),
          ];
    return [
      overlay(build),
      ...install,
      ...generateLocale(build, merged),
      ...cleanUp(build, merged),
      ...installed(build, merged),
      leaveOverlay(build),
      ...harmless(build, true),
    ];
  },
};

/**
 * A name as apt takes it for that package and nothing else. Bare, `foo-` would remove foo, and an unknown name with a
 * dot would be a regular expression. Bases may use patterns of their own. Source: apt-patterns(7).
 */
function exactly(wish: string): string {
  // A name that only foreign or provided packages bear matches too, and has nothing to install.
  return wish.startsWith("?") ? wish : `?and(?exact-name(${wish}),?not(?virtual))`;
}

/** One row of `--print-uris`: `'URI' FILE SIZE SHA256:HEX`. */
function readRow(line: string, base: OsBase, mirrors: Mirrors): LockedPackage | undefined {
  const row = /^'([^']+)' (\S+) (\d+) SHA256:([0-9a-f]{64})$/.exec(line.trim());
  const [, uri, file, size, sha256] = row ?? [];
  if (uri === undefined || file === undefined || size === undefined || sha256 === undefined) return undefined;
  // No archive lies in another, so at most one fits (image/repositories.ts).
  const archive = base.archives.find((candidate) => uri.startsWith(`${mirrorOf(candidate, mirrors)}/`));
  const parts = /^([^_]+)_([^_]+)_([a-z0-9-]+)\.deb$/.exec(file);
  const [, name, version, architecture] = parts ?? [];
  if (archive === undefined || name === undefined || version === undefined || architecture === undefined)
    return undefined;
  const path = uri.slice(mirrorOf(archive, mirrors).length + 1);
  // A file name of an archive becomes part of an address and, through the hash, of a path: only plain ones pass.
  if (!PACKAGE_PATTERN.test(name) || !/^[\w.+~:%/-]+$/.test(path) || path.split("/").includes("..")) return undefined;
  return {
    name,
    version: version.replaceAll("%3a", ":"),
    architecture,
    size: Number(size),
    sha256,
    archive: archive.uri,
    path,
  };
}

/** apt tells in full before it says what was wrong with it: that part, or the end where there is none. */
function tellingLines(words: string): readonly string[] {
  const lines = words.trim().split("\n");
  const start = lines.findIndex((line) => /^(?:E: |The following packages have unmet dependencies)/.test(line));
  return start === -1 ? lines.slice(-12) : lines.slice(start);
}

function environmentFor(root: string) {
  return { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", APT_CONFIG: `${root}/apt.conf` };
}

function pathOf(programs: Readonly<Record<string, { readonly path: string }>>, name: string): string {
  const program = programs[name];
  if (program === undefined) throw new Error(`${name} was reported as present`);
  return program.path;
}
