/** What the program in inside.ts says to the one that started it, one JSON line each. */
export type InsideEvent =
  | { readonly kind: "started"; readonly index: number }
  | { readonly kind: "captured"; readonly name: string; readonly text: string }
  | { readonly kind: "failed"; readonly index: number; readonly code: number; readonly words: string };

/** Kept of one captured output; a command that prints more is ended and so fails. */
export const KEPT_OUTPUT_BYTES = 8 * 1024 * 1024;

/** Kept of what a command says besides, its end. */
export const KEPT_WORDS_BYTES = 16 * 1024;
