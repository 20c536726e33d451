/**
 * Allowances: what may still pass under the rules of one instance. A quota counts on when the instance or its agent is
 * started anew, and when the rule is written again: it goes by the rule's text.
 */
import { Allowance } from "../../broker/index.ts";
import type { NetworkRule } from "../../model/index.ts";

export class Allowances {
  readonly #kept: Readonly<Record<string, unknown>>;
  readonly #known = new Map<string, { readonly limits: string; readonly allowance: Allowance }>();

  /** @param kept - what `state` has answered; what is not of it counts as nothing used */
  constructor(kept: unknown) {
    this.#kept = typeof kept === "object" && kept !== null ? Object.fromEntries(Object.entries(kept)) : {};
  }

  /** Undefined where the rule has neither a quota nor a rate. */
  of({ text, bytesPerDay, bytesPerSecond }: NetworkRule): Allowance | undefined {
    if (bytesPerDay === undefined && bytesPerSecond === undefined) return undefined;
    const limits = JSON.stringify([bytesPerDay, bytesPerSecond]);
    const known = this.#known.get(text);
    if (known?.limits === limits) return known.allowance;
    const used = known?.allowance.state ?? Allowance.readState(this.#kept[text]) ?? [];
    const allowance = new Allowance({ bytesPerDay, bytesPerSecond }, used);
    this.#known.set(text, { limits, allowance });
    return allowance;
  }

  /** By the rule's text; survives JSON. Empty where no rule has a quota. */
  get state(): Readonly<Record<string, unknown>> {
    const used = [...this.#known].map(([text, { allowance }]) => [text, allowance.state] as const);
    return { ...this.#kept, ...Object.fromEntries(used.filter(([, hours]) => hours.length > 0)) };
  }
}
