/** Answer word: an answer as `skerry grant` takes it, `REQUEST=ANSWER:WHAT`, safe to be pasted into a shell. Pure. */
import { ruleWord } from "../../descriptor/index.ts";
import type { Grant } from "../../model/index.ts";

/** @returns empty where a command line cannot say it: names with a comma or a colon */
export function answerWord(request: string, { answer, folder, files, rules }: Grant): string {
  if (folder?.includes(":") === true) return "";
  if ((files ?? []).some((file) => /[,:]/.test(file))) return "";
  const parts = [answer, folder, files?.join(","), rules?.map(ruleWord).join(",")];
  const word = `${request}=${parts.filter((part) => part !== undefined).join(":")}`;
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
