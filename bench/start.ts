/** How long a start takes: by the launcher, the full way and through the agent, beside what one would use instead. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { LaunchResponseJson } from "../src/contract/index.ts";
import { client, deployed, ENVIRONMENT, HOME, imageOf, ownRecipe, PLACES, SKERRY, skerry } from "./home.ts";
import { command, type Figure, inTurn, type Measured, msFigure, type Runner, timeOf } from "./measure.ts";

const NAME = "bench";

export async function measureStarts(rounds: number): Promise<readonly Figure[]> {
  ownRecipe(NAME, ["ripgrep"], "volumes:\n  data: { class: data, inside: /home/app/data }\n");
  deployed(NAME);
  await launcherThere();
  const scratch = mkdtempSync(join(tmpdir(), "skerry-bench-"));
  try {
    const ours = ["run", "-q", NAME, "--", "true"] as const;
    const launcher = command("launcher", [SKERRY, ...ours], { environment: ENVIRONMENT });
    const off = command("full way", [SKERRY, ...ours], { environment: { ...ENVIRONMENT, SKERRY_LAUNCHER: "off" } });
    const argv = byHand(scratch);
    const bare = command("bubblewrap by hand", argv);
    const stacked = command("the same on an overlay of the same layers", onLayers(scratch, argv));
    const node = command("node -e 0", [process.execPath, "-e", "0"]);
    const peers = peersHere(scratch);
    const byName = new Map<string, Measured>();
    for (const one of await inTurn([launcher, bare, stacked, node, ...peers], rounds)) byName.set(one.name, one);
    // By themselves: what starts the full way writes a new launcher afterwards.
    for (const one of await inTurn(
      [off, throughAgent(NAME), { ...bare, name: "bare again" }, { ...stacked, name: "stacked again" }],
      rounds,
    ))
      byName.set(one.name, one);
    const measured = (name: string): Measured => {
      const found = byName.get(name);
      if (found === undefined) throw new Error(`${name} was not measured`);
      return found;
    };
    return [
      msFigure("`run`, launcher", measured("launcher"), measured(bare.name), 3),
      msFigure("`run`, launcher", measured("launcher"), measured(stacked.name), undefined),
      ...peers.map(({ name }) => msFigure("`run`, launcher", measured("launcher"), measured(name), 1)),
      msFigure("`run`, launcher switched off", measured("full way"), measured("node -e 0"), 3),
      msFigure("through the agent", measured("agent"), { ...measured("bare again"), name: bare.name }, undefined),
      msFigure("through the agent", measured("agent"), { ...measured("stacked again"), name: stacked.name }, 2),
    ];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A new one, made of what there is now. */
async function launcherThere(): Promise<void> {
  const file = `${HOME}/run/instances/${NAME}/launcher/start`;
  rmSync(file, { force: true });
  skerry("run", "-q", NAME, "--", "true");
  for (let waited = 0; !existsSync(file); waited += 100) {
    if (waited > 20_000) throw new Error("the agent writes no launcher");
    await pause(100);
  }
}

/** Preparing by the agent, then the wall, with no process of the command line's. */
export function throughAgent(instance: string): Runner {
  const agent = client();
  const question = {
    wanted: { name: instance, arguments: ["true"], directory: "/" },
    background: false,
    callerPid: process.pid,
  };
  return {
    name: "agent",
    async run() {
      const begun = performance.now();
      let argv: readonly string[] = [];
      for await (const event of agent.stream<LaunchResponseJson>("Launch", question, new AbortController().signal))
        argv = event.launched?.argv ?? argv;
      const [program, ...rest] = argv;
      if (program === undefined) throw new Error("the agent has prepared nothing");
      timeOf([program, ...rest], { environment: { PATH: "/usr/bin:/bin" } });
      const took = performance.now() - begun;
      // What comes after a start is not a part of it: the agent writes down how it has ended.
      await pause(100);
      return took;
    },
  };
}

/** The options that Skerry gives to bubblewrap, on a root that needs no mounting: no more than one could do by hand. */
function byHand(scratch: string): [string, ...string[]] {
  const text = readFileSync(`${HOME}/run/instances/${NAME}/launcher/start`, "utf8");
  const root = `${PLACES.data}/store/layers/${imageOf(NAME).layers[0] ?? ""}/fs`;
  const files = ["passwd", "group", "hostname", "hosts", "machine-id", "resolv.conf"];
  for (const name of files) writeFileSync(join(scratch, name), "");
  const data = join(scratch, "data");
  mkdirSync(data);
  const variables = [...text.matchAll(/'--setenv' '([A-Z_]+)' '([^']*)'/g)].flatMap(([, name = "", value = ""]) => [
    ...["--setenv", name, value],
  ]);
  return [
    "/usr/bin/bwrap",
    ...["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup", "--unshare-net"],
    ...["--hostname", NAME, "--cap-drop", "ALL", "--disable-userns", "--ro-bind", root, "/", "--proc", "/proc"],
    ...["--dev", "/dev", "--perms", "1777", "--size", "536870912", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
    ...["--perms", "1777", "--size", "536870912", "--tmpfs", "/tmp", "--size", "67108864", "--tmpfs", "/run"],
    ...["--size", "268435456", "--tmpfs", "/home", "--perms", "0700", "--dir", "/home/app"],
    // What the root has no place for goes elsewhere: as many mounts all the same.
    ...files.flatMap((name) => {
      const place = existsSync(`${root}/etc/${name}`) ? `/etc/${name}` : `/run/${name}`;
      return ["--ro-bind", join(scratch, name), place];
    }),
    ...["--bind", data, "/home/app/data", "--chdir", "/home/app", "--clearenv", ...variables],
    ...["--", "/usr/bin/env", "true"],
  ];
}

/** Before version 0.11 bubblewrap mounts no overlays: one does it before, in a namespace of one's own. */
function onLayers(scratch: string, argv: readonly string[]): [string, ...string[]] {
  const image = imageOf(NAME);
  const root = join(scratch, "root");
  mkdirSync(root);
  const lower = image.layers.toReversed().map((key) => `${PLACES.data}/store/layers/${key}/fs`);
  const at = argv.indexOf("/", argv.indexOf("--ro-bind"));
  const onRoot = argv.with(at - 1, root);
  const script = 'mount -t overlay none -o "$1" "$2" && shift 2 && exec "$@"';
  const options = `userxattr,lowerdir=${lower.join(":")}`;
  return [
    "/usr/bin/unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "/bin/sh",
    "-c",
    script,
    "sh",
    options,
    root,
    ...onRoot,
  ];
}

/** What one would use instead, as far as it is installed. */
function peersHere(scratch: string): readonly Runner[] {
  const found: Runner[] = [];
  if (existsSync("/usr/bin/firejail"))
    found.push(command("firejail", ["/usr/bin/firejail", "--quiet", "--noprofile", "--net=none", "--private", "true"]));
  const flatpak = existsSync("/usr/bin/flatpak") ? trivialFlatpak(scratch) : undefined;
  if (flatpak !== undefined) found.push(flatpak);
  const podman = existsSync("/usr/bin/podman") ? trivialPodman(scratch) : undefined;
  if (podman !== undefined) found.push(podman);
  return found.filter((runner) => works(runner));
}

function works({ name, run }: Runner): boolean {
  try {
    void run();
    return true;
  } catch (error) {
    process.stderr.write(`${name} is installed and does not run here: ${String(error).slice(0, 300)}\n`);
    return false;
  }
}

/** An app and its runtime: one program of this host and its libraries. */
function trivialFlatpak(scratch: string): Runner | undefined {
  const [repo, home] = [join(scratch, "repo"), join(scratch, "flatpak-home")];
  const arch = spawnSync("/usr/bin/flatpak", ["--default-arch"], { encoding: "utf8" }).stdout.trim();
  const environment = { ...ENVIRONMENT, HOME: home, XDG_DATA_HOME: join(home, "data") };
  const flatpak = (...words: readonly string[]) =>
    spawnSync("/usr/bin/flatpak", words, { env: environment, encoding: "utf8" });
  const folders = {
    runtime: `[Runtime]\nname=org.example.Platform\nruntime=org.example.Platform/${arch}/1\nsdk=org.example.Platform/${arch}/1\n`,
    app: `[Application]\nname=org.example.True\nruntime=org.example.Platform/${arch}/1\nsdk=org.example.Platform/${arch}/1\ncommand=true\n`,
  };
  mkdirSync(home, { recursive: true });
  for (const [name, metadata] of Object.entries(folders)) {
    const folder = join(scratch, name);
    const content = join(folder, name === "runtime" ? "usr" : "files");
    mkdirSync(join(content, "bin"), { recursive: true });
    mkdirSync(join(folder, "files"), { recursive: true });
    mkdirSync(join(folder, "export"), { recursive: true });
    writeFileSync(join(folder, "metadata"), metadata);
    if (name === "runtime") copyProgram("/bin/true", content);
    else writeFileSync(join(content, "bin/true"), "#!/usr/bin/true\n", { mode: 0o755 });
    const exported = flatpak("build-export", ...(name === "runtime" ? ["--runtime"] : []), repo, folder, "1");
    if (exported.status !== 0) return complaint("flatpak", exported.stderr);
  }
  for (const words of [
    ["remote-add", "--user", "--no-gpg-verify", "bench", repo],
    ["install", "--user", "-y", "--noninteractive", "bench", `org.example.Platform/${arch}/1`],
    ["install", "--user", "-y", "--noninteractive", "bench", `org.example.True/${arch}/1`],
  ]) {
    const done = flatpak(...words);
    if (done.status !== 0) return complaint("flatpak", done.stderr);
  }
  return command("flatpak run", ["/usr/bin/flatpak", "run", "--user", "--command=/usr/bin/true", "org.example.True"], {
    environment,
  });
}

function trivialPodman(scratch: string): Runner | undefined {
  const root = join(scratch, "podman");
  copyProgram("/bin/true", root);
  const options = ["run", "--rm", "--network=none", "--ulimit=host", "--rootfs", root, "/bin/true"];
  return command("podman run", ["/usr/bin/podman", "--cgroup-manager=cgroupfs", ...options]);
}

/** A program with the libraries that it says it needs. */
function copyProgram(program: string, folder: string): void {
  const { stdout } = spawnSync("/usr/bin/ldd", [program], { encoding: "utf8" });
  const libraries = [...stdout.matchAll(/(\/[^\s()]+)/g)].map(([path]) => path);
  for (const path of [program, ...libraries]) {
    const target = join(folder, path === program ? "bin/true" : path.replace(/^\/usr/, ""));
    spawnSync("/usr/bin/install", ["-D", "-m", "755", path, target]);
  }
}

function complaint(name: string, words: string): undefined {
  process.stderr.write(`${name} is installed and cannot be measured here: ${words.trim().slice(-300)}\n`);
}
