/**
 * View parts: from what a request gets to the mounts that show it, in order, and what has to be there for them.
 *
 * Started by root, an app works under another user; a folder shown to it under that user is one that its start has
 * prepared. Another folder has to wait for the next start.
 */
import { findPlainly, type Part } from "../../host/index.ts";
import type { CompartmentSpec, Contribution } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Step } from "../../step/index.ts";
import { type AgentContext, QUIET } from "../context.ts";

interface NotNow {
  readonly kind: "not-now";
  readonly because: string;
}

/** Where the start has its files, and where the view is put together. */
interface Room {
  readonly folder: string;
  readonly staging: string;
}

export async function partsFor(
  contributions: readonly Contribution[],
  slot: { readonly request: string; readonly target: string },
  spec: CompartmentSpec,
  { folder, staging }: Room,
  { performer }: AgentContext,
): Promise<Result<readonly Part[], NotNow>> {
  const mode = spec.user.allocated ? 0o711 : 0o700;
  const empty = `${folder}/empty`;
  const steps: Step[] = [
    { kind: "make-folder", path: staging, mode },
    { kind: "make-folder", path: empty, mode: 0o555 },
  ];
  const parts: Part[] = [];
  for (const one of contributions) {
    const at = "target" in one ? one.target.slice(slot.target.length) : "";
    if (one.kind === "bind") {
      const found = findPlainly(one.source);
      if (found === undefined || found.type === "other") return notNow(`${one.source} is not there`);
      const shown = spec.user.allocated ? preparedFor(one.source, spec, folder) : undefined;
      if (spec.user.allocated && shown === undefined)
        return notNow("as root, only a folder that it was started with can be shown to it");
      parts.push({ source: one.source, shown, type: found.type, at, access: one.access });
    } else if (one.kind === "empty-folder") parts.push({ source: empty, type: "folder", at, access: "read" });
    else if (one.kind === "copy") return notNow("a copy is made when it starts");
    else return notNow(`${one.kind} is given when it starts`);
  }
  for (const step of parts.length === 0 ? [] : steps) {
    const done = await performer.perform(step, QUIET);
    if (!done.ok) return notNow(`${staging} could not be made`);
  }
  return success(parts);
}

/** Where the helper has shown a folder under the app's user, by its number among all that the app was started with. */
function preparedFor(source: string, { contributions }: CompartmentSpec, folder: string): string | undefined {
  const at = contributions.findIndex((one) => (one.kind === "bind" || one.kind === "copy") && one.source === source);
  return at < 0 ? undefined : `${folder}/stage/${at + 1}`;
}

function notNow(because: string): Result<never, NotNow> {
  return refusal({ kind: "not-now", because });
}
