/** Attached by: what the words that enter a machine would do, which can be done without starting the program that they name. */

const ATTACH = "src/host/channel/attach.ts";

/** @returns undefined where the words begin another program: it is started as it is */
export function attachedBy(argv: readonly string[], program: string) {
  const [, , file, pid = "", startTicks = "", , ...command] = argv;
  if (file !== `${program}/${ATTACH}`) return undefined;
  return { machine: { pid: Number(pid), startTicks }, command };
}
