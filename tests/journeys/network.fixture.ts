/**
 * Networks: a host and the world around it, in two network namespaces with a cable between them. Needs root.
 *
 * Skerry runs in the host's namespace, with a tun device that every user may open and a resolver in the private network,
 * both seen in that one mount namespace only.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endOf, environmentFor, ROOT, type Trial } from "./trial.fixture.ts";

/** What the host answers to, besides its loopback. */
export const HOST_ADDRESSES = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "10.99.0.2", "2001:db8::1", "2001:db8::3"];

/** Servers of the internet: beside the host, and behind the gateway. */
export const PUBLIC_ADDRESSES = ["203.0.113.10", "198.51.100.10", "2001:db8::10", "2001:db8:1::10"];

export const PRIVATE_ADDRESSES = ["10.99.0.1", "192.168.77.1", "172.16.5.1", "100.64.0.1", "169.254.10.1", "fd00::1"];

const RESOLVER = "10.99.0.1";

const SERVERS = join(import.meta.dirname, "fixtures/servers.py");

/** Two machines may boot in it, emulated, and on a machine with other work. */
const LIMIT_MS = 400_000;

/** Mounts are private to it; then a program in the host's network namespace. */
const IN_NETWORK = `
mount --bind "$1" /dev/net/tun && mount --bind "$2" /etc/resolv.conf && shift 2 && exec nsenter --net="$@"
`;

export interface TwoNetworks {
  /** Runs a program on the host of these networks. */
  onHost(argv: readonly string[], input?: string): Promise<Awaited<ReturnType<typeof endOf>>>;
  close(): Promise<void>;
}

/** @returns why there can be none on this machine, or undefined */
export function whyNoNetworks(): string | undefined {
  if (process.getuid?.() !== 0) return "cannot here: network namespaces with a cable between them need root";
  const missing = ["ip", "nsenter", "pasta", "nft"].find((program) => !has(program));
  return missing === undefined ? undefined : `cannot here: ${missing} is not installed`;
}

function has(program: string): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch (error) {
    // `ip` knows no such option, but says so itself.
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
  }
}

export async function makeTwoNetworks(trial: Trial): Promise<TwoNetworks> {
  const [host, world] = [`skh-${process.pid}`, `skw-${process.pid}`];
  const [tun, resolver] = [`${trial.home}/tun`, `${trial.home}/resolv.conf`];
  const ip = (...words: string[]) => execFileSync("ip", words);
  ip("netns", "add", host);
  ip("netns", "add", world);
  ip("link", "add", "cable0", "netns", host, "type", "veth", "peer", "name", "cable1", "netns", world);
  for (const name of [host, world]) ip("-n", name, "link", "set", "lo", "up");
  // A second interface without a link: its address is answered all the same.
  ip("-n", host, "link", "add", "dark0", "type", "veth", "peer", "name", "dark1");
  ip("-n", host, "link", "set", "dark0", "up");
  ip("-n", host, "addr", "add", "203.0.113.3/32", "dev", "lo");
  ip("-n", host, "addr", "add", "2001:db8::3/128", "dev", "dark0", "nodad");
  for (const address of ["203.0.113.1/24", "203.0.113.2/32", "10.99.0.2/24"])
    ip("-n", host, "addr", "add", address, "dev", "cable0");
  ip("-n", host, "addr", "add", "2001:db8::1/64", "dev", "cable0", "nodad");
  for (const address of [...PUBLIC_ADDRESSES, ...PRIVATE_ADDRESSES]) {
    const length = address.includes(":") ? (address === "2001:db8::10" ? 64 : 128) : 24;
    const nodad = address.includes(":") ? ["nodad"] : [];
    ip("-n", world, "addr", "add", `${address}/${length}`, "dev", "cable1", ...nodad);
  }
  ip("-n", host, "link", "set", "cable0", "up");
  ip("-n", world, "link", "set", "cable1", "up");
  ip("-n", host, "route", "add", "default", "via", "203.0.113.10");
  ip("-n", host, "-6", "route", "add", "default", "via", "2001:db8::10");
  execFileSync("mknod", [tun, "c", "10", "200"]);
  chmodSync(tun, 0o666);
  writeFileSync(resolver, `nameserver ${RESOLVER}\n`);
  const servers = [
    await serve(world, [...PUBLIC_ADDRESSES, ...PRIVATE_ADDRESSES, "--names", RESOLVER]),
    await serve(host, [...HOST_ADDRESSES, "127.0.0.1", "::1"]),
  ];
  return {
    async onHost(argv, input = "") {
      const words = ["-m", "--propagation", "private", "sh", "-c", IN_NETWORK, "sh", tun, resolver];
      const child = spawn("unshare", [...words, `/run/netns/${host}`, ...argv], {
        env: environmentFor(trial.home),
        cwd: trial.files,
      });
      child.stdin.on("error", () => {});
      child.stdin.end(input);
      return await endOf(child, LIMIT_MS);
    },
    async close() {
      for (const server of servers) server.stdin?.end();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.once("exit", resolve))));
      ip("netns", "del", host);
      ip("netns", "del", world);
    },
  };
}

async function serve(namespace: string, words: readonly string[]): Promise<ChildProcess> {
  const server = spawn("ip", ["netns", "exec", namespace, "/usr/bin/python3", SERVERS, ...words], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const said = await new Promise((resolve) => {
    server.stdout.once("data", resolve);
    server.once("exit", resolve);
  });
  assert.match(String(said), /^ready/);
  return server;
}

/** The start script of Skerry, to be run on the host. */
export const SKERRY = `${ROOT}/skerry`;
