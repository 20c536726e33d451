import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Answer, Grant, Request } from "../model/index.ts";
import { accept, coveredBy, dismiss, pendingOf, remember } from "./pending.ts";

const folder = (parts: Partial<Request> = {}): Request => ({
  service: "folder",
  why: "to work",
  need: "optional",
  verbs: ["read"],
  inside: "/work",
  ...parts,
});

const NETWORK: Request = { service: "network", why: "to fetch", need: "optional", verbs: [], inside: undefined };

const answer = (word: Answer): Grant => ({
  answer: word,
  folder: undefined,
  files: undefined,
  allow: undefined,
  rules: undefined,
});

type Requests = Readonly<Record<string, Request>>;

const recipe = (requests: Requests) => ({ requests });

const deployment = (answers: Readonly<Record<string, Grant>>, requests: Requests = {}) => ({ requests, answers });

const changes = (...words: Parameters<typeof pendingOf>) =>
  pendingOf(...words).map(({ request, change }) => `${request} ${change}`);

const FIRST = remember(undefined, recipe({ work: folder() }), deployment({}));

test("what is there when a deployment is first seen is known, and nothing waits", () => {
  assert.deepEqual(changes(FIRST, recipe({ work: folder() }), deployment({})), []);
});

test("a new request waits until it is answered, and is known from then on", () => {
  const now = recipe({ work: folder(), more: folder({ inside: "/more" }) });
  const seen = remember(FIRST, now, deployment({}));
  assert.deepEqual(changes(seen, now, deployment({})), ["more new"]);
  const answered = remember(seen, now, deployment({ more: answer("real") }));
  assert.deepEqual(changes(answered, now, deployment({ more: answer("real") })), []);
  assert.deepEqual(changes(answered, now, deployment({})), []);
});

test("a dismissed request is not spoken of until it wants something else", () => {
  const now = recipe({ work: folder(), more: folder({ inside: "/more" }) });
  const dismissed = dismiss(FIRST, pendingOf(FIRST, now, deployment({})));
  assert.deepEqual(changes(dismissed, now, deployment({})), []);
  const other = recipe({ work: folder(), more: folder({ inside: "/more", why: "in other words" }) });
  assert.deepEqual(changes(dismissed, other, deployment({})), []);
  const wider = recipe({ work: folder(), more: folder({ inside: "/more", verbs: ["read", "write"] }) });
  assert.deepEqual(changes(dismissed, wider, deployment({})), ["more new"]);
});

test("an answer covers what was asked for when it was given, until the owner accepts more", () => {
  const answers = deployment({ work: answer("real") });
  const seen = remember(FIRST, recipe({ work: folder() }), answers);
  const wider = recipe({ work: folder({ verbs: ["read", "write"] }) });
  assert.deepEqual(changes(seen, wider, answers), ["work wider"]);
  assert.deepEqual(coveredBy(seen, wider, answers).recipe.requests["work"]?.verbs, ["read"]);
  // It goes on waiting, however often it is looked at.
  const later = remember(remember(seen, wider, answers), wider, answers);
  assert.deepEqual(coveredBy(later, wider, answers).recipe.requests["work"]?.verbs, ["read"]);
  const quiet = dismiss(later, pendingOf(later, wider, answers));
  assert.deepEqual(changes(quiet, wider, answers), []);
  assert.deepEqual(coveredBy(quiet, wider, answers).recipe.requests["work"]?.verbs, ["read"]);
  const accepted = accept(later, wider, ["work"]);
  assert.deepEqual(changes(accepted, wider, answers), []);
  assert.deepEqual(coveredBy(accepted, wider, answers).recipe.requests["work"]?.verbs, ["read", "write"]);
});

test("a name that stands for another service has no answer yet", () => {
  const answers = deployment({ work: answer("real") });
  const seen = remember(FIRST, recipe({ work: folder() }), answers);
  const other = recipe({ work: NETWORK });
  assert.deepEqual(changes(remember(seen, other, answers), other, answers), ["work other"]);
  assert.deepEqual(coveredBy(seen, other, answers).deployment.answers, {});
});

test("what was denied and is now required waits, and is denied", () => {
  const now = recipe({ work: folder({ need: "required" }) });
  assert.deepEqual(changes(remember(FIRST, now, deployment({})), now, deployment({})), ["work required"]);
});

test("what has vanished is reported, its answer stops nothing, and it comes back as it was", () => {
  const answers = deployment({ work: answer("real") });
  const seen = remember(FIRST, recipe({ work: folder() }), answers);
  const none = recipe({});
  assert.deepEqual(changes(remember(seen, none, answers), none, answers), ["work vanished"]);
  assert.deepEqual(coveredBy(seen, none, answers).deployment.answers, {});
  const quiet = dismiss(seen, pendingOf(seen, none, answers));
  assert.deepEqual(changes(quiet, none, answers), []);
  const wider = recipe({ work: folder({ verbs: ["read", "write"] }) });
  assert.deepEqual(changes(quiet, wider, answers), ["work wider"]);
});

test("what the owner asks for by the same name is the owner's", () => {
  const own = deployment({ work: answer("real") }, { work: folder({ verbs: ["read", "write"] }) });
  const wider = recipe({ work: NETWORK });
  assert.deepEqual(changes(FIRST, wider, own), []);
  assert.deepEqual(coveredBy(FIRST, recipe({}), own).deployment.answers, own.answers);
});

const request = fc.oneof(
  fc.constant(NETWORK),
  fc
    .record({
      verbs: fc.subarray(["read", "write"] as const, { minLength: 1 }),
      need: fc.constantFrom("required", "optional"),
    })
    .map((parts) => folder(parts)),
);

const requests = fc.dictionary(fc.constantFrom("a", "b", "c", "constructor"), request);
const answers = fc.dictionary(
  fc.constantFrom("a", "b", "c", "constructor"),
  fc.constantFrom("deny", "real", "empty").map((word) => answer(word)),
);

test("whatever recipes become, an answer that stays lets in no more than it did", () => {
  fc.assert(
    fc.property(requests, answers, fc.array(requests, { maxLength: 5 }), (first, given, updates) => {
      const owner = deployment(given);
      let seen = remember(undefined, recipe(first), owner);
      for (const update of updates) {
        seen = remember(seen, recipe(update), owner);
        const covered = coveredBy(seen, recipe(update), owner);
        for (const [name, now] of Object.entries(covered.recipe.requests)) {
          const grant = Object.hasOwn(covered.deployment.answers, name) ? covered.deployment.answers[name] : undefined;
          const before = Object.hasOwn(first, name) ? first[name] : undefined;
          if (grant === undefined || grant.answer === "deny" || before === undefined) continue;
          assert.equal(now.service, before.service);
          assert.ok(now.verbs.every((verb) => before.verbs.includes(verb)));
        }
      }
    }),
  );
});
