/** Changes as they are on the wire: names as a person reads them, outcomes as words. */
import { ConnectError, Code } from "@connectrpc/connect";
import { isStartUpFile } from "../../grant/index.ts";
import type { Change } from "../../host/index.ts";
import { type ChangesWanted, type CopyChanges } from "./changes.ts";
import { toText } from "./changes-wall.ts";

const WORDS: readonly ChangesWanted["act"][] = ["list", "diff", "apply", "discard"];

export function actOf(word: string): ChangesWanted["act"] {
  const act = WORDS.find((known) => known === word);
  if (act === undefined) throw new ConnectError(`act: expected one of ${WORDS.join(", ")}`, Code.InvalidArgument);
  return act;
}

export function copyChangesOf({ request, folder, running, report }: CopyChanges, home: string) {
  const { changes, unknown, stale, total, bytes, done, conflicts, failed, full, settled } = report;
  return {
    ...{ request, folder, running, total, bytes, done, conflicts, failed, full, settled },
    changes: changes.map(changeOf),
    startUp: changes
      .filter(({ kind, path }) => kind !== "removed" && isStartUpFile(`${folder}/${toText(path)}`, home))
      .map(({ path }) => toText(path)),
    unchanged: unknown.map(toText),
    stale: stale.map(toText),
  };
}

function changeOf({ path, kind, type, bytes, conflict, unfit, outcome, diff }: Change) {
  return {
    ...{ path: toText(path), kind, type, bytes },
    conflict: conflict ?? "",
    outcome: outcome?.kind ?? "",
    because: outcome?.kind === "failed" ? outcome.because : (unfit ?? ""),
    diff: diff ?? "",
  };
}
