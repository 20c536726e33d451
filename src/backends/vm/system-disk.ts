/**
 * System disk: what a machine is told that is a system of its own, as an archive. Pure.
 *
 * Its root is the image's, with what is written to it in memory. Of the host it has volumes and granted folders, each
 * attached by guest/init before systemd starts, and a few units of ours: they keep the host informed, and one is our control
 * end (helper/guest.c). There is no second wall inside: whoever is root in the machine is so on nothing but the machine.
 */
import type { CardGrant, CompartmentSpec } from "../../model/index.ts";
import type { ArchiveEntry } from "../../step/index.ts";
import { CARD_ADDRESS, GUEST_NETWORK } from "./network-card.ts";
import { CARD_INSIDE } from "./pass-through.ts";
import { NAMES_EVERY_S } from "./station-names.ts";
import { PROVIDER_ADDRESS, PROVIDER_CARD } from "./stations.ts";
import { RULES_SHARE } from "./ports.ts";
import { RESOLVERS } from "./resolver-script.ts";
import type { Shares } from "./shares.ts";
import { quoted } from "./start-disk.ts";
import { HELPER, PROGRAMS } from "./system-entry.ts";

/**
 * Of no use in such a machine, and seconds of emulated start: terminals, clocks and keys that the host keeps, file systems
 * that nobody looks into, modules that were loaded before, and what is done once on a disk that stays.
 */
const MASKED = [
  ...["console-getty.service", "getty.target", "getty@tty1.service", "serial-getty@ttyS0.service"],
  ...["systemd-logind.service", "systemd-user-sessions.service", "systemd-ask-password-console.path"],
  ...["systemd-ask-password-wall.path", "systemd-timesyncd.service", "systemd-random-seed.service"],
  ...["dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount"],
  ...[
    "sys-kernel-config.mount",
    "sys-fs-fuse-connections.mount",
    "proc-sys-fs-binfmt_misc.automount",
    "run-lock.mount",
  ],
  ...["modprobe@.service", "kmod-static-nodes.service", "systemd-modules-load.service", "systemd-binfmt.service"],
  ...["systemd-tmpfiles-setup-dev-early.service", "systemd-tmpfiles-setup-dev.service", "systemd-remount-fs.service"],
  ...["ldconfig.service", "systemd-journal-catalog-update.service", "systemd-hwdb-update.service"],
  ...["systemd-journal-flush.service", "systemd-update-done.service", "systemd-update-utmp.service"],
  ...["systemd-firstboot.service", "systemd-machine-id-commit.service", "systemd-sysusers.service"],
  ...["systemd-pstore.service", "systemd-hibernate-clear.service", "systemd-boot-update.service"],
  ...["systemd-pcrmachine.service", "systemd-pcrphase.service", "systemd-pcrphase-sysinit.service"],
  ...["systemd-tpm2-setup.service", "systemd-tpm2-setup-early.service", "systemd-pcrextend.socket"],
  ...["systemd-pcrlock.socket", "systemd-sysext.socket", "systemd-creds.socket", "systemd-hostnamed.socket"],
  ...["systemd-initctl.socket", "systemd-tmpfiles-clean.timer", "e2scrub_all.timer", "apt-daily.timer"],
  ...["apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "motd-news.timer"],
];

/** They look for disks, terminals and old scripts, each a program of its own. */
const GENERATORS = [
  ...[
    "debug",
    "fstab",
    "getty",
    "gpt-auto",
    "hibernate-resume",
    "rc-local",
    "run",
    "ssh",
    "system-update",
    "sysv",
    "tpm2",
  ],
  ...["cryptsetup", "veritysetup", "integritysetup", "bless-boot"],
];

const UNITS = "points/etc/systemd/system";

/** What our control end reads as the first process of what runs here, which is systemd: by it, it knows the network. */
const STATUS = `echo '"child-pid": 1' >/run/skerry/status`;

/** Whoever asks the machine to end asks systemd; where that fails, the host's own limits on a stop come. */
const CONTROL = `#!/bin/sh
for at in /sys/class/virtio-ports/*; do
  case $(cat "$at/name") in
    skerry.control) control=/dev/\${at##*/} ;;
    skerry.out) out=/dev/\${at##*/} ;;
    skerry.port) port=/dev/\${at##*/} ;;
  esac
done
if [ "$1" = log ]; then exec journalctl --follow --lines=all --output=short-monotonic --no-hostname >"$out"; fi
if [ "$1" = serve ]; then
  ${STATUS}
  exec 3<>"$port"
  exec ${HELPER} guest --status /run/skerry/status -- ${HELPER} version
fi
if [ "$1" = end ]; then echo 'exit 0' >"$control"; exit; fi
exec 3<>"$control"
echo up >&3
while read -r word name <&3; do
  case $word in signal | group) systemctl poweroff ;; esac
done
`;

/** systemd runs what lies here last of all, when nothing else runs any more (systemd-shutdown(8)). */
const SHUTDOWN = `#!/bin/sh\nexec ${PROGRAMS}/control end\n`;

/**
 * Takes the cards by their addresses, and puts the filter into force before a packet can pass. Later it looks whether the
 * rules are others: a shared folder tells nobody of its changes.
 */
const ROUTER = `#!/bin/sh
# The host's own card has the address that its maker gave it, and a place by which it is known.
card() {
  if [ "$1" = pci ]; then for at in /sys/bus/pci/devices/${CARD_INSIDE}/net/*; do echo "\${at##*/}"; done; return; fi
  for at in /sys/class/net/*; do [ "$(cat "$at/address")" = "$1" ] && echo "\${at##*/}"; done
}
rules=/run/skerry/${RULES_SHARE}/ways.nft
nft -f "$rules" || exit 1
cp "$rules" /run/skerry/in-force
ip link set lo up
for one in $(ls /sys/class/net); do ip link set "$one" down; done
ip link set lo up
ip link set "$(card ${PROVIDER_CARD})" name stations
ip link set stations up
ip addr add ${PROVIDER_ADDRESS}/24 dev stations
if [ -s /etc/skerry/uplink ]; then
  read -r mac four gateway rest <${PROGRAMS}/uplink
  ip link set "$(card "$mac")" name uplink
  ip link set uplink up
  ip addr add "$four" dev uplink
  ip route add default via "$gateway"
fi
echo 1 >/proc/sys/net/ipv4/ip_forward
servers=$(sed -n 's/^nameserver //p' /etc/resolv.conf)
dnsmasq --keep-in-foreground --log-facility=- --user=nobody --group=nogroup --conf-file=/dev/null --no-hosts \\
  --no-resolv $(for one in $servers; do echo "--server=$one"; done) \\
  --interface=stations --except-interface=lo --bind-dynamic &
${RESOLVERS}
resolvers
systemd-notify --ready
while sleep 1; do
  cmp -s "$rules" /run/skerry/in-force ||
    { cp "$rules" /run/skerry/new && nft -f /run/skerry/new && mv /run/skerry/new /run/skerry/in-force; }
  resolvers
  turn=$((turn + 1))
  case $turn in ${NAMES_EVERY_S}) empty a ;; ${2 * NAMES_EVERY_S}) empty b; turn=0 ;; esac
done
`;

export interface SystemParts {
  /** It has a network card of its own. */
  readonly networked: boolean;
  /** It is a provider. */
  readonly routes: boolean;
  /** Its way out is a card of the host's. */
  readonly card?: CardGrant | undefined;
}

export function systemDisk(
  spec: CompartmentSpec,
  shares: Shares,
  { networked, routes, card }: SystemParts,
): readonly ArchiveEntry[] {
  const mounts: string[] = [];
  const own: ArchiveEntry[] = [];
  for (const one of spec.contributions) {
    if (shares.within.has(one)) continue;
    const share = shares.of.get(one);
    if (share !== undefined && share.slot !== "bare") {
      const { name, seen } = share;
      mounts.push(`bind ${quoted(`/folders/${name}/${seen.part}`)} ${quoted(`/root${seen.target}`)}`);
    }
    if (one.kind === "file") own.push(file(`points${one.target}`, one.content, 0o644));
    if (one.kind === "empty-folder" || one.kind === "memory-folder" || (one.kind === "slot" && share?.slot === "bare"))
      own.push({ kind: "folder", path: `points${one.target}`, mode: 0o755 });
  }
  if (routes) mounts.push(`bind '/folders/${RULES_SHARE}' '/root/run/skerry/${RULES_SHARE}'`);
  return [
    file("system", `${[...mounts, `set -- ${spec.command.map(quoted).join(" ")}`].join("\n")}\n`, 0o600),
    ...own,
    // A file without content hides the one of that name.
    ...MASKED.map((unit) => file(`${UNITS}/${unit}`, "", 0o644)),
    ...GENERATORS.map((name) => file(`points/etc/systemd/system-generators/systemd-${name}-generator`, "", 0o644)),
    file(`points${PROGRAMS}/control`, CONTROL, 0o755),
    file("points/usr/lib/systemd/system-shutdown/skerry", SHUTDOWN, 0o755),
    ...unit("skerry-control", "Keeps the host informed", {
      start: `${PROGRAMS}/control run`,
      after: "multi-user.target",
    }),
    ...unit("skerry-log", "Hands the journal to the host", { start: `${PROGRAMS}/control log` }),
    ...unit("skerry-guest", "Does what the host asks for", { start: `${PROGRAMS}/control serve`, more: LASTING }),
    // A router takes its cards itself, once its filter is in force; guest/init brings up the card of any other.
    ...(networked && !routes ? [file("network", GUEST_NETWORK, 0o600)] : []),
    ...(!routes
      ? []
      : [
          file(`points${PROGRAMS}/router`, ROUTER, 0o755),
          file(`points${PROGRAMS}/uplink`, uplinkOf(networked, card), 0o644),
          ...unit("skerry-router", "Routes for other machines", { start: `${PROGRAMS}/router`, notifies: true }),
        ]),
  ];
}

/** Which card leads out, its own address with the length of its network, and whom it goes through. */
function uplinkOf(networked: boolean, card: CardGrant | undefined): string {
  if (card !== undefined) return `pci ${card.address} ${card.gateway}\n`;
  return networked ? `${CARD_ADDRESS} ${GUEST_NETWORK}` : "";
}

interface UnitParts {
  readonly start: string;
  readonly after?: string;
  readonly notifies?: boolean;
  /** When it is started again, and the like. */
  readonly more?: readonly string[];
}

const RESTARTED = ["Restart=on-failure"];

/** Programs that it has started run in its place: however one of them ends, it goes on. */
const LASTING = [
  "Restart=always",
  "RestartSec=1",
  "OOMPolicy=continue",
  "TasksMax=infinity",
  "LimitNOFILE=1024:524288",
];

function unit(
  name: string,
  what: string,
  { start, after, notifies = false, more = RESTARTED }: UnitParts,
): readonly ArchiveEntry[] {
  const lines = [
    ...["[Unit]", `Description=${what}`, ...(after === undefined ? [] : [`After=${after}`])],
    ...["[Service]", `ExecStart=${start}`, ...more],
    ...(notifies ? ["Type=notify", "NotifyAccess=all"] : []),
  ];
  return [
    file(`${UNITS}/${name}.service`, `${lines.join("\n")}\n`, 0o644),
    file(`${UNITS}/multi-user.target.d/${name}.conf`, `[Unit]\nWants=${name}.service\n`, 0o644),
  ];
}

function file(path: string, content: string, mode: number): ArchiveEntry {
  return { kind: "file", path, mode, content };
}
