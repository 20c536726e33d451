/**
 * Network card: how a machine with a network answer is connected. Pure.
 *
 * The outer wall gets the very network that a container of these answers would have: the same namespace, filter and
 * listeners, by names or real. passt stands in it and speaks for the machine: each connection of the machine's becomes a
 * socket there, so that all that decides on a container's connections decides on the machine's. Source: passt(1).
 *
 * Invariants
 * - One card, one passt, one socket between them, which nobody outside of this wall can see: machines never meet.
 * - What a machine sends from another address than its own goes no further than the monitor; and no identity hangs on it:
 *   its connections come from this wall's own namespace.
 * - Nothing comes in: passt listens at no port.
 */
import { type CompartmentSpec, parseIp } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Step } from "../../step/index.ts";
import type { BackendContext, BackendProblem } from "../backend.ts";
import { planNetwork } from "../container/network.ts";
import { RESOLVER_ADDRESS } from "../container/resolver-address.ts";

/** Locally administered. The second is passt's own, which has none to take over from loopback. */
export const CARD_ADDRESS = "52:54:00:53:6b:02";
const PASST_ADDRESS = "52:54:00:53:6b:01";

/** In ranges that lead nowhere (RFC 2544, RFC 5180), and of which no name gets one. */
const OWN = { four: "198.18.0.2", gateway4: "198.18.0.1", six: "2001:2::2", gateway6: "2001:2::1" } as const;

/** What guest/init is told: address and gateway of each family. */
export const GUEST_NETWORK = `${OWN.four}/24 ${OWN.gateway4} ${OWN.six}/64 ${OWN.gateway6}\n`;

/**
 * passt says on its standard error, where an app's own words go, at which socket it listens, whatever it is told not to.
 * perl-base, which every Debian has, passes on what it said only where it has failed.
 */
const SAID_IF_FAILED = [
  "/usr/bin/perl",
  "-e",
  `pipe my $said, my $end or die $!;
   my $child = fork // die $!;
   if ($child == 0) { open STDOUT, ">&", $end; open STDERR, ">&", $end; exec { $ARGV[0] } @ARGV; die $! }
   close $end; local $/; my $words = <$said>; waitpid $child, 0;
   if ($? != 0) { print STDERR $words; exit 1 }`,
] as const;

/** passt copies these on the one interface that is there for it. */
const LINK_LOCAL = "fe80::1/64";

/**
 * What the monitor is told of the card. Its frames pass through there (host/monitor/card.ts).
 *
 * @param asks - the system in the machine asks for its address
 */
export function cardWords(socket: string, asks: boolean): string {
  const hex = (address: string) => {
    const ip = parseIp(address);
    return ip?.bits.toString(16).padStart(ip.family === 4 ? 8 : 32, "0");
  };
  return JSON.stringify({
    socket,
    mac: CARD_ADDRESS.replaceAll(":", ""),
    four: hex(OWN.four),
    six: hex(OWN.six),
    asks,
  });
}

export interface CardPlan {
  readonly steps: readonly Step[];
  /** The helper's arguments. */
  readonly helper: readonly string[];
  /** passt's socket, below the stage; undefined where the machine has no card. */
  readonly socket: string | undefined;
  /** The system in the machine is told its address by DHCP, since nobody else could tell it. */
  readonly asks: boolean;
}

/** @param stage - folder that only this wall sees */
export function planCard(
  spec: CompartmentSpec,
  context: BackendContext,
  {
    folder,
    stage,
    backend,
    asks = false,
  }: { readonly folder: string; readonly stage: string; readonly backend: string; readonly asks?: boolean },
): Result<CardPlan, BackendProblem> {
  const network = planNetwork(spec, context, folder);
  if (!network.ok)
    return network.problem.kind === "network-unavailable" ? refusal({ ...network.problem, backend }) : network;
  const { shared, steps, helper } = network.value;
  if (!shared) return success({ steps, helper, socket: undefined, asks });
  const { passt, ip } = context.facts.programs;
  if (passt === undefined || ip === undefined) {
    const missing = [
      ...(passt === undefined ? ["passt: run ./skerry setup (package passt)"] : []),
      ...(ip === undefined ? ["ip: install Debian's package iproute2"] : []),
    ];
    return refusal({ kind: "network-unavailable", backend, missing });
  }
  const socket = `${stage}/card`;
  // passt takes it that nobody listens at an address which it could bind itself. With a rule of its own the kernel tells
  // addresses that are led here from those that one may bind to; then a socket has to say from which one it comes.
  const byNames = spec.contributions.every(({ kind }) => kind !== "network");
  return success({
    steps,
    socket,
    asks,
    helper: [
      ...helper,
      ...(byNames ? ["--inside", ip.path, "-4", "rule", "add", "pref", "100", "lookup", "main", ";"] : []),
      ...["--inside", ip.path, "-6", "addr", "add", LINK_LOCAL, "dev", "lo", ";"],
      // Behind the filter, which is in force by then. It ends with the connection of the machine, and with the wall.
      ...[
        "--inside",
        ...SAID_IF_FAILED,
        passt.path,
        "--quiet",
        "--log-file",
        "/dev/null",
        "--one-off",
        "--socket",
        socket,
        "--runas",
        "0",
      ],
      ...["--interface", "lo", "--mac-addr", PASST_ADDRESS],
      ...["--address", OWN.four, "--netmask", "255.255.255.0", "--gateway", OWN.gateway4],
      ...["--address", OWN.six, "--gateway", OWN.gateway6],
      // It tells of IPv4 alone: in IPv6 a system would make up addresses of its own, and they go no further.
      ...["--no-map-gw", ...(asks ? [] : ["--no-dhcp"]), "--no-dhcpv6", "--no-ra"],
      ...["--dns", asks ? RESOLVER_ADDRESS : "none", "--search", "none"],
      ...(byNames ? ["--outbound", "127.0.0.1"] : []),
      ...["--tcp-ports", "none", "--udp-ports", "none", ";"],
    ],
  });
}
