/**
 * Answers: the seven things an owner can say to a request.
 *
 * The words are the same in files, flags, listings and audit records. What an answer means for one service stands with
 * that service; an answer that a service cannot give on this host is refused when a start is planned, never weakened.
 */

/** In the order of DESIGN's table: from nothing to everything, and `ask` last. */
export const ANSWERS = ["deny", "empty", "fake", "subset", "copy", "real", "ask"] as const;

export type Answer = (typeof ANSWERS)[number];

/** What an app may do with a granted resource. */
export const VERBS = ["read", "write"] as const;

export type Verb = (typeof VERBS)[number];
