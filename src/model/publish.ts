/**
 * Publish: a TCP port of an instance that is reached from this host, at a place that its owner has named. Nobody else can
 * give one: neither a recipe nor an app asks for it.
 */
export interface Publish {
  /** Inside, on the compartment's own loopback. */
  readonly port: number;
  readonly at: PublishPlace;
}

export type PublishPlace =
  /** @property address - of this host's loopback, as `ipText` writes it: no other machine reaches it, every user here does */
  | { readonly kind: "loopback"; readonly address: string; readonly port: number }
  /** Absolute and clean. Only its owner may connect there. */
  | { readonly kind: "socket"; readonly path: string };

/** Of one instance. */
export const PUBLISHED_MOST = 32;

/** What the name of a Unix socket may have (unix(7)), without the byte that ends it. */
export const SOCKET_PATH_BYTES = 107;

/** As its owner would write it: `127.0.0.1:8080`, `[::1]:9000`, a path. */
export function placeText(place: PublishPlace): string {
  if (place.kind === "socket") return place.path;
  return `${place.address.includes(":") ? `[${place.address}]` : place.address}:${place.port}`;
}
