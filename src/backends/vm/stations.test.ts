import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import type { NetworkRule } from "../../model/index.ts";
import { readStations } from "../../host/monitor/stations.ts";
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

test("nft takes the rules, in one piece and again", (context) => {
  const nft = "/usr/sbin/nft";
  if (!existsSync(nft)) return context.skip("cannot here: nftables is not installed");
  for (const stations of [[], STATIONS]) {
    const input = wayRules(stations);
    const words = ["--user", "--map-root-user", "--net", nft, "-f", "-"];
    const ended = spawnSync("/usr/bin/unshare", words, { input: `${input}${input}`, encoding: "utf8" });
    if (/unshare failed|not permitted/i.test(ended.stderr)) return context.skip("cannot here: no namespaces");
    assert.equal(ended.status, 0, ended.stderr);
  }
});
