/** Services, signs of readiness and desktop entries of every form, for tests that write and read them. */
import * as fc from "fast-check";
import { type Desktop, type Readiness, RESTART_WORDS, type Service } from "../model/index.ts";

/** As short texts write it: a whole number of a unit. */
const duration = (shortest: number, longest: number) =>
  fc.oneof(
    fc.integer({ min: shortest, max: Math.min(longest, 9_999_999) }),
    fc.integer({ min: Math.ceil(shortest / 1000), max: Math.floor(longest / 1000) }).map((seconds) => seconds * 1000),
  );

export function anyReadiness(word: fc.Arbitrary<string>): fc.Arbitrary<Readiness> {
  const sign = fc.oneof(
    fc.integer({ min: 1, max: 65_535 }).map((port) => ({ kind: "port" as const, port })),
    fc.stringMatching(/^[a-z]{1,8}$/).map((name) => ({ kind: "file" as const, path: `/run/${name}` })),
    fc
      .array(word, { maxLength: 3 })
      .map((rest) => ({ kind: "command" as const, command: ["/usr/bin/check", ...rest] as const })),
  );
  return fc.tuple(sign, duration(100, 3_600_000)).map(([sign, withinMs]) => ({ sign, withinMs }));
}

export function anyService(name: fc.Arbitrary<string>, word: fc.Arbitrary<string>): fc.Arbitrary<Service> {
  const policy = fc
    .tuple(
      fc.constantFrom(...RESTART_WORDS),
      duration(100, 3_600_000),
      duration(100, 86_400_000),
      fc.option(fc.tuple(fc.integer({ min: 1, max: 1000 }), duration(1000, 86_400_000)), { nil: undefined }),
    )
    .map(([when, delayMs, longest, most]) => ({
      when,
      delayMs,
      longestDelayMs: Math.max(delayMs, longest),
      most: most === undefined ? undefined : { ends: most[0], withinMs: most[1] },
    }));
  return fc
    .tuple(
      fc.boolean(),
      policy,
      fc.option(fc.oneof(fc.constant("none" as const), anyReadiness(word)), { nil: undefined }),
      fc.uniqueArray(fc.tuple(name, fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined })), {
        maxLength: 3,
        selector: ([to]) => to,
      }),
    )
    .map(([autostart, restart, ready, links]) => ({
      autostart,
      restart,
      ready,
      links: links.map(([to, port]) => ({ to, port, as: port === undefined ? undefined : `${to.slice(0, 30)}-x` })),
    }));
}

export function anyDesktop(word: fc.Arbitrary<string>): fc.Arbitrary<Desktop> {
  return fc
    .tuple(
      word,
      fc.option(fc.stringMatching(/^[a-z][a-z0-9.-]{0,9}$/), { nil: undefined }),
      fc.array(fc.constantFrom("Utility", "Network", "X-Own"), { maxLength: 3 }),
      fc.array(fc.constantFrom("text/plain", "image/svg+xml"), { maxLength: 2 }),
      fc.boolean(),
    )
    .map(([name, icon, categories, mimeTypes, terminal]) => ({ name, icon, categories, mimeTypes, terminal }));
}
