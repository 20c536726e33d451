/** Network plan: what a network wants of the wall that it is made with. */
import type { Step } from "../../step/index.ts";

export interface NetworkPlan {
  readonly shared: boolean;
  readonly helper: readonly string[];
  readonly steps: readonly Step[];
}
