/**
 * Answer text: an answer as it is written on a command line, `ANSWER[:WHAT]`. The words are those of the file.
 *
 * - a folder: `deny`, `empty`, `real:FOLDER`, `copy:FOLDER`, `subset:FOLDER`, `subset:FOLDER:FILE,FILE`; a file may be a
 *   pattern: `*.pdf`
 * - a network: `deny`, `empty`, `real`, `real:host,lan`, `subset:RULE,RULE`, `ask`, `ask:RULE,RULE`
 * - a display: `deny`, `fake`, `subset`, `real`
 * - a variable: `deny`, `empty`, `real`, `fake:VALUE`
 *
 * A rule may have options: `bank.example:443+tls=same-name+quota=100MB/day` (rule-word.ts).
 */
import {
  ANSWERS,
  filePatternFault,
  type Grant,
  isCleanAbsolutePath,
  isCleanRelativePath,
  isFilePattern,
  isPrintable,
  type NetworkRule,
  type ServiceName,
} from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { noneOf, quote } from "./complaint.ts";
import { checkRules, type RuleFile, toRule, zonesOf } from "./network-rule.ts";
import { ruleKey } from "./rule-text.ts";
import { parseRuleWord } from "./rule-word.ts";
import { resolveHome } from "./schema-parts.ts";

interface AnswerFault {
  readonly kind: "answer-text";
  /** One line, escaped: what is wrong, and what to write. */
  readonly message: string;
}

const fault = (message: string) => refusal<AnswerFault>({ kind: "answer-text", message });

/** @param home - stands for a leading `~/` */
export function parseAnswerText(text: string, service: ServiceName, home: string): Result<Grant, AnswerFault> {
  if (!isPrintable(text)) return fault(`${quote(text)} has a character that cannot be printed`);
  const [word = "", ...more] = text.split(":");
  const rest = more.length === 0 ? undefined : more.join(":");
  const answer = ANSWERS.find((candidate) => candidate === word);
  if (answer === undefined) return fault(noneOf(word, ANSWERS));
  const plain: Grant = { answer, folder: undefined, files: undefined, allow: undefined, rules: undefined };
  if (rest === undefined) return success(plain);
  if (answer === "deny" || answer === "empty" || rest === "")
    return fault(`${quote(text)}: nothing goes behind the colon of ${answer}`);
  if (service === "display") return fault(`${quote(text)}: nothing goes behind the answer of a display`);
  if (service === "variable")
    return answer === "fake" ? success({ ...plain, value: rest }) : fault(`${quote(text)}: only fake takes a value`);
  return service === "network" ? networkAnswer(plain, rest) : folderAnswer(plain, rest, home);
}

function networkAnswer(plain: Grant, rest: string): Result<Grant, AnswerFault> {
  const texts = rest.split(",");
  if (plain.answer === "subset" || plain.answer === "ask") {
    const rules = parseRules(texts);
    return rules.ok ? success({ ...plain, rules: rules.value }) : rules;
  }
  const zones = zonesOf(texts);
  if (zones === undefined)
    return fault(`${quote(rest)}: ${plain.answer} takes host, lan or both; rules go with subset and ask`);
  return success({ ...plain, allow: [...new Set(zones)] });
}

function parseRules(words: readonly string[]): Result<readonly NetworkRule[], AnswerFault> {
  const files: RuleFile[] = [];
  for (const word of words) {
    const parsed = parseRuleWord(word);
    if (!parsed.ok) return fault(parsed.problem.message);
    files.push(parsed.value);
  }
  const odd = checkRules("subset", files, []);
  return odd[0] === undefined ? success(files.map(toRule)) : fault(odd[0].message);
}

/**
 * Rules as they are added to those that an answer has, `RULE,RULE`. One that names what another has named takes its place.
 *
 * @param before - the answer that is there
 */
export function addRules(before: Grant | undefined, text: string, service: ServiceName): Result<Grant, AnswerFault> {
  if (service !== "network") return fault(`+= adds rules to a network, and this is a ${service}`);
  if (before === undefined || (before.answer !== "subset" && before.answer !== "ask"))
    return fault(`rules are added to subset or ask, and it is answered ${before?.answer ?? "nothing"}`);
  if (!isPrintable(text)) return fault(`${quote(text)} has a character that cannot be printed`);
  const added = parseRules(text.split(","));
  if (!added.ok) return added;
  const byKey = new Map(added.value.map((rule) => [ruleKey(rule), rule]));
  const kept = (before.rules ?? []).map((rule) => byKey.get(ruleKey(rule)) ?? rule);
  return success({ ...before, rules: [...new Set([...kept, ...added.value])] });
}

function folderAnswer(plain: Grant, rest: string, home: string): Result<Grant, AnswerFault> {
  const cut = plain.answer === "subset" ? rest.indexOf(":") : -1;
  const written = cut < 0 ? rest : rest.slice(0, cut);
  const folder = resolveHome(written, home);
  if (!isCleanAbsolutePath(folder)) return fault(`${quote(written)} is no folder. Begin with "/" or "~/"`);
  if (cut < 0) return success({ ...plain, folder });
  const files = [...new Set(rest.slice(cut + 1).split(","))];
  const astray = files.find((file) => !isCleanRelativePath(file));
  if (astray !== undefined) return fault(`${quote(astray)} is not a clean path below the folder`);
  const unfit = files.filter(isFilePattern).find((file) => filePatternFault(file) !== undefined);
  return unfit === undefined
    ? success({ ...plain, folder, files })
    : fault(`${quote(unfit)}: ${filePatternFault(unfit)}`);
}

/** The words of a help text. */
export const ANSWER_TEXT_FORMS: Readonly<Record<ServiceName, string>> = {
  folder: "deny, empty, real:FOLDER, copy:FOLDER, subset:FOLDER or subset:FOLDER:FILE,FILE",
  network: "deny, empty, real, real:host,lan, ask or subset:RULE,RULE such as subset:example.org:443",
  display: "deny, fake, subset or real",
  variable: "deny, empty, real or fake:VALUE",
};
