/** What the tree program says to the one that started it, one JSON line each. */
export type TreeEvent =
  | { readonly kind: "amount"; readonly bytes: number }
  | { readonly kind: "done"; readonly answer: unknown }
  | { readonly kind: "failed"; readonly because: string };
