/** Words for why virtual machines are emulated on a host. */
import type { Accelerator } from "../../model/index.ts";

type Because = NonNullable<Accelerator["because"]>;

const WORDS: Readonly<Record<Because, string>> = {
  absent: "there is no /dev/kvm here",
  closed: "/dev/kvm cannot be opened by the users that machines run as",
  "no-qemu": "without QEMU the host's own processor could not be tried",
  slow: "/dev/kvm opens, but a trial took longer than two seconds, far more than emulation does",
  fails: "/dev/kvm opens, but a trial with it failed",
  "not-tried": "the host's own processor was not tried",
  written: "facts.yaml says so",
};

/** @returns undefined where they are not */
export function whyEmulated({ kind, because }: Accelerator): string | undefined {
  return kind === "kvm" ? undefined : WORDS[because ?? "not-tried"];
}
