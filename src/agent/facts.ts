/**
 * Facts as all of Skerry uses them: what the probe finds, with the owner's `facts.yaml` laid over it.
 *
 * The command line uses this door as well, since `facts` and `doctor` must work where no agent can run.
 */
import { type ProbeOptions, probeHost, readTextIfThere, usableFolder } from "../host/index.ts";
import type { HostFacts, Places } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";

export interface FactsProblem {
  readonly kind: "bad-facts-file";
  /** For a person: file, line, and what was expected. */
  readonly text: string;
}

export async function readFacts(
  environment: Readonly<Record<string, string | undefined>>,
  places: Places,
  options: ProbeOptions = {},
): Promise<Result<HostFacts, FactsProblem>> {
  const file = `${places.config}/facts.yaml`;
  let text: string | undefined;
  try {
    text = await readTextIfThere(file, { links: "followed" });
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    return refusal({ kind: "bad-facts-file", text: `${file} cannot be read: ${because}` });
  }
  const written: Result<Partial<HostFacts>, FactsProblem> = text === undefined ? success({}) : await parsed(text, file);
  if (!written.ok) return written;
  // Where an owner says that there is no KVM, none is tried.
  const tried = written.value.kvm !== false && written.value.accelerator === undefined;
  const facts = await probeHost(environment, {
    workFolder: await usableFolder(places.data),
    ...(tried ? { acceleratorFile: `${places.cache}/accelerator.json` } : {}),
    ...options,
  });
  const said = written.value.kvm === false ? ({ kind: "emulated", because: "written" } as const) : undefined;
  return success({ ...facts, ...(said === undefined ? {} : { accelerator: said }), ...written.value });
}

/** The reader of YAML is loaded only where it is needed: most owners have no such file. */
async function parsed(text: string, file: string): Promise<Result<Partial<HostFacts>, FactsProblem>> {
  const { parseFacts, showComplaint } = await import("../descriptor/index.ts");
  const facts = parseFacts(text, { file, name: "facts" });
  if (facts.ok) return facts;
  const lines = facts.problem.complaints.map((complaint) => showComplaint(complaint));
  return refusal({ kind: "bad-facts-file", text: lines.join("\n") });
}
