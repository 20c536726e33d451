/**
 * Changes: what apps have written to copies of folders; lists it, brings it into the real folder, or throws it away.
 *
 * Invariants
 * - Nothing is applied or discarded while the app runs, and no start begins while something is.
 * - The real folder is one that would be granted today: what has become Skerry's own meanwhile stays shut.
 * - The looking and the writing is done in a compartment (changes-wall.ts), by host/changes/main.ts.
 */
import { joinGrants } from "../../grant/index.ts";
import type { Act, MergeOrder, MergeReport } from "../../host/index.ts";
import { copyFolder, isCleanRelativePath, isWithin, type Request } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { findDeployment } from "../catalogue.ts";
import { changesWall, toBytes, WALL_ENVIRONMENT } from "./changes-wall.ts";
import type { Compartments } from "../compartments.ts";
import { type AgentContext, QUIET, type Work } from "../context.ts";
import { type CopyOfAnother, type CopyState, copiesOf, noteApplied, noteStart, readCopyState } from "./copies.ts";
import { joinContext, type LaunchProblem } from "../launch/launch.ts";

export interface ChangesWanted {
  readonly name: string;
  /** Empty: of all copies. */
  readonly request: string;
  readonly paths: readonly string[];
  readonly act: Exclude<Act, "settle">;
  readonly force: boolean;
}

export interface CopyChanges {
  readonly request: string;
  /** The real folder. */
  readonly folder: string;
  readonly running: boolean;
  readonly report: MergeReport;
}

export type ChangesProblem =
  | LaunchProblem
  | CopyOfAnother
  | { readonly kind: "still-runs"; readonly name: string; readonly act: string }
  | { readonly kind: "changes-busy"; readonly name: string }
  | { readonly kind: "no-copy"; readonly name: string; readonly request: string; readonly known: readonly string[] }
  | { readonly kind: "bad-path"; readonly path: string }
  | { readonly kind: "too-many-changes"; readonly name: string; readonly request: string };

export class Changes {
  readonly #context: AgentContext;
  readonly #compartments: Compartments;
  /** Instances of which something is being applied or discarded. */
  readonly #busy = new Set<string>();

  constructor(context: AgentContext, compartments: Compartments) {
    this.#context = context;
    this.#compartments = compartments;
  }

  /** Before a start: clears up after an apply that was interrupted, and notes what the app will know. */
  async begin(
    instance: string,
    copies: readonly { readonly request: string; readonly source: string }[],
  ): Promise<Result<void, ChangesProblem>> {
    if (copies.length === 0) return success(undefined);
    if (this.#busy.has(instance)) return refusal({ kind: "changes-busy", name: instance });
    for (const { request, source } of copies) {
      const settled = await this.#settle(instance, request, QUIET);
      if (!settled.ok) return settled;
      const noted = await noteStart(this.#context, { instance, request, source });
      if (!noted.ok) return noted;
    }
    return success(undefined);
  }

  /** Something of the instance is being applied or discarded at this moment. */
  isBusy(instance: string): boolean {
    return this.#busy.has(instance);
  }

  async work(wanted: ChangesWanted, work: Work): Promise<Result<readonly CopyChanges[], ChangesProblem>> {
    const { name, act } = wanted;
    const bad = wanted.paths.find((path) => !isCleanRelativePath(path));
    if (bad !== undefined) return refusal({ kind: "bad-path", path: bad });
    const known = await copiesOf(this.#context, name);
    if (known.length === 0) {
      const found = await findDeployment(name, this.#context);
      if (!found.ok) return found;
    }
    if (wanted.request !== "" && !known.includes(wanted.request))
      return refusal({ kind: "no-copy", name, request: wanted.request, known });
    await this.#compartments.look();
    const running = this.#compartments.running(name) !== undefined;
    const writes = act === "apply" || act === "discard";
    if (running && writes) return refusal({ kind: "still-runs", name, act });
    if (this.#busy.has(name)) return refusal({ kind: "changes-busy", name });
    if (writes) this.#busy.add(name);
    try {
      const out: CopyChanges[] = [];
      for (const request of wanted.request === "" ? known : [wanted.request]) {
        const one = await this.#one({ ...wanted, request }, running, work);
        if (!one.ok) return one;
        if (one.value !== undefined) out.push(one.value);
      }
      return success(out);
    } finally {
      if (writes) this.#busy.delete(name);
    }
  }

  async #one(
    wanted: ChangesWanted,
    running: boolean,
    work: Work,
  ): Promise<Result<CopyChanges | undefined, ChangesProblem>> {
    const { name, request, act } = wanted;
    const settled = running ? success(false) : await this.#settle(name, request, work);
    if (!settled.ok) return settled;
    const state = await readCopyState(this.#context, name, request);
    if (state === undefined) return success(undefined);
    const { paths, force } = wanted;
    // First of all: what is interrupted half-way has changed something as well.
    if (act === "apply" || act === "discard")
      await this.#context.audit.append({
        kind: "changes-begun",
        instance: name,
        request,
        folder: state.source,
        what: act,
      });
    const order = { act, paths: paths.map(toBytes), force, known: state.known, stale: running };
    const report = await this.#run(name, request, state, order, work);
    if (!report.ok) return report;
    if (report.value.tooMany) return refusal({ kind: "too-many-changes", name, request });
    if (act === "apply") {
      const noted = await noteApplied(this.#context, name, request, state, report.value.touched);
      if (!noted.ok) return noted;
    }
    if (act === "apply" || act === "discard") {
      const { total, done } = report.value;
      await this.#context.audit.append({
        kind: act === "apply" ? "changes-applied" : "changes-discarded",
        instance: name,
        request,
        folder: state.source,
        changes: done,
        left: Math.max(0, total - done),
      });
    }
    return success({
      request,
      folder: state.source,
      running,
      report: { ...report.value, settled: settled.value || report.value.settled },
    });
  }

  /** Takes out of the real folder what an apply has left there that did not come to its end. */
  async #settle(name: string, request: string, work: Work): Promise<Result<boolean, ChangesProblem>> {
    const { performer, places } = this.#context;
    const folder = copyFolder(places, name, request);
    if (!(await performer.list(folder)).includes("journal.json")) return success(false);
    const state = await readCopyState(this.#context, name, request);
    if (state === undefined) return success(false);
    const order = { act: "settle", paths: [], force: false, known: state.known, stale: false } as const;
    const report = await this.#run(name, request, state, order, work);
    return report.ok ? success(report.value.settled) : report;
  }

  async #run(
    name: string,
    request: string,
    state: CopyState,
    order: Omit<MergeOrder, "hidden">,
    work: Work,
  ): Promise<Result<MergeReport, ChangesProblem>> {
    const { facts, places, performer } = this.#context;
    const hidden = await this.#hidden(name, request, state.source);
    if (!hidden.ok) return hidden;
    const { act } = order;
    const writes = act === "list" || act === "diff" ? "nothing" : act === "discard" ? "copy" : "both";
    const own = copyFolder(places, name, request);
    const wall = { own, real: state.source, writes, hidden: hidden.value } as const;
    const input: MergeOrder = { ...order, hidden: hidden.value.map(toBytes) };
    const done = await performer.perform(
      {
        kind: "run",
        why: `${act} changes of ${name}`,
        argv: changesWall(wall, facts, places, process.execPath),
        environment: WALL_ENVIRONMENT,
        input: JSON.stringify(input),
        reports: true,
      },
      work,
    );
    return done.ok ? success(JSON.parse(done.value.output)) : done;
  }

  /** As if it were granted now. @returns Skerry's own folders below it, relative to it */
  async #hidden(name: string, request: string, source: string): Promise<Result<readonly string[], ChangesProblem>> {
    const asked: Request = { service: "folder", why: "", need: "optional", verbs: ["read", "write"], inside: "/real" };
    const grant = { answer: "copy", folder: source, files: undefined, allow: undefined, rules: undefined } as const;
    const deployment = { name, requests: {}, answers: { [request]: grant } };
    const context = await joinContext(deployment, this.#context);
    if (context.findings.get(source)?.real !== source)
      return refusal({ kind: "folder-not-there", deployment: name, request, folder: source, type: "none" });
    const joined = joinGrants({ requests: { [request]: asked } }, deployment, context);
    if (!joined.ok) return joined;
    return success(
      joined.value
        .flatMap(({ contributions }) => contributions)
        .flatMap((entry) =>
          entry.kind === "empty-folder" && isWithin(entry.target, "/real") ? [entry.target.slice("/real/".length)] : [],
        ),
    );
  }
}
