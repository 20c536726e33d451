/**
 * Secrets: what an app may know, and nobody is to find on a disk, in a list of processes or in a record.
 *
 * A deployment says where a secret comes from, never what it is. What it is exists in memory alone: the owner's source,
 * one file in memory, and the app.
 */

/** Where the content comes from, at each start anew, and how the app gets it. */
export type SecretSource = SecretPlace & {
  /** An open file and no path; else a file of the secret's name. */
  readonly as?: "descriptor";
};

type SecretPlace =
  /** A plain file of this host, absolute. */
  | { readonly kind: "file"; readonly path: string }
  /** What a program prints. It runs as the owner, outside; its first word is a path, or a name to look for. */
  | { readonly kind: "command"; readonly command: readonly [string, ...string[]] }
  /** What the owner's keyring has under these attributes. */
  | { readonly kind: "keyring"; readonly attributes: Readonly<Record<string, string>> };

export const SECRET_LIMIT_BYTES = 64 * 1024;

/** Each appears inside as a file of its name, unless it is handed on as a descriptor. */
export const SECRETS_INSIDE = "/run/secrets";

/** Descriptors that are handed on have numbers from here on, in the order of the deployment. */
export const FIRST_HANDED = 100;

/** The variable that says which descriptor a secret is. */
export function descriptorVariable(secret: string): string {
  return `SECRET_${secret.toUpperCase().replaceAll("-", "_")}_FD`;
}
