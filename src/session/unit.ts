/**
 * Units: an instance, and the agent, as services of systemd. Pure.
 *
 * Sources: systemd.service(5), systemd.exec(5), systemd.syntax(7). There is no hardening in them: it would reach the
 * set-uid programs (newuidmap) that an image is built with, and the app has a wall of its own.
 *
 * Invariants
 * - Whatever a path or name holds, it stays one word of one line.
 * - What its owner stops is not started again: `run --unit` ends with a code of its own for that.
 */
import type { RestartPolicy, Service } from "../model/index.ts";
import { marked } from "./marked.ts";

/** What `run --unit` ends with when its owner has stopped the app. */
export const STOPPED_BY_OWNER = 213;

export const AGENT_UNIT = "skerry-agent.service";

export interface UnitWanted {
  /** Absolute path of the start script. */
  readonly program: string;
  /** What the units have to know of the environment: `SKERRY_HOME` and the XDG folders, where they are set. */
  readonly environment: Readonly<Record<string, string>>;
  /** Root's are units of the system; others' those of the user's own manager. */
  readonly system: boolean;
  /** systemd's own, such as 257; 0 where it is not known. */
  readonly version: number;
}

export function unitName(instance: string): string {
  return `skerry-${instance}.service`;
}

export function instanceUnit(instance: string, { restart, links }: Service, wanted: UnitWanted): string {
  const { program, system } = wanted;
  const needed = [AGENT_UNIT, ...new Set(links.map(({ to }) => unitName(to)))];
  // A linked instance may have no unit: what is wanted and not there is passed over, and `run` starts it.
  return marked(
    [
      "[Unit]",
      `Description=${instance}, in a compartment of Skerry`,
      `Wants=${needed.join(" ")}`,
      `After=${[...needed, ...(system ? ["network-online.target"] : [])].join(" ")}`,
      ...limitLines(restart),
      "",
      "[Service]",
      "Type=exec",
      ...environmentLines(wanted.environment),
      `ExecStart=${commandLine([program, "run", "--quiet", "--unit", instance])}`,
      // Started is what is ready: whoever comes after it can use it.
      `ExecStartPost=${commandLine([program, "wait", "--unit", instance])}`,
      // An image may have to be built first.
      "TimeoutStartSec=infinity",
      "TimeoutStopSec=30s",
      // The command hands the request on to the app, and waits for it.
      "KillMode=mixed",
      ...restartLines(restart, wanted.version),
      "",
      "[Install]",
      `WantedBy=${system ? "multi-user.target" : "default.target"}`,
      "",
    ].join("\n"),
  );
}

/** The agent in a unit of its own: in that of an app it would end with the app, and with it all that it has started. */
export function agentUnit({ program, environment }: UnitWanted): string {
  return marked(
    [
      "[Unit]",
      "Description=Agent of Skerry",
      "StartLimitIntervalSec=0",
      "",
      "[Service]",
      "Type=exec",
      ...environmentLines(environment),
      `ExecStart=${commandLine([program, "agent"])}`,
      `ExecStartPost=${commandLine([program, "agent", "--wait"])}`,
      "Restart=always",
      "RestartSec=1s",
      // Apps that it has started in the background are no part of it.
      "KillMode=process",
      "",
    ].join("\n"),
  );
}

function environmentLines(environment: UnitWanted["environment"]): readonly string[] {
  return Object.entries(environment).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`);
}

/** More than `ends` ends within the time are more than `ends + 1` starts. */
function limitLines({ most }: RestartPolicy): readonly string[] {
  if (most === undefined) return ["StartLimitIntervalSec=0"];
  return [`StartLimitIntervalSec=${most.withinMs}ms`, `StartLimitBurst=${most.ends + 1}`];
}

function restartLines({ when, delayMs, longestDelayMs }: RestartPolicy, version: number): readonly string[] {
  if (when === "never") return ["Restart=no", "SuccessExitStatus=143 213"];
  const steps = Math.min(Math.ceil(Math.log2(longestDelayMs / delayMs)), 30);
  return [
    `Restart=${when}`,
    `RestartSec=${delayMs}ms`,
    // Older ones would complain of words that they do not know, and keep the first delay.
    ...(version >= 254 && steps > 0 ? [`RestartSteps=${steps}`, `RestartMaxDelaySec=${longestDelayMs}ms`] : []),
    `RestartPreventExitStatus=${STOPPED_BY_OWNER}`,
    `SuccessExitStatus=${STOPPED_BY_OWNER}`,
  ];
}

function commandLine([program, ...rest]: readonly [string, ...string[]]): string {
  // systemd starts no program with such a name; the start script may as well be read by its shell.
  const words = /["'\\\p{Control}]/u.test(program) ? [SHELL, program, ...rest] : [program, ...rest];
  // No variable is looked for in the first word.
  return words.map((word, index) => (index === 0 ? quoted(word) : quoted(word).replaceAll("$", "$$$$"))).join(" ");
}

const SHELL = "/bin/sh";

/** One word in quotes: `%` begins a specifier, and bytes that are no plain text are written by their number. */
function quoted(word: string): string {
  const bytes = [...Buffer.from(word)].map((byte) => {
    const char = String.fromCharCode(byte);
    if (byte < 0x20 || byte > 0x7e) return `\\x${byte.toString(16).padStart(2, "0")}`;
    return char === "\\" || char === '"' ? `\\${char}` : char === "%" ? "%%" : char;
  });
  return `"${bytes.join("")}"`;
}
