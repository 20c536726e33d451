/**
 * Limits: memory, tasks and CPU, by the first of these that can hold them: the user's systemd (a transient scope), a
 * control group that this user may make, or for tasks a resource limit that counts in the compartment's own namespace.
 *
 * A limit that the owner wrote is enforced or the start is refused; a default that cannot be kept is reported.
 */
import type { CompartmentSpec, HostFacts } from "../../model/index.ts";
import { type Result, refusal, success, unreachable } from "../../result.ts";
import type { Step } from "../../step/index.ts";
import type { BackendProblem, LimitName, Weaker } from "../backend.ts";

/** Enough for a browser with many tabs or a parallel build, and far from what stops a host. */
export const DEFAULT_TASKS = 4096;

/** Of the host's memory, unless the owner writes another limit. */
const DEFAULT_MEMORY_SHARE = 0.5;

export interface LimitPlan {
  /** In front of the helper: systemd-run with the limits of a scope. */
  readonly prefix: readonly string[];
  /** The helper's arguments. */
  readonly helper: readonly string[];
  readonly steps: readonly Step[];
  readonly cgroups: readonly string[];
  readonly weaker: readonly Weaker[];
}

/** Those that a process is held to; of others see ../storage-limits.ts. */
type ProcessLimit = Exclude<LimitName, "io" | "disk">;

interface Wish {
  readonly limit: ProcessLimit;
  readonly value: number;
  readonly written: boolean;
}

export function planLimits(spec: CompartmentSpec, facts: HostFacts): Result<LimitPlan, BackendProblem> {
  const wishes: readonly Wish[] = [
    wish("memory", spec.limits.memoryBytes, Math.floor(facts.memoryMiB * DEFAULT_MEMORY_SHARE) * 1024 * 1024),
    wish("tasks", spec.limits.tasks, DEFAULT_TASKS),
    ...(spec.limits.cpuPercent === undefined ? [] : [wish("cpu", spec.limits.cpuPercent, 100)]),
  ];
  if (facts.systemd.user && facts.programs["systemd-run"] !== undefined) {
    return success({
      prefix: scope(spec, wishes, facts.programs["systemd-run"].path, facts.uid),
      helper: [],
      steps: [],
      cgroups: [],
      weaker: [],
    });
  }
  const groups = new Map<string, Record<string, string>>();
  const helper: string[] = [];
  const weaker: Weaker[] = [];
  const join = (parent: string, settings: Readonly<Record<string, string>>) => {
    const path = `${parent}/skerry-${spec.id}`;
    groups.set(path, { ...groups.get(path), ...settings });
  };
  for (const wanted of wishes) {
    const parent = facts.cgroup[wanted.limit];
    if (parent !== undefined) join(parent, settingsFor(wanted, facts));
    else if (wanted.limit === "tasks") helper.push("--tasks", String(wanted.value));
    else if (wanted.written && !spec.acceptWeaker.includes(wanted.limit)) {
      return refusal({ kind: "limit-unenforceable", limit: wanted.limit, because: whyNot(wanted.limit, facts) });
    } else weaker.push({ limit: wanted.limit, because: whyNot(wanted.limit, facts), written: wanted.written });
  }
  if (facts.cgroup.freeze !== undefined) join(facts.cgroup.freeze, {});
  const cgroups = [...groups.keys()];
  return success({
    prefix: [],
    helper: [...helper, ...cgroups.flatMap((path) => ["--cgroup", path])],
    steps: [...groups].map(([path, settings]): Step => ({ kind: "make-cgroup", path, settings })),
    cgroups,
    weaker,
  });
}

function wish(limit: ProcessLimit, value: number | undefined, otherwise: number): Wish {
  return { limit, value: value ?? otherwise, written: value !== undefined };
}

/** Files of cgroup v2 (`memory.max`) or of v1 (`memory.limit_in_bytes`). Source: cgroups(7), the kernel's cgroup-v2.rst. */
function settingsFor({ limit, value }: Wish, { cgroup }: HostFacts): Readonly<Record<string, string>> {
  const unified = cgroup.mode === "unified";
  const period = 100_000;
  const quota = Math.round((value * period) / 100);
  switch (limit) {
    case "memory":
      return unified ? { "memory.max": String(value) } : { "memory.limit_in_bytes": String(value) };
    case "tasks":
      return { "pids.max": String(value) };
    case "cpu":
      return unified
        ? { "cpu.max": `${quota} ${period}` }
        : { "cpu.cfs_period_us": String(period), "cpu.cfs_quota_us": String(quota) };
    default:
      return unreachable(limit);
  }
}

function whyNot(limit: ProcessLimit, { cgroup }: HostFacts): string {
  const where =
    cgroup.mode === "none"
      ? "there are no control groups"
      : `${cgroup.mode} control groups, none of which this user may make`;
  return `${limit} needs systemd's user manager or a delegated control group (here: ${where})`;
}

/** systemd-run(1), systemd.resource-control(5). The scope is delegated, so that it can be frozen. */
function scope(spec: CompartmentSpec, wishes: readonly Wish[], program: string, uid: number): readonly string[] {
  const words = { memory: "MemoryMax", tasks: "TasksMax", cpu: "CPUQuota" } as const;
  return [
    // A wall is started with a bare environment; the manager is found by this folder alone (pam_systemd(8)).
    ...["/usr/bin/env", `XDG_RUNTIME_DIR=/run/user/${uid}`, program],
    ...["--user", "--scope", "--quiet", "--collect", `--unit=skerry-${spec.id}`, "--property=Delegate=yes"],
    ...wishes.map(({ limit, value }) => `--property=${words[limit]}=${value}${limit === "cpu" ? "%" : ""}`),
    "--",
  ];
}
