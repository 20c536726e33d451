import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import type { NetworkRule } from "../../model/index.ts";
import { readStations } from "../../host/monitor/stations.ts";
import { resolverText } from "./station-names.ts";
import { freeNumber, MOST_STATIONS, type Station, stationAddress, stationList, wayRules } from "./stations.ts";

const PLAIN = { private: false, sameName: false, bytesPerDay: undefined, bytesPerSecond: undefined } as const;

function way(address: string, prefix: number, port?: number, protocol: "tcp" | "udp" = "tcp"): NetworkRule {
  const target = { kind: "addresses", family: 4, address, prefix } as const;
  return { ...PLAIN, text: `${address}:${port}`, target, protocol, port, answer: "real" };
}

const STATIONS: readonly Station[] = [
  { name: "ada", number: 2, zones: [] },
  { name: "bob", number: 5, zones: [], rules: [way("192.0.2.7", 32, 8080), way("198.51.100.0", 24, undefined, "udp")] },
];

test("a station keeps its number, and a new one has the least that is free", () => {
  assert.equal(freeNumber([]), 2);
  assert.equal(freeNumber(STATIONS), 3);
  const all = Array.from(
    { length: MOST_STATIONS },
    (_, at): Station => ({ name: `a${at}`, number: at + 2, zones: [] }),
  );
  assert.equal(freeNumber(all), undefined);
  assert.equal(new Set(all.map(({ number }) => stationAddress(number))).size, MOST_STATIONS);
});

test("the provider's monitor reads the list as it was written", () => {
  const read = readStations(stationList(STATIONS));
  assert.equal(read?.provider.toString("hex"), "02534b000001");
  assert.deepEqual(
    read.stations.map(({ name, mac, ipv4 }) => [name, mac.toString("hex"), [...ipv4].join(".")]),
    [
      ["ada", "02534b000002", "100.127.0.2"],
      ["bob", "02534b000005", "100.127.0.5"],
    ],
  );
});

test("each station has the ways of its own answer, and none to another station", () => {
  const rules = wayRules(STATIONS);
  const chain = (number: number) => new RegExp(`chain station${number} \\{\\n([^}]*)\\}`).exec(rules)?.[1] ?? "";
  assert.equal(
    chain(5).trim(),
    "ip daddr 192.0.2.7/32 tcp dport 8080 accept\n    ip daddr 198.51.100.0/24 meta l4proto udp accept",
  );
  assert.match(chain(2), /ip daddr 10\.0\.0\.0\/8 return[^]*\n {4}accept\n/);
  assert.match(rules, /oifname != "uplink" counter reject/);
  assert.match(rules, /saddr \{ 100\.127\.0\.2 \} th dport 53 accept/, "names are for those that may go anywhere");
});

const NAMED: Station = {
  name: "carl",
  number: 7,
  zones: [],
  rules: [named("a.test", 443), named("*.b.test", 443), named("c.test", undefined, true), way("192.0.2.7", 32, 22)],
};

function named(text: string, port?: number, mayBePrivate = false): NetworkRule {
  const target = text.startsWith("*.")
    ? ({ kind: "names-below", suffix: text.slice(2) } as const)
    : ({ kind: "name", name: text } as const);
  return { ...PLAIN, text, target, protocol: "tcp", port, private: mayBePrivate, answer: "real" };
}

test("who has rules by name has a resolver that knows these names, and fills its own sets alone", () => {
  const lines = resolverText(NAMED)?.split("\n") ?? [];
  const has = (...wanted: readonly string[]) => {
    for (const one of wanted) assert.ok(lines.includes(one), `${one} in ${lines.join("\n")}`);
  };
  has("# sets n7tcp443a n7tcp443b n7tcpanypa n7tcpanypb", "port=5307", "address=/#/", "cache-size=0", "max-ttl=300");
  has("server=/a.test/@", "local=/*.a.test/", "nftset=/a.test/4#inet#skerry#n7tcp443a,4#inet#skerry#n7tcp443b");
  has("local=/b.test/", "server=/*.b.test/@", "nftset=/b.test/4#inet#skerry#n7tcp443a,4#inet#skerry#n7tcp443b");
  has("nftset=/c.test/4#inet#skerry#n7tcpanypa,4#inet#skerry#n7tcpanypb");
  for (const station of STATIONS) assert.equal(resolverText(station), undefined);
});

test("who has rules by name is led to its own resolver, and to addresses that it was told", () => {
  const rules = wayRules([...STATIONS, NAMED]);
  const chain = (name: string) => new RegExp(`chain ${name} \\{\\n([^}]*)\\}`).exec(rules)?.[1] ?? "";
  assert.deepEqual(chain("station7").trim().split(/\n\s*/), [
    "ip daddr 192.0.2.7/32 tcp dport 22 accept",
    "ip daddr @n7tcp443a tcp dport 443 jump named",
    "ip daddr @n7tcp443b tcp dport 443 jump named",
    "ip daddr @n7tcpanypa meta l4proto tcp jump private",
    "ip daddr @n7tcpanypb meta l4proto tcp jump private",
  ]);
  assert.match(chain("named"), /ip daddr 10\.0\.0\.0\/8 return/);
  for (const shut of ["169.254.169.254/32", "127.0.0.0/8", "198.18.0.0/15"])
    for (const name of ["named", "private"]) assert.ok(chain(name).includes(`ip daddr ${shut} return`), shut);
  assert.doesNotMatch(chain("private"), /10\.0\.0\.0/);
  assert.match(chain("arriving"), /ip saddr 100\.127\.0\.7 ip daddr 100\.127\.0\.1 udp dport 53 redirect to :5307/);
  assert.match(rules, /ip saddr 100\.127\.0\.7 meta l4proto \{ tcp, udp \} th dport 5307 accept/);
  assert.doesNotMatch(wayRules(STATIONS), /redirect|set n/);
});

test("a resolver takes its text", (context) => {
  const dnsmasq = "/usr/sbin/dnsmasq";
  if (!existsSync(dnsmasq)) return context.skip("cannot here: dnsmasq is not installed");
  const long = `${"a".repeat(60)}.`.repeat(4).slice(0, 240);
  const ports = Array.from({ length: 8 }, (_, at) => named(`${long}.test`, 65_000 + at));
  for (const station of [NAMED, { ...NAMED, number: 254, rules: ports }]) {
    const input = resolverText(station)?.replaceAll("@", "192.0.2.53") ?? "";
    const ended = spawnSync(dnsmasq, ["--test", "--conf-file=-"], { input, encoding: "utf8" });
    assert.equal(ended.status, 0, ended.stderr);
    // Its own limit on a line.
    assert.ok(input.split("\n").every((line) => line.length < 1024));
  }
});

test("nft takes the rules, in one piece and again", (context) => {
  const nft = "/usr/sbin/nft";
  if (!existsSync(nft)) return context.skip("cannot here: nftables is not installed");
  for (const stations of [[], STATIONS, [...STATIONS, NAMED]]) {
    const input = wayRules(stations);
    const words = ["--user", "--map-root-user", "--net", nft, "-f", "-"];
    const ended = spawnSync("/usr/bin/unshare", words, { input: `${input}${input}`, encoding: "utf8" });
    if (/unshare failed|not permitted/i.test(ended.stderr)) return context.skip("cannot here: no namespaces");
    assert.equal(ended.status, 0, ended.stderr);
  }
});

test("new rules leave what resolvers have told, and nothing of the old ones", (context) => {
  const nft = "/usr/sbin/nft";
  if (!existsSync(nft)) return context.skip("cannot here: nftables is not installed");
  const told = "add element inet skerry n7tcp443a { 192.0.2.9 }";
  const texts = [wayRules([...STATIONS, NAMED]), told, wayRules([NAMED]), "list table inet skerry"];
  const each = `for text in "$@"; do printf '%s' "$text" | ${nft} -f - || exit 1; done`;
  const words = ["--user", "--map-root-user", "--net", "/bin/sh", "-c", each, "sh", ...texts];
  const ended = spawnSync("/usr/bin/unshare", words, { encoding: "utf8" });
  if (/unshare failed|not permitted/i.test(ended.stderr)) return context.skip("cannot here: no namespaces");
  assert.equal(ended.status, 0, ended.stderr);
  assert.match(ended.stdout, /elements = \{ 192\.0\.2\.9 \}/);
  assert.match(ended.stdout, /chain station5 \{\n\t\}/);
  assert.doesNotMatch(ended.stdout, /100\.127\.0\.5|dport 8080/);
  assert.equal(ended.stdout.match(/jump station7/g)?.length, 1);
});
