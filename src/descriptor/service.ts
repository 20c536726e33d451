/**
 * Service: the keys of a deployment that say how it lives in the background, and a recipe's sign of readiness; from text
 * to value and back. What a key means stands with the type, in model/service.ts.
 */
import * as z from "zod";
import {
  isCleanAbsolutePath,
  type Link,
  NEVER_RESTARTED,
  ON_REVOKE_WORDS,
  READY_WITHIN_MS,
  type Readiness,
  RESTART_WORDS,
  type RestartPolicy,
  type Service,
  STOPPED_AFTER_MS,
} from "../model/index.ts";
import { unreachable } from "../result.ts";
import type { PathFinding } from "./path-finding.ts";
import { found, quote } from "./complaint.ts";
import { countWithin, countWithinOf, duration, durationText, millisecondsOf } from "./duration.ts";
import { inline } from "./inline.ts";
import type { DataPath, PlainData } from "./read-yaml.ts";
import { listOf, name, pattern, programPath, wants } from "./schema-parts.ts";

const restartWord = z.enum(RESTART_WORDS);

const restart = z.union([
  restartWord,
  z
    .strictObject(
      {
        when: restartWord.describe("on-failure: after an end with another code than 0"),
        delay: duration("100ms", "1h").optional().describe("Before the first restart; it doubles. Default: 1s"),
        "longest-delay": duration("100ms", "24h").optional().describe("The longest delay. Default: 60s"),
        most: countWithin.optional().describe("More ends than that, and it is given up. Default: never given up"),
      },
      wants("a map with the keys of a restart policy"),
    )
    .meta({ title: "a restart policy" }),
]);

const port = z.int(wants("a port from 1 to 65535")).min(1).max(65_535);

const pathInside = z
  .string(wants("an absolute path inside"))
  .max(1000)
  .refine((text) => isCleanAbsolutePath(text) && text !== "/", {
    error: ({ input }) => `${quote(String(input))} is no clean absolute path inside`,
  });

/** Exactly one of the three signs, which `checkReady` sees to. */
export const readySchema = z
  .strictObject(
    {
      port: port.optional().describe("A TCP port that it listens on"),
      file: pathInside.optional().describe("A path inside that exists"),
      command: listOf(z.string(wants("text; put numbers in quotes")).max(4096), "a program and its arguments", 100)
        .min(1)
        .optional()
        .describe("A program inside that ends with 0"),
      within: duration("100ms", "1h").optional().describe("How long to wait for the sign. Default: 30s"),
    },
    wants("a map with one of port, file and command"),
  )
  .meta({ title: "a sign of readiness" });

/** Short enough for a question for it, and no name that means something else. */
const LINK_NAME =
  /^(?!(?:host|localhost)$)(?=.{1,200}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

const link = z
  .strictObject(
    {
      to: name.describe("Name of the instance"),
      port: port.optional().describe("A TCP port of it that may be connected to. Default: none, only the order counts"),
      as: z
        .string(wants("a host name such as db.internal"))
        .check(
          pattern(
            LINK_NAME,
            (text) => `${found(text)} is no host name. Write lower-case letters, digits and dashes, with dots between`,
          ),
        )
        .optional()
        .describe("Host name by which it is known here, such as db.internal. Default: its own name"),
    },
    wants("a map such as { to: NAME }"),
  )
  .meta({ title: "a link" });

const onDemand = z
  .strictObject(
    {
      "stop-after": duration("1s", "24h")
        .optional()
        .describe("It is stopped when nobody has needed it for so long. Default: 60s"),
    },
    wants("true, false or a map such as { stop-after: 5m }"),
  )
  .meta({ title: "a start on demand" });

/** The keys of a deployment; spread into its schema. */
export const SERVICE_KEYS = {
  autostart: z.boolean(wants("true or false")).optional().describe("Start it at boot or log-in. Default: false"),
  restart: restart.optional().describe("What follows its end: never, on-failure or always. Default: never"),
  ready: z
    .union([z.literal("none"), readySchema])
    .optional()
    .describe("The sign that it can be used, or none. Default: the recipe's"),
  links: listOf(link, "links", 20).optional().describe("Instances that must be ready before it starts. Default: none"),
  "on-revoke": z
    .enum(ON_REVOKE_WORDS)
    .optional()
    .describe("Processes that hold something of a revoked folder: end them, or restart it all. Default: end"),
  "on-demand": z
    .union([z.boolean(), onDemand])
    .optional()
    .describe("Started by who connects to it over a link, and stopped when nobody needs it. Default: false"),
} as const;

const serviceSchema = z.strictObject(SERVICE_KEYS);

export type ServiceFile = z.output<typeof serviceSchema>;
export type ReadyFile = z.output<typeof readySchema>;

export function toService(file: ServiceFile): Service {
  return {
    autostart: file.autostart ?? false,
    restart: toPolicy(file.restart),
    ready: file.ready === undefined || file.ready === "none" ? file.ready : toReadiness(file.ready),
    links: (file.links ?? []).map(({ to, port, as }): Link => ({ to, port, as })),
    ...(file["on-revoke"] === undefined ? {} : { onRevoke: file["on-revoke"] }),
    ...toOnDemand(file["on-demand"]),
  };
}

function toOnDemand(file: ServiceFile["on-demand"]): Pick<Service, "onDemand"> {
  if (file === undefined || file === false) return {};
  const after = file === true ? undefined : file["stop-after"];
  return { onDemand: { stopAfterMs: after === undefined ? STOPPED_AFTER_MS : millisecondsOf(after) } };
}

function toPolicy(file: ServiceFile["restart"]): RestartPolicy {
  if (file === undefined) return NEVER_RESTARTED;
  if (typeof file === "string") return { ...NEVER_RESTARTED, when: file };
  const { when, delay, most } = file;
  const delayMs = delay === undefined ? NEVER_RESTARTED.delayMs : millisecondsOf(delay);
  const longest = file["longest-delay"];
  return {
    when,
    delayMs,
    // A first delay that is longer than the default moves the default.
    longestDelayMs: longest === undefined ? Math.max(delayMs, NEVER_RESTARTED.longestDelayMs) : millisecondsOf(longest),
    most: most === undefined ? undefined : countWithinOf(most),
  };
}

/** @param file - as `checkReady` lets it pass */
export function toReadiness({ port, file, command, within }: ReadyFile): Readiness {
  const withinMs = within === undefined ? READY_WITHIN_MS : millisecondsOf(within);
  if (port !== undefined) return { sign: { kind: "port", port }, withinMs };
  if (file !== undefined) return { sign: { kind: "file", path: file }, withinMs };
  const [program, ...rest] = command ?? [];
  if (program === undefined) throw new Error("a sign of readiness without a sign was let in");
  return { sign: { kind: "command", command: [program, ...rest] }, withinMs };
}

export function checkService(file: ServiceFile): readonly PathFinding[] {
  const { restart: policy, links = [] } = file;
  const shorter =
    typeof policy === "object" && policy["longest-delay"] !== undefined
      ? millisecondsOf(policy["longest-delay"]) < toPolicy(policy).delayMs
      : false;
  return [
    ...(shorter
      ? [
          {
            path: ["restart", "longest-delay"],
            part: "value",
            message: `shorter than the delay, which is ${durationText(toPolicy(policy).delayMs)}`,
          } as const,
        ]
      : []),
    ...(typeof file.ready === "object" ? checkReady(file.ready, ["ready"]) : []),
    ...checkLinks(links),
  ];
}

/** Two ports of one instance are two links. Two instances cannot have one name: a connection goes to one of them. */
function checkLinks(links: NonNullable<ServiceFile["links"]>): readonly PathFinding[] {
  return links.flatMap(({ to, port, as = to }, index): readonly PathFinding[] => {
    const at = (key: string, message: string): readonly PathFinding[] => [
      { path: ["links", index, key], part: "value", message },
    ];
    const before = links.slice(0, index);
    if (before.some((other) => other.to === to && other.port === port)) return at("to", `${quote(to)} is listed twice`);
    if (port === undefined)
      return as === to ? [] : at("as", "a link without a port only says the order. Write the port, too");
    const other = before.find((one) => one.port !== undefined && (one.as ?? one.to) === as && one.to !== to);
    return other === undefined
      ? []
      : at("to", `${quote(as)} is the name of ${quote(other.to)} already. Write as: NAME`);
  });
}

export function checkReady(file: ReadyFile, path: DataPath): readonly PathFinding[] {
  const signs = (["port", "file", "command"] as const).filter((key) => file[key] !== undefined);
  if (signs.length === 0) return [{ path, part: "value", message: "no sign. Write one of port, file and command" }];
  const second = signs[1];
  if (second !== undefined)
    return [
      { path: [...path, second], part: "key", message: `${second}: a second sign, beside ${signs[0]}. Keep one` },
    ];
  const program = file.command?.[0];
  const checked = programPath.safeParse(program);
  if (program === undefined || checked.success) return [];
  const message = checked.error.issues[0]?.message ?? "no program";
  return [{ path: [...path, "command", 0], part: "value", message }];
}

/** Lines of a new deployment. */
export function serviceLines({
  autostart,
  restart: policy,
  ready,
  links,
  onRevoke,
  onDemand,
}: Service): readonly string[] {
  return [
    "# In the background: started at boot or log-in, and again after its end (never, on-failure, always).",
    `autostart: ${autostart}`,
    `restart: ${inline(policyData(policy))}`,
    ready === undefined
      ? "# ready: { port: 8080, within: 30s }"
      : `ready: ${inline(ready === "none" ? ready : readyData(ready))}`,
    "# Instances that must be ready before it starts, and ports of theirs that it may reach: [{ to: NAME, port: 5432 }]",
    `links: ${inline(links.map(linkData))}`,
    ...(onRevoke === undefined ? [] : [`on-revoke: ${onRevoke}`]),
    ...(onDemand === undefined ? [] : [`on-demand: ${inline({ "stop-after": durationText(onDemand.stopAfterMs) })}`]),
  ];
}

function linkData({ to, port, as }: Link): PlainData {
  return { to, ...(port === undefined ? {} : { port }), ...(as === undefined ? {} : { as }) };
}

function policyData(policy: RestartPolicy): PlainData {
  const { when, delayMs, longestDelayMs, most } = policy;
  const usual = delayMs === NEVER_RESTARTED.delayMs && longestDelayMs === NEVER_RESTARTED.longestDelayMs;
  if (usual && most === undefined) return when;
  return {
    when,
    delay: durationText(delayMs),
    "longest-delay": durationText(longestDelayMs),
    ...(most === undefined ? {} : { most: `${most.ends} in ${durationText(most.withinMs)}` }),
  };
}

export function readyData({ sign, withinMs }: Readiness): PlainData {
  const within = durationText(withinMs);
  switch (sign.kind) {
    case "port":
      return { port: sign.port, within };
    case "file":
      return { file: sign.path, within };
    case "command":
      return { command: sign.command, within };
    default:
      return unreachable(sign);
  }
}
