/** Answer word: an answer as `skerry grant` takes it, `REQUEST=ANSWER:WHAT`, safe to be pasted into a shell. Pure. */
import type { Grant } from "../../model/index.ts";

/** @returns empty where a command line cannot say it: options of a rule, and names with a comma or a colon */
export function answerWord(request: string, { answer, folder, files, rules }: Grant): string {
  if ((rules ?? []).some((rule) => hasOptions(rule)) || folder?.includes(":") === true) return "";
  if ((files ?? []).some((file) => /[,:]/.test(file))) return "";
  const parts = [answer, folder, files?.join(","), rules?.map(({ text }) => text).join(",")];
  const word = `${request}=${parts.filter((part) => part !== undefined).join(":")}`;
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function hasOptions(rule: NonNullable<Grant["rules"]>[number]): boolean {
  const amounts = rule.bytesPerDay !== undefined || rule.bytesPerSecond !== undefined;
  return amounts || rule.sameName || rule.private || rule.answer !== "real";
}
