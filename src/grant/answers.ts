/**
 * What each service makes of each answer: the table of DESIGN, as far as this version serves it.
 *
 * An answer that is not served is refused with its reason when a start is planned; it is never weakened to another one.
 */
import type { Answer, ServiceName } from "../model/index.ts";

/** Why an answer cannot be given; no entry means that it can. */
const NOT_SERVED: Readonly<Record<ServiceName, Partial<Record<Answer, string>>>> = {
  folder: {
    fake: "made-up folders are not served by this version",
    ask: "asking at the time of use is not served by this version",
  },
  variable: {
    subset: "a variable cannot be had in part",
    copy: "a variable is a copy anyway",
    ask: "asking at the time of use is not served by this version",
  },
  display: {
    empty: "a screen that shows nothing is what deny leaves an app with",
    copy: "a screen cannot be copied",
    ask: "asking at the time of use is not served by this version",
  },
  network: {
    fake: "a network cannot be made up",
    copy: "a network cannot be copied",
  },
};

/** @returns why the service cannot give this answer, or undefined where it can */
export function whyNotServed(service: ServiceName, answer: Answer): string | undefined {
  return NOT_SERVED[service][answer];
}

/** The answers that a service gives, for "choose one of". */
export function servedAnswers(service: ServiceName, all: readonly Answer[]): readonly Answer[] {
  return all.filter((answer) => NOT_SERVED[service][answer] === undefined);
}
