/** Building on what is there, what a second app adds, and how fast an image is verified. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { client, deployed, ownRecipe, PLACES, skerry } from "./home.ts";
import { type Figure, inTurn, medianOf, msFigure, timeOf } from "./measure.ts";

const FIRST = "bench-first";
const SECOND = "bench-second";

/** Programs of the GTK component, of which each brings little besides. */
const APPS = { [FIRST]: ["gnome-calculator"], [SECOND]: ["gnome-calculator", "galculator"] } as const;

interface ImageRow {
  readonly recipe: string;
  readonly layers: readonly string[];
  readonly ownBytes: number;
  readonly sharedBytes: number;
}

export async function measureStore(rounds: number): Promise<readonly Figure[]> {
  for (const [name, packages] of Object.entries(APPS)) {
    ownRecipe(name, packages, "components: [gtk]\n");
    deployed(name);
    skerry("build", name);
  }
  const image = imageOf(SECOND);
  const added = image.ownBytes / (image.ownBytes + image.sharedBytes);
  return [
    await secondBuild(image, rounds),
    {
      what: "a second app on the same component adds to the store",
      value: megabytes(image.ownBytes),
      against: `its whole image: ${megabytes(image.ownBytes + image.sharedBytes)}`,
      ratio: added,
      goal: "under 0.25",
      reached: added < 0.25,
    },
    await verified(image, rounds),
  ];
}

function imageOf(name: string): ImageRow {
  const rows: readonly ImageRow[] = JSON.parse(skerry("images", "--json"));
  const found = rows.find(({ recipe }) => recipe === name);
  if (found === undefined) throw new Error(`${name} is not built`);
  return found;
}

/** The app's layer anew, beside apt-get with the same packages in a chroot of the same layers below. */
async function secondBuild(image: ImageRow, rounds: number): Promise<Figure> {
  const top = image.layers.at(-1) ?? "";
  const record: { readonly packages: readonly { readonly name: string; readonly sha256: string }[] } = JSON.parse(
    readFileSync(`${PLACES.data}/store/layers/${top}/layer.json`, "utf8"),
  );
  const debs = record.packages.map(({ sha256 }) => `${PLACES.data}/store/debs/${sha256}.deb`);
  const below = image.layers.slice(0, -1).toReversed();
  const scratch = mkdtempSync(join(tmpdir(), "skerry-bench-"));
  const old = mkdtempSync(`${PLACES.data}/old-`);
  let aside = 0;
  const again = {
    name: "build",
    run: async () => {
      // Aside and not removed: a disk without a journal is slow to write anew where much has just been removed.
      aside++;
      renameSync(`${PLACES.data}/store/layers/${top}`, `${old}/${aside}`);
      rmSync(`${PLACES.data}/images/${SECOND}.json`);
      await client().shutdown();
      skerry("ps");
      const begun = performance.now();
      skerry("build", SECOND);
      return performance.now() - begun;
    },
  };
  const bare = {
    name: "apt-get install in a chroot",
    run: () => timeOf(inChroot(scratch, below, debs)),
  };
  try {
    const [ours, theirs] = await inTurn([again, bare], rounds);
    if (ours === undefined || theirs === undefined) throw new Error("nothing was measured");
    return msFigure("build of an app on a shared component, packages cached", ours, theirs, 1.5);
  } finally {
    spawnInside(["rm", "-rf", scratch, old]);
  }
}

/** As root of a namespace that holds all of the user's ids. */
function inside(argv: readonly string[]): [string, ...string[]] {
  if (process.getuid?.() === 0) return ["/usr/bin/env", ...argv];
  return ["/usr/bin/unshare", "--user", "--map-auto", "--map-root-user", "--", ...argv];
}

function spawnInside(argv: readonly string[]): void {
  const [program, ...rest] = inside(argv);
  spawnSync(program, rest, { stdio: "inherit" });
}

const CHROOT = `set -e
mkdir -p "$1/up" "$1/work" "$1/root"
mount -t overlay none -o "userxattr,lowerdir=$2,upperdir=$1/up,workdir=$1/work" "$1/root"
for name in dev proc sys tmp run; do mkdir -p "$1/root/$name"; done
mount --rbind /dev "$1/root/dev"; mount -t proc none "$1/root/proc"; mount -t tmpfs none "$1/root/tmp"
printf '#!/bin/sh\\nexit 101\\n' >"$1/root/usr/sbin/policy-rc.d"; chmod 755 "$1/root/usr/sbin/policy-rc.d"
scratch=$1; shift 2; n=0
for deb; do n=$((n + 1)); cp "$deb" "$scratch/root/tmp/$n.deb"; done
export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
chroot "$scratch/root" sh -c 'apt-get -y -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User= -o APT::Install-Recommends=false install /tmp/*.deb' >/dev/null 2>&1
`;

function inChroot(scratch: string, below: readonly string[], debs: readonly string[]): [string, ...string[]] {
  const folder = mkdtempSync(join(scratch, "round-"));
  const lower = below.map((key) => `${PLACES.data}/store/layers/${key}/fs`).join(":");
  const [program, ...rest] = inside([
    ...["/usr/bin/unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"],
    ...["/bin/sh", "-c", CHROOT, "sh", folder, lower, ...debs],
  ]);
  return ["/usr/bin/prlimit", "--nofile=1024:", "--", program, ...rest];
}

/** All bytes of an image's files are read by both. */
async function verified(image: ImageRow, rounds: number): Promise<Figure> {
  const folders = image.layers.map((key) => `${PLACES.data}/store/layers/${key}/fs`);
  const sum = ["/bin/sh", "-c", 'find "$@" -type f -print0 | xargs -0 sha256sum >/dev/null', "sh", ...folders];
  const [bare] = await inTurn([{ name: "sha256sum", run: () => timeOf(inside(sum)) }], rounds);
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const begun = performance.now();
    skerry("images", "verify", SECOND);
    if (round > 0) times.push(performance.now() - begun);
  }
  if (bare === undefined) throw new Error("nothing was measured");
  const ours = medianOf(times);
  const speed = bare.medianMs / ours;
  return {
    what: "verifying an image",
    value: `${ours.toFixed(0)} ms`,
    against: `sha256sum of the same files: ${bare.medianMs.toFixed(0)} ms`,
    ratio: speed,
    goal: "at least 0.6 of its speed",
    reached: speed >= 0.6,
  };
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
