/** A world for tests: it remembers what is printed and which programs were to run, and runs none. */
import type { HostFacts } from "../model/index.ts";
import { success } from "../result.ts";
import { buildApp, COMMANDS, type CommandTable, exitCodeOf } from "./app.ts";
import type { World } from "./world.ts";

/** A Debian 13 on which everything works, for an ordinary user. */
export const ABLE_FACTS: HostFacts = {
  kernel: "6.12.48",
  architecture: "amd64",
  distribution: "debian 13",
  uid: 1000,
  gid: 1000,
  user: "ada",
  programs: Object.fromEntries(
    [
      "bwrap",
      "newuidmap",
      "newgidmap",
      "unshare",
      "nsenter",
      "setpriv",
      "flock",
      "qemu-system-x86_64",
      "mkfs.erofs",
      "mount",
      "usermod",
      "sudo",
      "pasta",
      "nft",
      "apt-get",
      "apt-cache",
      "dpkg-deb",
      "dpkg-query",
      "tar",
      "xz",
      "zstd",
      "cc",
      "inotifywait",
    ].map((name) => [name, { path: `/usr/bin/${name}`, version: "1.0" }]),
  ),
  userNamespaces: { works: true, because: undefined },
  subordinateIds: { uid: { first: 100_000, count: 65_536 }, gid: { first: 100_000, count: 65_536 } },
  overlay: true,
  cgroup: {
    mode: "unified",
    memory: "/sys/fs/cgroup/a",
    tasks: "/sys/fs/cgroup/a",
    cpu: undefined,
    freeze: "/sys/fs/cgroup/a",
  },
  landlockAbi: 6,
  seccomp: true,
  tun: true,
  tproxy: true,
  kvm: false,
  accelerator: { kind: "emulated", because: "absent" },
  systemd: { system: true, user: true },
  gpus: ["intel"],
  locale: "de_DE.UTF-8",
  timeZone: "Europe/Berlin",
  display: { wayland: undefined, x11: undefined },
  memoryMiB: 16_000,
  cpus: 4,
};

export interface TestWorldParts {
  readonly facts?: Partial<HostFacts>;
  readonly terminal?: Partial<World["terminal"]>;
  readonly colours?: boolean;
  readonly environment?: World["environment"];
  /** Below which the places lie. */
  readonly home?: string;
  /** Said to each question; none without it. */
  readonly answer?: string;
  /** What a program comes to; all end well and silently without it. */
  readonly run?: World["run"];
}

export interface TestWorld extends World {
  readonly printed: { out: string; err: string };
  /** Argument lists of the programs that were to run. */
  readonly ran: (readonly string[])[];
}

export function testWorld(parts: TestWorldParts = {}): TestWorld {
  const printed = { out: "", err: "" };
  const ran: (readonly string[])[] = [];
  const home = parts.home ?? "/nowhere";
  return {
    printed,
    ran,
    process: {
      stdout: { write: (text) => void (printed.out += text) },
      stderr: { write: (text) => void (printed.err += text) },
    },
    environment: parts.environment ?? {},
    places: {
      config: `${home}/config`,
      data: `${home}/data`,
      state: `${home}/state`,
      cache: `${home}/cache`,
      runtime: `${home}/run`,
      program: `${home}/program`,
    },
    user: { uid: 1000, gid: 1000 },
    terminal: { input: false, output: false, error: false, columns: 80, ...parts.terminal },
    colours: parts.colours ?? false,
    signal: new AbortController().signal,
    attached: { now: false },
    facts: async () => success({ ...ABLE_FACTS, ...parts.facts }),
    run: async (argv, options) => {
      ran.push(argv);
      return (await parts.run?.(argv, options)) ?? success({ code: 0, signal: undefined, stdout: "", stderr: "" });
    },
    ask: async () => parts.answer,
  };
}

/** Runs a command line, without `skerry`. @returns its exit code */
export async function runWords(
  world: World,
  words: readonly string[],
  table: CommandTable = COMMANDS,
): Promise<number> {
  const { run } = await import("@stricli/core");
  await run(await buildApp(words, "1.2.3", table), words, world);
  return exitCodeOf(world.process.exitCode);
}
