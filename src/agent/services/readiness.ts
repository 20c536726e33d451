/**
 * Readiness: sees by the sign that a deployment or recipe names whether an app can be used.
 *
 * A port and a file are looked for from outside (host/look-inside.ts); a command runs inside, as the app. Into a virtual
 * machine nobody sees: there a port is one that takes a connection, and a file is looked for by a command. Nothing here
 * ends an app or refuses it: what shows no sign in time is `late`, and is looked at further, less often.
 */
import { setTimeout as pause } from "node:timers/promises";
import { existsInside, isAlive, listensOn, type ProcessName, runProgram } from "../../host/index.ts";
import type { Readiness, ReadySign } from "../../model/index.ts";
import { type Result, refusal, success, unreachable } from "../../result.ts";
import type { Argv } from "../../step/index.ts";
import { boots } from "../launch/machine.ts";
import { takesInMachine } from "../network/dial.ts";
import type { Compartments } from "../compartments.ts";
import type { Start } from "../start-record.ts";
import type { Work } from "../context.ts";

/** To look costs the reading of a table. */
const LOOK_EVERY_MS = 50;

/** A command costs a program. */
const ASK_EVERY_MS = 500;

/** What is late is looked at this often. */
const LATE_EVERY_MS = 1000;

/** A command that has not ended by then says no. */
const COMMAND_MS = 10_000;

const WORDS_LIMIT_BYTES = 64 * 1024;

/** `none`: there is no sign to wait for. */
export type ReadyState = "none" | "waiting" | "ready" | "late";

export type ReadyProblem =
  | { readonly kind: "not-ready"; readonly name: string; readonly sign: ReadySign; readonly withinMs: number }
  | { readonly kind: "ended-before-ready"; readonly name: string; readonly exitCode: number | undefined };

/** The command line that runs a program inside. */
type Enter = (start: Start, command: Argv) => Promise<Argv | undefined>;

export class ReadyWatch {
  readonly #compartments: Compartments;
  readonly #enter: Enter;
  readonly #states = new Map<string, ReadyState>();
  readonly #waiting = new Set<() => void>();
  readonly #closing = new AbortController();

  constructor(compartments: Compartments, enter: Enter) {
    this.#compartments = compartments;
    this.#enter = enter;
  }

  close(): void {
    this.#closing.abort();
  }

  stateOf({ record, state }: Start): ReadyState {
    if (record.ready === undefined || (state !== "running" && state !== "frozen")) return "none";
    return this.#states.get(record.spec.id) ?? "waiting";
  }

  /** Begins to look for the sign of a start, and goes on until it is there or the app has ended. */
  watch(start: Start): void {
    const { ready, spec } = start.record;
    if (ready === undefined || this.#states.has(spec.id)) return;
    this.#states.set(spec.id, "waiting");
    void this.#look(spec.id, ready)
      .catch(() => {})
      .finally(() => this.#tell());
  }

  /**
   * Waits until the instance's newest start is ready.
   *
   * Problems
   * - `not-ready`: no sign within the time of the deployment
   * - `ended-before-ready`
   */
  async wait(name: string, { signal, report }: Work): Promise<Result<Start | undefined, ReadyProblem>> {
    const first = this.#compartments.newest(name);
    if (first === undefined) return success(undefined);
    const { ready, spec } = first.record;
    if (ready === undefined) return success(first);
    report({ kind: "phase", text: `waiting for ${describeSign(ready.sign)} of ${name}` });
    for (;;) {
      const start = this.#compartments.byId(spec.id);
      if (start === undefined || start.state === "ended" || start.state === "lost")
        return refusal({ kind: "ended-before-ready", name, exitCode: start?.exitCode });
      const state = this.stateOf(start);
      if (state === "ready" || signal.aborted) return success(start);
      if (state === "late") return refusal({ kind: "not-ready", name, sign: ready.sign, withinMs: ready.withinMs });
      await this.#change(signal);
    }
  }

  /** Somebody hears of every change; an end is one, too. */
  tellOfEnd({ record }: Start): void {
    this.#states.delete(record.spec.id);
    this.#tell();
  }

  async #look(id: string, { sign, withinMs }: Readiness): Promise<void> {
    const begun = performance.now();
    while (!this.#closing.signal.aborted) {
      const start = this.#compartments.byId(id);
      if (start === undefined || start.state === "ended" || start.state === "lost") return;
      const { child } = start;
      // What is frozen shows nothing, and its time does not run against it alone.
      if (child !== undefined && start.state === "running" && (await this.#shows(start, child, sign))) {
        this.#states.set(id, "ready");
        return;
      }
      const late = performance.now() - begun > withinMs;
      if (late && this.#states.get(id) === "waiting") {
        this.#states.set(id, "late");
        this.#tell();
      }
      const costs = sign.kind === "command" || boots(start.record);
      await pause(late ? LATE_EVERY_MS : costs ? ASK_EVERY_MS : LOOK_EVERY_MS);
    }
  }

  async #shows(start: Start, child: ProcessName, sign: ReadySign): Promise<boolean> {
    if (!isAlive(child)) return false;
    switch (sign.kind) {
      case "port":
        return boots(start.record) ? await takesInMachine(child, sign.port) : await listensOn(child.pid, sign.port);
      case "file":
        return boots(start.record)
          ? await this.#succeeds(start, ["/usr/bin/test", "-e", sign.path])
          : await existsInside(child.pid, sign.path);
      case "command":
        return await this.#succeeds(start, sign.command);
      default:
        return unreachable(sign);
    }
  }

  async #succeeds(start: Start, command: Argv): Promise<boolean> {
    const argv = await this.#enter(start, command);
    if (argv === undefined) return false;
    const end = await runProgram(argv, { timeoutMs: COMMAND_MS, maxOutputBytes: WORDS_LIMIT_BYTES });
    return end.ok && end.value.code === 0;
  }

  async #change(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener("abort", done);
    });
  }

  #tell(): void {
    for (const done of this.#waiting) done();
  }
}

/** A sign as a person reads it; what a recipe wrote is escaped where it is printed. */
export function describeSign(sign: ReadySign): string {
  switch (sign.kind) {
    case "port":
      return `port ${sign.port}`;
    case "file":
      return `file ${sign.path}`;
    case "command":
      return `command ${sign.command.join(" ")}`;
    default:
      return unreachable(sign);
  }
}
