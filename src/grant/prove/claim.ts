/**
 * Claim: what an owner says of all deployments together, as `skerry prove` reads it. Grammar and meaning stand in
 * docs/reference/prove.md. Plain data; parse.ts makes it, evaluate.ts weighs it.
 */
import type { NetworkAsked } from "../graph/network.ts";

export type Claim =
  | { readonly kind: "and" | "or"; readonly parts: readonly Claim[] }
  | { readonly kind: "not"; readonly claim: Claim }
  | Statement;

/** `no SUBJECT can VERB OBJECT`, `every SUBJECT can …`, and without either word: at least one of them can. */
export interface Statement {
  readonly kind: "can";
  readonly how: "no" | "every" | "some";
  readonly subject: Subject;
  readonly verb: ClaimVerb;
  readonly object: Thing;
  /** As it was written. */
  readonly text: string;
}

export const CLAIM_VERBS = ["read", "write", "reach"] as const;
export type ClaimVerb = (typeof CLAIM_VERBS)[number];

export interface Subject {
  readonly who: Who;
  readonly that: Condition | undefined;
}

export type Who =
  | { readonly kind: "any" }
  | { readonly kind: "app"; readonly name: string; readonly at: number }
  | { readonly kind: "tag"; readonly tag: string; readonly at: number };

/** What a single app is granted by itself: nobody else is on the way. */
export type Condition =
  | { readonly kind: "and" | "or"; readonly parts: readonly Condition[] }
  | { readonly kind: "not"; readonly condition: Condition }
  | { readonly kind: "is"; readonly who: Who }
  | { readonly kind: "does"; readonly verb: ClaimVerb; readonly object: Thing };

export type Thing =
  /** Absolute and clean; links on the way are followed when the claim is weighed. */
  | { readonly kind: "folder"; readonly path: string }
  /** Without a volume: any of the app's. */
  | { readonly kind: "volume"; readonly app: string; readonly volume: string | undefined; readonly at: number }
  /** Undefined: whatever is outside. */
  | { readonly kind: "network"; readonly asked: NetworkAsked | undefined }
  | { readonly kind: "app"; readonly name: string; readonly at: number };

/** What is wrong with a claim's text. */
export interface ClaimComplaint {
  readonly kind: "bad-claim";
  /** Distance from the start of the text, in UTF-16 units. */
  readonly at: number;
  /** One line, already escaped. */
  readonly message: string;
}
