/**
 * Network rule: an entry of `allow`, as text or as a map with options, to a value and back. What an option means stands
 * with the type, in model/network-rule.ts.
 */
import * as z from "zod";
import { NETWORK_ZONES, type NetworkRule, type NetworkZone } from "../model/index.ts";
import type { PathFinding } from "./path-finding.ts";
import { found, quote } from "./complaint.ts";
import type { DataPath, PlainData } from "./read-yaml.ts";
import { listOf, pattern, wants } from "./schema-parts.ts";
import { MAX_RULE_TEXT, parseRuleText, ruleKey } from "./rule-text.ts";

/** Of one answer. */
const MAX_RULES = 200;

const UNITS: Readonly<Record<string, number>> = {
  ...{ B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 },
  ...{ KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 },
};

const UNIT_WORDS = Object.keys(UNITS).join("|");

/** Less would be no connection at all; more could not be counted exactly. */
const LEAST_BYTES = 1000;
const MOST_BYTES = 1e15;

export const ruleTextSchema = z
  .string(wants("a rule such as example.org:443"))
  .min(1)
  .max(MAX_RULE_TEXT)
  .superRefine((text, context) => {
    const parsed = parseRuleText(text);
    if (!parsed.ok) context.addIssue({ code: "custom", message: parsed.problem.message });
  });

export const ruleMapSchema = z
  .strictObject(
    {
      to: ruleTextSchema.describe(
        "What may be reached: a name, *.name, an address or range, host or lan; with :PORT and /udp",
      ),
      tls: z
        .enum(["same-name"])
        .optional()
        .describe("same-name: only TLS whose ClientHello asks for the granted name. Default: any protocol"),
      private: z
        .union([z.boolean(), z.enum(["yes", "no"])], wants("yes or no"))
        .optional()
        .describe("The name's addresses may be private ones or this host's. Default: no"),
      quota: amount("100 MB/day", "day").optional().describe("Bytes to and fro in any 24 hours. Default: no limit"),
      rate: amount("1 MB/s", "s").optional().describe("Bytes to and fro in a second. Default: no limit"),
      answer: z
        .enum(["real", "ask", "deny"])
        .optional()
        .describe("ask: the owner is asked when it is used. deny: refused, within a wider rule. Default: real"),
    },
    wants("a map with `to` and its options"),
  )
  .meta({ title: "a rule" });

export const rulesSchema = listOf(z.union([ruleTextSchema, ruleMapSchema]), "rules", MAX_RULES);

export type RuleFile = z.output<typeof rulesSchema>[number];

function amount(example: string, per: "day" | "s") {
  return z
    .string(wants(`an amount such as ${example}`))
    .check(
      pattern(
        new RegExp(`^[1-9][0-9]{0,14} ?(${UNIT_WORDS})/${per}$`),
        (text) =>
          `expected an amount such as ${example}, found ${found(text)}. Write a whole number, a unit and /${per}`,
      ),
    )
    .refine((text) => bytesIn(text) >= LEAST_BYTES && bytesIn(text) <= MOST_BYTES, {
      error: ({ input }) => `${quote(String(input))} is out of range. It is 1 kB to 1000 TB`,
    });
}

/** @param text - as `amount` lets it pass */
function bytesIn(text: string): number {
  const [, count = "", unit = ""] = /^([0-9]+) ?([A-Za-z]+)\//.exec(text) ?? [];
  return Number(count) * (UNITS[unit] ?? Number.NaN);
}

function amountText(bytes: number, per: "day" | "s"): string {
  const fitting = Object.entries(UNITS).filter(([, size]) => bytes % size === 0);
  // The largest, and of a thousand and 1024 the one that leaves the smaller number.
  const [unit, size] = fitting.toSorted(([, left], [, right]) => right - left)[0] ?? ["B", 1];
  return `${bytes / size} ${unit}/${per}`;
}

/** @param file - as the schema lets it pass */
export function toRule(file: RuleFile): NetworkRule {
  const map = typeof file === "string" ? { to: file } : file;
  const parsed = parseRuleText(map.to);
  if (!parsed.ok) throw new Error("a rule that cannot be read was let in");
  return {
    text: map.to,
    ...parsed.value,
    sameName: map.tls === "same-name",
    private: map.private === true || map.private === "yes",
    bytesPerDay: map.quota === undefined ? undefined : bytesIn(map.quota),
    bytesPerSecond: map.rate === undefined ? undefined : bytesIn(map.rate),
    answer: map.answer ?? "real",
  };
}

/** As it is written: the text alone where it has no options. */
export function ruleData(rule: NetworkRule): PlainData {
  const options = {
    ...(rule.sameName ? { tls: "same-name" } : {}),
    ...(rule.private ? { private: "yes" } : {}),
    ...(rule.bytesPerDay === undefined ? {} : { quota: amountText(rule.bytesPerDay, "day") }),
    ...(rule.bytesPerSecond === undefined ? {} : { rate: amountText(rule.bytesPerSecond, "s") }),
    ...(rule.answer === "real" ? {} : { answer: rule.answer }),
  };
  return Object.keys(options).length === 0 ? rule.text : { to: rule.text, ...options };
}

/** The zones of a `real` network; undefined where the entries are not zones alone. */
export function zonesOf(files: readonly RuleFile[]): readonly NetworkZone[] | undefined {
  const zones = files.map((file) => NETWORK_ZONES.find((zone) => zone === file));
  return zones.every((zone) => zone !== undefined) ? zones : undefined;
}

/** What is wrong between rules, or between a rule and its options. */
export function checkRules(answer: string, files: readonly RuleFile[], path: DataPath): readonly PathFinding[] {
  if (answer !== "subset" && answer !== "ask") {
    const astray = files.findIndex((file) => zonesOf([file]) === undefined);
    if (astray < 0) return [];
    const message = `a rule goes with the answers subset and ask. With ${answer} it is one of ${NETWORK_ZONES.join(", ")}`;
    return [{ path: [...path, astray], part: "value", message }];
  }
  const seen = new Map<string, number>();
  return files.flatMap((file, index) => {
    const rule = toRule(file);
    const at = [...path, index];
    const before = seen.get(ruleKey(rule));
    if (before !== undefined)
      return [
        { path: at, part: "value" as const, message: `${quote(rule.text)} is written twice, first as entry ${before}` },
      ];
    seen.set(ruleKey(rule), index);
    if (rule.target.kind === "any-name" && rule.answer === "real") {
      const message = `"*" is every name. For all of the internet the answer is real; for asking about each it is ask`;
      return [{ path: at, part: "value" as const, message }];
    }
    return checkOptions(rule, at);
  });
}

/** An option that means nothing with its target: believed to limit what it does not limit, it would open a door. */
function checkOptions(
  { target, protocol, sameName, private: mayBePrivate }: NetworkRule,
  path: DataPath,
): readonly PathFinding[] {
  const named = target.kind !== "addresses" && target.kind !== "zone";
  const finding = (key: string, message: string): PathFinding => ({ path: [...path, key], part: "value", message });
  return [
    ...(sameName && !named ? [finding("tls", "same-name compares names, and this rule has none")] : []),
    ...(sameName && protocol === "udp"
      ? [finding("tls", "same-name reads TLS over TCP, and this rule is for UDP")]
      : []),
    ...(mayBePrivate && !named
      ? [finding("private", "this is for the addresses of a name, and this rule has none")]
      : []),
  ];
}
