/** Start record: what is known of one start of an instance, from before its wall stands until it is forgotten. */
import type { WallPlan } from "../backends/index.ts";
import type { StartState } from "../compartment/index.ts";
import type { ProcessName } from "../host/index.ts";
import type { CompartmentSpec, Readiness } from "../model/index.ts";
import type { Step } from "../step/index.ts";

/** What the agent writes before a start. */
export interface StartRecord {
  readonly spec: CompartmentSpec;
  readonly recipe: string;
  readonly isolation: string;
  readonly cgroups: readonly string[];
  /** What is to be done after its end, with what it took from the host. */
  readonly undo?: readonly Step[];
  /** ISO time, UTC. */
  readonly started: string;
  readonly background: boolean;
  /** Who starts the wall; undefined where it had ended by then. */
  readonly caller: ProcessName | undefined;
  /** Nothing of the instance is kept after its end. */
  readonly passing: boolean;
  /** It has more than was granted, and is watched. */
  readonly learning?: boolean;
  /** Started for others, and not by its owner: it may be stopped when nobody needs it. */
  readonly demanded?: boolean;
  /** The snapshot of its machine that it was started from. */
  readonly snapshot?: string;
  /** Of its machine: by what another one can go on from it, or why none can. */
  readonly suspends?: WallPlan["suspends"];
  /** The sign that it can be used; undefined where there is none. */
  readonly ready?: Readiness | undefined;
  readonly log: string | undefined;
  /** Instance that is its virtual screen. */
  readonly screen?: string;
  /** It is a virtual screen, for this instance, and ends with it. */
  readonly serves?: string;
  /** Requests that were answered for this start alone; no change of the deployment changes them. */
  readonly ownAnswers?: readonly string[];
}

export interface Start {
  readonly record: StartRecord;
  readonly state: StartState;
  /** The first process inside, as the host sees it; undefined before the wall stands. */
  readonly child: ProcessName | undefined;
  readonly exitCode: number | undefined;
  readonly ended: string | undefined;
  /** What its owner should hear of its end. */
  readonly notes?: readonly string[];
}
