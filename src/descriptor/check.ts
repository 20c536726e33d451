/**
 * Check: a text against the schema of its format; each thing that is wrong becomes a finding with its place.
 *
 * The words of a refusal come from the schema where it has its own (schema-parts.ts), else from here.
 */
import * as z from "zod";
import { escapeText } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import {
  complaintsAt,
  type DescriptorProblem,
  didYouMean,
  type Finding,
  found,
  noneOf,
  quote,
  type Source,
} from "./complaint.ts";
import type { PathFinding } from "./path-finding.ts";
import { type DataPath, offsetOf, type PlainData, readYaml, type YamlText } from "./read-yaml.ts";
import { nameFault } from "./schema-parts.ts";
import { type Format, FORMAT_VERSIONS } from "./schemas.ts";

/**
 * Reads a text and checks it against a schema.
 *
 * @param across - checks of several values together, asked only when each value is right by itself
 */
export function readChecked<Schema extends z.ZodType>(
  text: string,
  source: Source,
  format: Format,
  schema: Schema,
  across: (value: z.output<Schema>) => readonly PathFinding[] = () => [],
): Result<z.output<Schema>, DescriptorProblem> {
  const yaml = readYaml(text, source.file);
  if (!yaml.ok) return yaml;
  const refused = (findings: readonly Finding[]) =>
    refusal({ kind: "descriptor", complaints: complaintsAt(source.file, text, findings) } as const);

  const nameRefusal = nameFault(source.name);
  if (nameRefusal !== undefined) return refused([{ offset: 0, message: `the file's name: ${nameRefusal}` }]);
  const wrongVersion = versionFault(yaml.value, format);
  if (wrongVersion !== undefined) return refused([wrongVersion]);

  const checked = schema.safeParse(yaml.value.data, { error: explain });
  const findings = checked.success
    ? across(checked.data)
    : checked.error.issues.flatMap((issue) => pathFindings(issue, schema, yaml.value.data, []));
  if (findings.length > 0) return refused(findings.map((finding) => placed(finding, yaml.value)));
  if (!checked.success) throw new Error("a schema refused without saying why");
  return success(checked.data);
}

function placed({ path, part, message }: PathFinding, yaml: YamlText): Finding {
  const where = path.map((step, index) => (typeof step === "number" ? `[${step}]` : `${index > 0 ? "." : ""}${step}`));
  const shown = part === "key" || path.length === 0 ? message : `${escapeText(where.join(""), 200)}: ${message}`;
  return { offset: offsetOf(yaml.document, path, part), message: shown };
}

/** The first key says what the text is; until that is known, nothing else about it can be right or wrong. */
function versionFault({ data, document }: YamlText, format: Format): Finding | undefined {
  const newest = versions(format).at(-1);
  if (!isMap(data))
    return { offset: 0, message: `expected a map that begins with "skerry: ${newest}", found ${found(data)}` };
  const value = data["skerry"];
  if (value === undefined) return { offset: 0, message: `the first key is missing. Write "skerry: ${newest}"` };
  const first = Object.keys(data)[0];
  if (first !== "skerry") {
    const offset = offsetOf(document, ["skerry"], "key");
    return { offset, message: `"skerry" must be the first key, before ${quote(first ?? "")}` };
  }
  if (typeof value === "string" && versions(format).includes(value)) return undefined;
  const offset = offsetOf(document, ["skerry"], "value");
  const known = versions(format).join(", ");
  if (typeof value !== "string") return { offset, message: `skerry: expected ${known}, found ${found(value)}` };
  const [otherFormat = ""] = value.split("/");
  if (otherFormat !== format && Object.hasOwn(FORMAT_VERSIONS, otherFormat)) {
    return { offset, message: `skerry: this says ${quote(value)}, but a ${format} is expected here. Known: ${known}` };
  }
  if (otherFormat === format) {
    return { offset, message: `skerry: ${quote(value)} is a version that this program does not know. Known: ${known}` };
  }
  return { offset, message: `skerry: ${quote(value)} is no format. Known here: ${known}` };
}

function versions(format: Format): readonly string[] {
  return FORMAT_VERSIONS[format].map((version) => `${format}/${version}`);
}

function isMap(data: unknown): data is Readonly<Record<string, PlainData>> {
  return typeof data === "object" && data !== null && !Array.isArray(data);
}

type RawIssue = Parameters<z.core.$ZodErrorMap>[0];

/** Words for a refusal whose schema has none of its own. */
function explain(issue: RawIssue): string | undefined {
  const { input } = issue;
  if (issue.code === "invalid_value") return noneOf(input, issue.values.map(String));
  if (issue.code === "too_big" || issue.code === "too_small") return explainBound(issue);
  if (issue.code !== "invalid_type") return undefined;
  return input === undefined ? "missing" : `expected another kind of value, found ${found(input)}`;
}

function explainBound(issue: RawIssue & { readonly code: "too_big" | "too_small" }): string {
  const { input } = issue;
  const bound = issue.code === "too_big" ? `at most ${issue.maximum}` : `at least ${issue.minimum}`;
  if (Array.isArray(input)) return `${bound} ${bound.endsWith(" 1") ? "entry" : "entries"}, found ${input.length}`;
  if (typeof input === "string")
    return input === "" ? "the text is empty" : `${bound} characters, found ${input.length}`;
  return `${bound}, found ${found(input)}`;
}

function pathFindings(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  data: PlainData,
  above: DataPath,
): readonly PathFinding[] {
  const path = [...above, ...issue.path.map((step) => (typeof step === "symbol" ? String(step) : step))];
  if (issue.code === "unrecognized_keys") {
    const map = schemaAt(schema, path, data);
    return issue.keys.map((key) => ({ path: [...path, key], part: "key", message: unknownKey(key, map) }));
  }
  if (issue.code === "invalid_key") return [{ path, part: "key", message: issue.issues[0]?.message ?? issue.message }];
  if (issue.code !== "invalid_union") return [{ path, part: "value", message: issue.message }];
  return unionBranch(issue).flatMap((nested) => pathFindings(nested, schema, data, path));
}

/** Of the forms that a value may have, the one that was meant: that which has the kind of value that stands there. */
function unionBranch(issue: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] {
  const ownWords: z.core.$ZodIssue = { code: "custom", path: [], message: issue.message };
  const meant = issue.errors.find(
    (branch) => !branch.some(({ path, code }) => path.length === 0 && ofAnotherKind(code)),
  );
  if (meant !== undefined) return meant;
  return issue.errors.length === 0
    ? [ownWords]
    : (issue.errors.find((branch) => branch[0]?.code === "invalid_value") ?? issue.errors[0] ?? [ownWords]);
}

function ofAnotherKind(code: string): boolean {
  return code === "invalid_type" || code === "invalid_value";
}

function unknownKey(key: string, schema: z.ZodType | undefined): string {
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const title = schema?.meta()?.title ?? "this map";
  const suggestion = didYouMean(key, known);
  const others = suggestion === "" && known.length > 0 ? `. There are: ${known.join(", ")}` : suggestion;
  return `${escapeText(key, 80)}: not a key of ${title}${others}`;
}

/** The schema of the map at a path. Of several forms it is the one that fits the data there. */
function schemaAt(schema: z.ZodType, path: DataPath, data: PlainData): z.ZodType | undefined {
  const inner = unwrapped(schema, data);
  const [step, ...rest] = path;
  if (step === undefined) return inner;
  const below =
    isMap(data) || Array.isArray(data) ? Object.entries(data).find(([key]) => key === String(step))?.[1] : undefined;
  const next =
    inner instanceof z.ZodObject
      ? inner.shape[step]
      : inner instanceof z.ZodRecord
        ? inner.valueType
        : inner instanceof z.ZodArray
          ? inner.element
          : undefined;
  return next instanceof z.ZodType ? schemaAt(next, rest, below ?? null) : undefined;
}

function unwrapped(schema: z.ZodType, data: PlainData): z.ZodType {
  if (schema instanceof z.ZodOptional) {
    const inner = schema.unwrap();
    return inner instanceof z.ZodType ? unwrapped(inner, data) : schema;
  }
  if (!(schema instanceof z.ZodUnion)) return schema;
  const maps = schema.options.filter((option) => option instanceof z.ZodObject);
  const fitting = maps.find((option) => {
    const service = option.shape["service"];
    return isMap(data) && service instanceof z.ZodType && service.safeParse(data["service"]).success;
  });
  return fitting ?? maps[0] ?? schema;
}
