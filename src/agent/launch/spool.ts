/**
 * Spool: what the start script has left for the agent to read, one file for each start that it made by itself.
 *
 * The file's words end in NUL: the record that the launcher brought, the process id of the wall, the terminal, then the
 * arguments. It is removed when the audit has it.
 */
import { type CompartmentSpec, type Deployment, placeText, type Places, SECRETS_INSIDE } from "../../model/index.ts";
import type { StartRecord } from "../start-record.ts";
import type { AnsweredAt } from "../grants/answered-at.ts";
import type { Prepared } from "./launch.ts";
import { readyOf } from "./wanted.ts";

export function spoolFolder(places: Places): string {
  return `${places.state}/spool`;
}

/** What a launcher knows of each of its starts beforehand. */
export interface LaunchedRecord {
  readonly record: Omit<StartRecord, "started" | "caller">;
  readonly image: string;
  /** One line for each request, as in the audit. */
  readonly grants: readonly string[];
  /** Limits that its owner wrote, and accepts to go without. */
  readonly weaker: readonly string[];
}

export function launchedRecord({ spec, plan, recipe, deployment, image, effective, at }: Prepared): LaunchedRecord {
  return {
    record: {
      spec,
      recipe: recipe.name,
      isolation: deployment.isolation,
      cgroups: plan.cgroups,
      background: false,
      passing: false,
      ready: readyOf(deployment, recipe),
      log: undefined,
    },
    image: image.layers.at(-1) ?? "",
    grants: grantLines(effective, deployment, at),
    weaker: acceptedWeaker(plan),
  };
}

export function acceptedWeaker(plan: Prepared["plan"]): readonly string[] {
  return plan.weaker.flatMap(({ limit, written }) => (written ? [limit] : []));
}

export function grantLines(
  effective: Prepared["effective"],
  { secrets = {}, publish = [], disks = {} }: Pick<Deployment, "secrets" | "publish" | "disks">,
  at: AnsweredAt,
): readonly string[] {
  const place = (name: string) => ` (${Object.hasOwn(at, name) ? (at[name] ?? "") : "not answered"})`;
  const secretLines = Object.entries(secrets).map(
    ([name, { kind, as }]) =>
      `secret ${name}: from a ${kind}, ${as === undefined ? `at ${SECRETS_INSIDE}/${name}` : `as a ${as}`}${place(`secret ${name}`)}`,
  );
  return [
    ...effective.map(({ request, answer, gets }) => `${request}: ${answer}, ${gets}${place(request)}`),
    ...secretLines,
    ...Object.entries(disks).map(
      ([name, { answer, file }]) =>
        `disk ${name}: ${answer}${file === undefined ? "" : ` of ${file}`}${place(`disk ${name}`)}`,
    ),
    ...publish.map(
      ({ port, at: where }) => `publish: port ${port} at ${placeText(where)}${place(`publish ${placeText(where)}`)}`,
    ),
  ];
}

/** @returns undefined for a file that is not whole: its start has not been made */
export function readSpooled(text: string): (LaunchedRecord & { readonly pid: number }) | undefined {
  const [json = "", pid = "", , ...words] = text.split("\0");
  // Behind the last NUL there is nothing, or half a word.
  if (words.pop() !== "" || !/^\d{1,9}$/.test(pid)) return undefined;
  try {
    const launched: LaunchedRecord = JSON.parse(json);
    const { record } = launched;
    const [program, ...fixed] = record.spec.command;
    const spec: CompartmentSpec = { ...record.spec, command: [program, ...fixed, ...words] };
    return { ...launched, record: { ...record, spec }, pid: Number(pid) };
  } catch {
    return undefined;
  }
}
