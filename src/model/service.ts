/**
 * Service: how an instance lives when nobody sits in front of it. When it is started, what follows its end, how one sees
 * that it can be used, and whom it needs.
 *
 * Plain data, checked in descriptor/. Times are whole milliseconds.
 */

/** All that a deployment says of it. */
export interface Service {
  /** Started at boot or log-in (`skerry autostart`, or a unit of systemd). */
  readonly autostart: boolean;
  readonly restart: RestartPolicy;
  /** `none` says that there is no sign; undefined leaves it to the recipe. */
  readonly ready: Readiness | "none" | undefined;
  /** In the order written. */
  readonly links: readonly Link[];
  /** What becomes of processes that hold something of a folder that is revoked. Undefined: they are ended. */
  readonly onRevoke?: (typeof ON_REVOKE_WORDS)[number];
  /** Started when another instance connects to it, and stopped when nobody has needed it for that time. */
  readonly onDemand?: OnDemand;
}

export interface OnDemand {
  readonly stopAfterMs: number;
}

export const STOPPED_AFTER_MS = 60_000;

/** `end`: the processes. `restart`: the whole instance, which is then started again. */
export const ON_REVOKE_WORDS = ["end", "restart"] as const;

export const RESTART_WORDS = ["never", "on-failure", "always"] as const;

export interface RestartPolicy {
  readonly when: (typeof RESTART_WORDS)[number];
  /** Before the first restart. It doubles with each further one, up to the longest. */
  readonly delayMs: number;
  /** What has run for longer than this begins anew with the first delay. */
  readonly longestDelayMs: number;
  /** More ends than `ends` within the time, and it is given up. Undefined: never given up. */
  readonly most: { readonly ends: number; readonly withinMs: number } | undefined;
}

/** The sign by which one sees from outside that an app can be used. */
export type ReadySign =
  /** A TCP port on which something inside listens. */
  | { readonly kind: "port"; readonly port: number }
  /** A path inside that exists. */
  | { readonly kind: "file"; readonly path: string }
  /** A program inside that ends with 0. */
  | { readonly kind: "command"; readonly command: readonly [string, ...string[]] };

export interface Readiness {
  readonly sign: ReadySign;
  /** After this time without the sign, those who wait are told. */
  readonly withinMs: number;
}

/** Another instance that has to be ready first. With a port it is one that can be reached, too. */
export interface Link {
  readonly to: string;
  /** TCP port of the other that this one may connect to; undefined: none, and the link is about the order alone. */
  readonly port: number | undefined;
  /** Host name by which this one knows the other; undefined: the other's own name. Only with a port. */
  readonly as: string | undefined;
}

export const NEVER_RESTARTED: RestartPolicy = {
  when: "never",
  delayMs: 1000,
  longestDelayMs: 60_000,
  most: undefined,
};

/** Of a deployment that says nothing of it. */
export const NO_SERVICE: Service = { autostart: false, restart: NEVER_RESTARTED, ready: undefined, links: [] };

export const READY_WITHIN_MS = 30_000;
