/** Archive: a small cpio archive as data, entry by entry. A virtual machine is handed its start in one. */

export type ArchiveEntry =
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly content: string | Uint8Array }
  | { readonly kind: "link"; readonly path: string; readonly target: string };
