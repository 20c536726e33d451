/** The network door: what each answer opens, seen from inside, between a host with many addresses and a world around it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until } from "./doors.fixture.ts";
import {
  HOST_ADDRESSES,
  makeTwoNetworks,
  PRIVATE_ADDRESSES,
  PUBLIC_ADDRESSES,
  SKERRY,
  type TwoNetworks,
  whyNoNetworks,
} from "./network.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

interface Seen {
  readonly tcp: Readonly<Record<string, string>>;
  readonly udp: Readonly<Record<string, string>>;
  readonly names: Readonly<Record<string, readonly string[] | string>>;
  readonly changes: Readonly<Record<string, string>>;
  readonly interfaces: readonly string[];
}

/** Ways round the filter: an IPv4 address in the clothes of an IPv6 one, our own end, loopback. */
const DISGUISED = ["::ffff:10.99.0.1", "64:ff9b::a63:1", "2002:a63:1::1", "::10.99.0.1", "198.18.0.1", "0.0.0.0"];

const LOOPBACK = ["127.0.0.1", "::1"];

const PLAIN = [...PUBLIC_ADDRESSES, ...HOST_ADDRESSES, ...PRIVATE_ADDRESSES, ...LOOPBACK];

const skip = whyNoNetworks();

let trial: Trial;
let networks: TwoNetworks | undefined;

before(async () => {
  if (skip !== undefined) return;
  trial = makeTrial();
  networks = await makeTwoNetworks(trial);
});

after(async () => {
  if (skip !== undefined) return;
  await networks?.close();
  await trial.close();
});

async function lookWith(answer: string, addresses: readonly string[] = PLAIN): Promise<Seen> {
  assert.ok(networks !== undefined);
  const script = readFileSync(join(import.meta.dirname, "fixtures/network.py"), "utf8");
  const words = ["run", "--quiet", "--net", answer, "dev-shell", "--", "-c", 'exec python3 - "$1"', "look"];
  const ended = await networks.onHost([SKERRY, ...words, JSON.stringify({ addresses })], script);
  assert.equal(ended.code, 0, ended.stderr);
  const seen: Seen = JSON.parse(ended.stdout);
  return seen;
}

/** Just these are reached, each at itself; all others are refused at once. */
function assertOpen(seen: Seen, open: readonly string[]): void {
  for (const kind of ["tcp", "udp"] as const) {
    for (const [address, said] of Object.entries(seen[kind])) {
      if (open.includes(address)) assert.equal(said, address, `${kind} ${address}`);
      else {
        // A refusal is an answer; silence would be called that, and a kernel that waited would say ETIMEDOUT.
        assert.match(said, /^E(?!TIMEDOUT)[A-Z]+$/, `${kind} ${address} is shut`);
      }
    }
  }
}

test("the host reaches all of it, so there is something to be kept out of", { skip }, async () => {
  assert.ok(networks !== undefined);
  const addresses = PLAIN;
  const script = readFileSync(join(import.meta.dirname, "fixtures/network.py"), "utf8");
  const ended = await networks.onHost(["/usr/bin/python3", "-", JSON.stringify({ addresses, look: true })], script);
  const seen: Seen = JSON.parse(ended.stdout);
  assertOpen(seen, addresses);
});

test("without a network nobody is reached, and no name is known", { skip }, async () => {
  const seen = await lookWith("deny");
  assertOpen(seen, []);
  assert.deepEqual(seen.interfaces, ["lo"]);
  assert.equal(typeof seen.names["skerry.test"], "string");
});

test("a real network reaches the internet, and neither the host nor what is private", { skip }, async () => {
  const seen = await lookWith("real", [...PLAIN, ...DISGUISED]);
  assertOpen(seen, PUBLIC_ADDRESSES);
  assert.deepEqual(seen.names["skerry.test"], ["198.51.100.10"]);
  assert.equal(typeof seen.names["nobody.test"], "string");
  assert.deepEqual(seen.interfaces, ["lo", "eth0"]);
});

test("the app can change neither its network nor the filter", { skip }, async () => {
  const { changes } = await lookWith("real");
  assert.ok(Object.keys(changes).length >= 4);
  for (const [change, answer] of Object.entries(changes)) assert.match(answer, /^E(PERM|PROTONOSUPPORT)$/, change);
});

test("the host's addresses open when granted, and its loopback stays shut", { skip }, async () => {
  assertOpen(await lookWith("real:host", [...PLAIN, ...DISGUISED]), [...PUBLIC_ADDRESSES, ...HOST_ADDRESSES]);
});

test("the private ranges open when granted, and the host stays shut", { skip }, async () => {
  assertOpen(await lookWith("real:lan"), [...PUBLIC_ADDRESSES, ...PRIVATE_ADDRESSES]);
});

test("both open when both are granted", { skip }, async () => {
  assertOpen(await lookWith("real:host,lan"), [...PUBLIC_ADDRESSES, ...HOST_ADDRESSES, ...PRIVATE_ADDRESSES]);
});

test("when the app has ended, nothing that connected it is left", { skip }, async () => {
  const two = networks ?? assert.fail("no networks");
  // Others on this machine may be connected meanwhile.
  const connecting = async () =>
    (await two.onHost(["/usr/bin/ps", "-C", "pasta,pasta.avx2", "-o", "pid="])).stdout.split("\n");
  const before = new Set(await connecting());
  await lookWith("real");
  await until("the end of what connected it", async () =>
    (await connecting()).every((pid) => before.has(pid)) ? true : undefined,
  );
});
