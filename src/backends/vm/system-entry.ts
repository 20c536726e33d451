/**
 * System entry: what our control end is asked for in a machine whose image is a whole system. Pure.
 *
 * There is no wall inside, so a program runs as its root, in nothing but the machine; and a folder is mounted at its place
 * itself. Which words are run is written here, and the image's env(1) is as little believed as the rest of the machine.
 */
import { type CompartmentSpec, isWithin } from "../../model/index.ts";
import type { Attachment, Entry, SlotChange } from "../backend.ts";
import type { Share } from "./shares.ts";
import { changeWords } from "./start-disk.ts";

/** Where our programs lie in the machine. */
export const PROGRAMS = "/etc/skerry";

/** guest/init puts it there. */
export const HELPER = `${PROGRAMS}/skerry-helper`;

/** Of the user that all runs as; the deployment's app is systemd. */
const ROOT: Readonly<Record<string, string>> = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  USER: "root",
  LOGNAME: "root",
};

/** Not of its user. */
const LEFT_OUT = new Set([...Object.keys(ROOT), "XDG_RUNTIME_DIR"]);

/** What the machine's control end starts for one more program. */
export function systemEntry({ command, directory, environment }: Entry): readonly string[] {
  const own = Object.entries(environment).filter(([name]) => !LEFT_OUT.has(name));
  const variables = [...Object.entries(ROOT), ...own].map(([name, value]) => `${name}=${value}`);
  // env(1) would take such a name for one more variable.
  const through = command[0].includes("=") ? ["/bin/sh", "-c", `exec "$0" "$@"`] : [];
  return ["/usr/bin/env", "-i", `--chdir=${directory}`, ...variables, ...through, ...command];
}

/** What the machine's control end starts to change what is shown at a place (helper/slots.c). */
export function systemSlot(share: Share, change: SlotChange): readonly string[] {
  return slotWords(share, changeWords(share.name, change));
}

function slotWords({ seen }: Share, words: readonly string[]): readonly string[] {
  return [HELPER, "slot", "--place", seen.target, "--", ...words];
}

/** What is attached to such a machine by 9p, which QEMU does not write down with it. */
export function systemAttachments({ contributions }: CompartmentSpec, shares: Iterable<Share>): readonly Attachment[] {
  const slots = contributions.filter((one) => one.kind === "slot");
  return [...shares].map((share) => ({
    target: share.seen.target,
    request: slots.find(({ target }) => isWithin(share.seen.target, target))?.request,
    filled: share.slot !== "bare",
    hide: systemSlot(share, "hide-and-count"),
    detach: slotWords(share, ["detach", share.name]),
    attach: slotWords(share, ["attach", share.name]),
    show: systemSlot(share, "show"),
  }));
}
