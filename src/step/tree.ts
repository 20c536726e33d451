/**
 * Tree tasks: what is done with a layer's files where they have their true owners, in the namespaces of a build.
 *
 * The canonical form of a tree is a tar archive (host/tree/canonical.ts): its SHA-256 is the layer's digest. Beside a
 * layer lies its list of files, one line each with owner, time and hash; it says which file it is that differs.
 */

export type TreeTask =
  /**
   * Writes the list of files, tells the digest, and replaces files by hard links to equal ones of whole layers. The tree is
   * nobody else's yet.
   */
  | { readonly kind: "seal"; readonly tree: string; readonly files: string; readonly candidates: readonly ListedTree[] }
  /** Compares a tree with its list. */
  | { readonly kind: "verify"; readonly tree: string; readonly files: string }
  /** Writes the canonical archive to the descriptor that it was handed. */
  | { readonly kind: "export"; readonly tree: string }
  /** Fills an empty tree from a blob of another's making, which it is handed as a descriptor. */
  | {
      readonly kind: "unpack";
      readonly tree: string;
      /** Lists of the layers below, bottom first. */
      readonly below: readonly string[];
      /** Of the blob as it is. */
      readonly sha256: string;
      readonly size: number;
      readonly compressed: boolean;
      /** SHA-256 of what is in it. */
      readonly diffId: string;
      /** Of all files' content. */
      readonly maxBytes: number;
      /** Files whose text is part of the answer. */
      readonly keep: readonly string[];
      /** Absolute paths: those that the image has are part of the answer. */
      readonly find: readonly string[];
    }
  /** Compares images by the lists of their layers, bottom first. */
  | { readonly kind: "diff"; readonly left: readonly string[]; readonly right: readonly string[] }
  /** Which disk blocks each tree takes, alone and together with others. */
  | { readonly kind: "measure"; readonly groups: readonly (readonly string[])[] };

/** One file of a layout. */
export interface ExportedDocument {
  /** Relative to the layout's root. */
  readonly path: string;
  readonly content: string;
}

/** One layer of a layout: its canonical archive has this digest and size, or the export ends. */
export interface ExportedLayer {
  readonly path: string;
  readonly name: string;
  readonly tree: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface ListedTree {
  readonly tree: string;
  readonly files: string;
}

/** `refused`: what in the tree has no canonical form. */
export interface Sealed {
  readonly digest: string;
  /** SHA-256 of the list of files. */
  readonly filesDigest: string;
  readonly entries: number;
  /** Of file content. */
  readonly bytes: number;
  readonly refused: readonly string[];
}

export interface FileDifference {
  readonly kind: "changed" | "missing" | "extra";
  /** Untrusted; bytes that are no printable ASCII are escaped. */
  readonly path: string;
  /** With `changed`: `content`, `mode`, `owner`, `time`, `type`, `target`, `attributes`. */
  readonly what: readonly string[];
}

export interface Verified {
  readonly digest: string;
  readonly filesDigest: string;
  readonly bytes: number;
  /** At most a thousand. */
  readonly differences: readonly FileDifference[];
  readonly more: number;
}

/** From left to right: `missing` is on the left only, `extra` on the right only. */
export interface Compared {
  readonly differences: readonly FileDifference[];
  readonly more: number;
}

export interface Exported {
  readonly digest: string;
  readonly bytes: number;
}

/** `rights` and `attributes` are how many files' set-id bits and how many attributes were taken off. */
export interface Unpacked {
  readonly bytes: number;
  readonly rights: number;
  readonly attributes: number;
  readonly kept: Readonly<Record<string, string>>;
  readonly found: readonly string[];
}

/** Bytes by group: `own` is in no other group, `shared` is in another one as well; `all` counts everything once. */
export interface Measured {
  readonly groups: readonly { readonly own: number; readonly shared: number }[];
  readonly all: number;
}
