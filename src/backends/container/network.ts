/**
 * The real network: pasta connects a namespace of the compartment's own, and nftables in it drops what was not granted.
 *
 * The filter belongs to the outer user namespace; the app runs in an inner one and can change neither. It is in force
 * before anything is connected. Source: pasta(1), nft(8).
 */
import type { CompartmentSpec, NetworkZone } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { BackendContext, BackendProblem } from "../backend.ts";
import { planNamedNetwork } from "./named-network.ts";
import type { NetworkPlan } from "./network-plan.ts";
import { RESOLVER_ADDRESS } from "./resolver-address.ts";

/**
 * What the compartment's own end is called, and where its gateway is: from ranges that lead nowhere (RFC 2544, RFC 5180).
 *
 * Left to itself, pasta takes over name and address of the host. Then the app would know them, and could not be let in
 * to the host there, since the address would be its own.
 */
const OWN_END = [
  ...["--ns-ifname", "eth0", "--mac-addr", "9a:55:9a:55:9a:55"],
  ...["--address", "198.18.0.2", "--netmask", "24", "--gateway", "198.18.0.1"],
  ...["--address", "2001:2::2", "--gateway", "fe80::1"],
] as const;

/** Private, link-local, shared and other ranges that do not lead to the internet (IANA's special-purpose registry). */
const LOCAL_RANGES = {
  4: [
    ...["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16"],
    "224.0.0.0/4",
  ],
  6: ["64:ff9b:1::/48", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"],
} as const;

/** What no answer opens: loopback, broadcast, our own end, and addresses that hide an IPv4 address from this filter. */
const NEVER_RANGES = {
  4: ["0.0.0.0/8", "127.0.0.0/8", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"],
  6: ["2001:2::/48", "::/96", "::ffff:0:0/96", "2001::/32", "2002::/16"],
} as const;

/** Where networks without IPv4 translate to it (RFC 6052): what is shut in IPv4 is shut there too. */
const TRANSLATED = "64:ff9b::";

export function planNetwork(
  spec: CompartmentSpec,
  context: BackendContext,
  folder: string,
): Result<NetworkPlan, BackendProblem> {
  const granted = spec.contributions.find((contribution) => contribution.kind === "network");
  const linked = spec.contributions.some(({ kind }) => kind === "link");
  if (granted !== undefined && linked) {
    const missing = ["a link to a port beside a real network: give it a network by rules (subset), or none"];
    return refusal({ kind: "network-unavailable", backend: "container", missing });
  }
  if (linked || spec.contributions.some(({ kind }) => kind === "named-network"))
    return planNamedNetwork(spec.contributions, context, folder);
  if (granted === undefined) return success({ shared: false, helper: [], steps: [] });
  const { facts } = context;
  const [pasta, nft] = [facts.programs["pasta"]?.path, facts.programs["nft"]?.path];
  if (pasta === undefined || nft === undefined || !facts.tun) {
    const missing = [
      ...(pasta === undefined ? ["pasta: run ./skerry setup (package passt)"] : []),
      ...(nft === undefined ? ["nft: run ./skerry setup (package nftables)"] : []),
      ...(facts.tun ? [] : ["/dev/net/tun: this user cannot open it; usually it is open to all (mode 0666)"]),
    ];
    return refusal({ kind: "network-unavailable", backend: "container", missing });
  }
  const rules = `${folder}/filter.nft`;
  return success({
    shared: true,
    steps: [
      { kind: "write-file", path: rules, mode: 0o644, content: filterRules(granted.zones, context.hostAddresses) },
    ],
    helper: [
      "--network-namespace",
      ...["--inside", nft, "-f", rules, ";"],
      // Without --no-map-gw the gateway's address would lead to the host's loopback.
      ...["--outside", pasta, "--config-net", "--quiet", "--no-map-gw", ...OWN_END],
      ...["-t", "none", "-u", "none", "-T", "none", "-U", "none", "--dns-forward", RESOLVER_ADDRESS, "{pid}", ";"],
    ],
  });
}

/**
 * The filter in nft's language. Everything in it is ours or an address that the kernel told; no name reaches it.
 *
 * @param hostAddresses - addresses of this host, as `address/prefix` or plain
 */
export function filterRules(zones: readonly NetworkZone[], hostAddresses: readonly string[]): string {
  const own = {
    4: hostAddresses.filter((address) => isAddress(address, 4)),
    6: hostAddresses.filter((address) => isAddress(address, 6)),
  };
  const hosts = { 4: plain(own[4]), 6: [...plain(own[6]), ...translated(plain(own[4]))] };
  const local = { 4: LOCAL_RANGES[4], 6: [...LOCAL_RANGES[6], ...translated(LOCAL_RANGES[4])] };
  const never = { 4: NEVER_RANGES[4], 6: [...NEVER_RANGES[6], ...translated(NEVER_RANGES[4])] };
  const family = (version: 4 | 6) => [
    ...refused(version, never[version]),
    ...(zones.includes("host") ? accepted(version, hosts[version]) : refused(version, hosts[version])),
    ...(zones.includes("lan") ? [] : refused(version, local[version])),
  ];
  return `${[
    "table inet skerry {",
    "  chain output {",
    "    type filter hook output priority 0; policy drop;",
    '    oifname "lo" accept',
    "    ct state established,related accept",
    `    ip daddr ${RESOLVER_ADDRESS} udp dport 53 accept`,
    `    ip daddr ${RESOLVER_ADDRESS} tcp dport 53 accept`,
    ...family(4).map((line) => `    ${line}`),
    ...["nd-router-solicit", "nd-neighbor-solicit", "nd-neighbor-advert"].map(
      (type) => `    icmpv6 type ${type} accept`,
    ),
    ...family(6).map((line) => `    ${line}`),
    "    accept",
    "  }",
    "  chain input {",
    "    type filter hook input priority 0; policy drop;",
    '    iifname "lo" accept',
    "    ct state established,related accept",
    ...["nd-router-advert", "nd-neighbor-solicit", "nd-neighbor-advert"].map(
      (type) => `    icmpv6 type ${type} accept`,
    ),
    "  }",
    "}",
  ].join("\n")}\n`;
}

function refused(version: 4 | 6, ranges: readonly string[]): readonly string[] {
  if (ranges.length === 0) return [];
  const to = `${version === 4 ? "ip" : "ip6"} daddr { ${ranges.join(", ")} }`;
  // A connection learns of it at once by a reset; of an ICMP message in IPv6 only with its second attempt.
  return [`${to} meta l4proto tcp reject with tcp reset`, `${to} reject with icmpx type admin-prohibited`];
}

function accepted(version: 4 | 6, ranges: readonly string[]): readonly string[] {
  return ranges.length === 0 ? [] : [`${version === 4 ? "ip" : "ip6"} daddr { ${ranges.join(", ")} } accept`];
}

function plain(addresses: readonly string[]): readonly string[] {
  return [...new Set(addresses.map((address) => address.split("/")[0] ?? ""))];
}

function translated(ranges: readonly string[]): readonly string[] {
  return ranges.map((range) => {
    const [address = "", length = "32"] = range.split("/");
    const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
    return `${TRANSLATED}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}/${96 + Number(length)}`;
  });
}

function isAddress(text: string, version: 4 | 6): boolean {
  return version === 4
    ? /^\d{1,3}(?:\.\d{1,3}){3}(?:\/\d{1,2})?$/.test(text)
    : /^[0-9a-f:]+(?:\/\d{1,3})?$/i.test(text) && text.includes(":");
}
