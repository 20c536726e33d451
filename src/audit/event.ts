/**
 * Audit events: everything that is worth a record, as a closed union.
 *
 * Writing is closed: what is not in this union is not recorded. Reading is open: see record.ts. Facts are texts, whole
 * numbers, yes or no, and lists of texts; never secrets, and never the content of a file, only its digest.
 */

export type AuditEvent =
  | { readonly kind: "agent-started"; readonly pid: number; readonly version: string }
  | { readonly kind: "agent-stopped"; readonly because: string }
  /** `file` is the SHA-256 of the deployment's text. */
  | { readonly kind: "deploy"; readonly instance: string; readonly recipe: string; readonly file: string }
  | { readonly kind: "undeploy"; readonly instance: string; readonly withData: boolean }
  /** `file` is the SHA-256 of the text after the edit. */
  | { readonly kind: "edit"; readonly instance: string; readonly file: string }
  /** A request or a link gets from another provider: a folder, or an instance. */
  | {
      readonly kind: "bind";
      readonly instance: string;
      readonly request: string;
      readonly from: string;
      readonly to: string;
    }
  /** Requests that their owner has answered by a command, each with what it gets: `notes: real, read-only …`. */
  | { readonly kind: "grant"; readonly instance: string; readonly answers: readonly string[] }
  /**
   * What the answers grant has changed, however the file was edited; one line for each:
   * `folder: deny → real, /home/ada/notes (deployments/viewer.yaml:12)`.
   */
  | {
      readonly kind: "grants-changed";
      readonly instance: string;
      /** SHA-256 of the deployment's text. */
      readonly file: string;
      readonly changes: readonly string[];
    }
  /** Its recipe asks for something else than was answered; one line for each request: `mail: new, folder read`. */
  | { readonly kind: "pending"; readonly instance: string; readonly requests: readonly string[] }
  /** The owner's word on what waits: `accepted` is covered by the answers in the file from now on. */
  | {
      readonly kind: "pending-settled";
      readonly instance: string;
      readonly accepted: readonly string[];
      readonly dismissed: readonly string[];
    }
  /** `image` is its key, `lock` the SHA-256 of the lock's text. */
  | { readonly kind: "build"; readonly recipe: string; readonly image: string; readonly lock: string }
  /** `from` and `lock` are the SHA-256 of the locks' texts; one line for each package: `libssl3: 1 → 2 (security)`. */
  | {
      readonly kind: "upgrade";
      readonly recipe: string;
      readonly security: boolean;
      readonly from: string;
      readonly lock: string;
      readonly packages: readonly string[];
    }
  /** The image stands on another base from now on. */
  | {
      readonly kind: "migrate";
      readonly recipe: string;
      readonly from: string;
      readonly to: string;
      readonly lock: string;
      readonly packages: readonly string[];
    }
  | {
      readonly kind: "rollback";
      readonly recipe: string;
      readonly lock: string;
      readonly packages: readonly string[];
    }
  | {
      readonly kind: "purge";
      readonly images: readonly string[];
      readonly previous: readonly string[];
      readonly layers: number;
      readonly packages: number;
      readonly bytes: number;
    }
  /** An image was written to `target` for its owner; `manifest` is the SHA-256 of what names all of it. */
  | { readonly kind: "export"; readonly recipe: string; readonly target: string; readonly manifest: string }
  /** An image that others made came in from `source`. */
  | { readonly kind: "import"; readonly recipe: string; readonly source: string; readonly manifest: string }
  /** All files of an image were read and compared with what was built. */
  | { readonly kind: "verify"; readonly recipe: string; readonly whole: boolean; readonly differences: number }
  /** A layer was built anew from its lock and is not the same, byte for byte. */
  | {
      readonly kind: "digest-differs";
      readonly recipe: string;
      readonly layer: string;
      readonly locked: string;
      readonly built: string;
    }
  | { readonly kind: "lock"; readonly recipe: string; readonly lock: string; readonly packages: number }
  | {
      readonly kind: "start";
      readonly instance: string;
      readonly id: string;
      readonly command: readonly string[];
      readonly image: string;
      /**
       * One line for each request with what it effectively got, and where that is written:
       * `folder: subset, read /home/ada/notes (deployments/viewer.yaml:12)`.
       */
      readonly grants: readonly string[];
      /** It went on from this snapshot of its machine. */
      readonly snapshot?: string;
    }
  /** A deployment's machine was written down before it knew of any start, and its memory takes so many bytes on the disk. */
  | { readonly kind: "snapshot"; readonly instance: string; readonly snapshot: string; readonly bytes: number }
  /** Its machine was written down as it ran, with its memory, and ended; a later start went on from there; or it is let go. */
  | { readonly kind: "suspend"; readonly instance: string; readonly id: string; readonly bytes: number }
  | { readonly kind: "resume"; readonly instance: string; readonly id: string }
  | { readonly kind: "suspend-discard"; readonly instance: string }
  /** What these disks of a system of its own held was kept under that label, brought back, or let go. */
  | {
      readonly kind: "disk-snapshot" | "disk-restore" | "disk-forget";
      readonly instance: string;
      readonly label: string;
      readonly disks: readonly string[];
    }
  /** One of `code` and `signal` is set; neither where nobody could tell. */
  | {
      readonly kind: "end";
      readonly instance: string;
      readonly id: string;
      readonly code: number | undefined;
      readonly signal: string | undefined;
    }
  /** The system in its machine was asked to have so much memory. */
  | { readonly kind: "machine-memory"; readonly instance: string; readonly id: string; readonly wantedMiB: number }
  | { readonly kind: "kill" | "freeze" | "thaw"; readonly instance: string; readonly id: string }
  /** `by` is `asked`, `powered-off` for a machine that was switched off, or `killed`. */
  | { readonly kind: "stop"; readonly instance: string; readonly id: string; readonly by?: string }
  /** By its policy, after this many restarts in a row. */
  | { readonly kind: "restart"; readonly instance: string; readonly inARow: number }
  /** It is stopped, since nobody has needed it for the time that its deployment says. */
  | { readonly kind: "unused"; readonly instance: string; readonly id: string; readonly forMs: number }
  /** Somebody has connected to it, and it could not be started. */
  | { readonly kind: "not-brought-up"; readonly instance: string; readonly because: string }
  /** It has ended more often than its policy lets pass. */
  | { readonly kind: "given-up"; readonly instance: string; readonly most: number; readonly withinMs: number }
  /** While it ran, what it gets for one request became another. So many processes held something of what it had. */
  | {
      readonly kind: "live-change";
      readonly instance: string;
      readonly id: string;
      readonly request: string;
      readonly gets: string;
      readonly held: number;
    }
  | { readonly kind: "exec"; readonly instance: string; readonly id: string; readonly command: readonly string[] }
  | {
      readonly kind: "copy";
      readonly instance: string;
      readonly id: string;
      readonly direction: "in" | "out";
      readonly host: string;
      readonly inside: string;
    }
  /** What an app wants waits for its owner's answer; `id` is the compartment's, `question` its own. */
  | {
      readonly kind: "ask";
      readonly instance: string;
      readonly id: string;
      readonly request: string;
      readonly target: string;
      readonly question: string;
    }
  /** `by`: the owner, a notification's button, the time limit, or that too much was asked. */
  | {
      readonly kind: "answer";
      readonly instance: string;
      readonly id: string;
      readonly request: string;
      readonly target: string;
      readonly question: string;
      readonly allow: boolean;
      readonly by: string;
      readonly lifetime: string;
    }
  /** Somebody asked to `apply` or `discard` changes of a copy of `folder`; what came of it is the next such record. */
  | {
      readonly kind: "changes-begun";
      readonly instance: string;
      readonly request: string;
      readonly folder: string;
      readonly what: string;
    }
  /** Changes of a copy of `folder` that came into it, or were thrown away; `left` of those asked for did not. */
  | {
      readonly kind: "changes-applied" | "changes-discarded";
      readonly instance: string;
      readonly request: string;
      readonly folder: string;
      readonly changes: number;
      readonly left: number;
    }
  /** Its owner lets it have more for one run, and be watched; a line for each request that is opened. */
  | { readonly kind: "learn"; readonly instance: string; readonly id: string; readonly opened: readonly string[] }
  /** That run has ended. A line for each request with the smallest answer; `whole` where it was watched to its end. */
  | {
      readonly kind: "learned";
      readonly instance: string;
      readonly id: string;
      readonly whole: boolean;
      readonly answers: readonly string[];
    }
  | {
      readonly kind: "weaker-accepted";
      readonly instance: string;
      readonly id: string;
      readonly layers: readonly string[];
    }
  /**
   * An instance reached, or tried to reach, `to` (`example.org:443/tcp`) so many times within a second. `because` is the
   * rule that allowed it as its owner wrote it, or why none did. `rule` is the one that came nearest where it was refused,
   * `at` where that rule or the allowing one is written (`deployments/web.yaml:7`), `program` which program inside it was the
   * first time, where that is known.
   */
  | {
      readonly kind: "net-allowed" | "net-refused";
      readonly instance: string;
      readonly id: string;
      readonly to: string;
      readonly because: string;
      readonly times: number;
      readonly rule: string | undefined;
      readonly at: string | undefined;
      readonly program: string | undefined;
    }
  /**
   * To a place on this host where a port of an instance is published, so many connections came within a second. Where they
   * were not `allowed`, `because` says why.
   */
  | {
      readonly kind: "net-published";
      readonly instance: string;
      readonly id: string;
      readonly to: string;
      readonly allowed: boolean;
      readonly because: string;
      readonly times: number;
    }
  /**
   * A machine whose way leads through another one sent so many frames that were dropped at its port there, since it named
   * another sender or was malformed. `id` is its start by then.
   */
  | {
      readonly kind: "frames-dropped";
      readonly instance: string;
      readonly id: string | undefined;
      readonly through: string;
      readonly because: string;
      readonly times: number;
    }
  /** `what` is what was asked for: `start`, `deploy`. */
  | { readonly kind: "refused"; readonly instance: string | undefined; readonly what: string; readonly because: string }
  | { readonly kind: "adopted"; readonly instance: string; readonly id: string; readonly pid: number }
  /** Written by the log itself: the oldest files went; `through` and `throughHash` name the last record in them. */
  | {
      readonly kind: "trimmed";
      readonly through: number;
      readonly throughHash: string;
      readonly files: readonly string[];
    }
  /** Written by the log itself: the end of `file` was no record, and was moved aside. */
  | {
      readonly kind: "torn";
      readonly file: string;
      readonly bytes: number;
      /** SHA-256 of what was moved aside. */
      readonly digest: string;
      /** Name of the file that holds it now; undefined where that file had become too large. */
      readonly movedTo: string | undefined;
    };

export type AuditKind = AuditEvent["kind"];
