/**
 * Throttle: QEMU's words for how fast a machine may read and write. Pure. Source: qemu-system(1), docs/throttle.txt.
 *
 * All disks of a machine share one budget. QEMU's folders by 9p know no such group: each has the same budget of its own.
 */
import type { IoLimits } from "../../model/index.ts";

/** Of the group that all disks are in. */
const GROUP = "io";

/** Behind the words of a `-drive`. */
export function driveWords(io: IoLimits | undefined): string {
  return io === undefined ? "" : `,throttling.group=${GROUP}${throttlingOf(io)}`;
}

/** Behind the words of a `-fsdev`. */
export function folderRate(io: IoLimits | undefined): string {
  return io === undefined ? "" : throttlingOf(io);
}

function throttlingOf(io: IoLimits): string {
  return Object.entries(namesOf(io))
    .map(([name, value]) => `,throttling.${name}=${value}`)
    .join("");
}

/** For nodes: the group, which is made before them. */
export function groupWords(io: IoLimits | undefined): readonly string[] {
  if (io === undefined) return [];
  return ["-object", JSON.stringify({ "qom-type": "throttle-group", id: GROUP, limits: namesOf(io) })];
}

/** A node around another one that holds it to the group's budget. */
export function throttledNode(id: string, around: string, writable: boolean): readonly string[] {
  const access = { "read-only": !writable, ...(writable ? { discard: "unmap" } : {}) };
  return [
    "-blockdev",
    JSON.stringify({ driver: "throttle", "node-name": id, "throttle-group": GROUP, file: around, ...access }),
  ];
}

function namesOf({ readBytes, writeBytes, readOperations, writeOperations }: IoLimits): Record<string, number> {
  return {
    ...(readBytes === undefined ? {} : { "bps-read": readBytes }),
    ...(writeBytes === undefined ? {} : { "bps-write": writeBytes }),
    ...(readOperations === undefined ? {} : { "iops-read": readOperations }),
    ...(writeOperations === undefined ? {} : { "iops-write": writeOperations }),
  };
}
