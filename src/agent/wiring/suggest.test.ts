import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDeployment } from "../../descriptor/index.ts";
import type { Deployment, Request } from "../../model/index.ts";
import { linesFor, type Suggestion, type Wish } from "./suggest.ts";

const HOME = "/home/ada";

/** A deployment that says nothing yet, with the lines below their keys. */
function written(suggestions: readonly Suggestion[]): Deployment {
  const lines = suggestions.flatMap(({ key, line }) => [`${key}:`, `  ${line}`]);
  const text = ["skerry: deployment/1", "recipe: x", ...lines, ""].join("\n");
  const parsed = parseDeployment(text, { file: "x.yaml", name: "x" }, { home: HOME });
  assert.ok(
    parsed.ok,
    `${text}\n${parsed.ok ? "" : parsed.problem.complaints.map(({ message }) => message).join("\n")}`,
  );
  return parsed.value;
}

const request = (service: Request["service"]): Request => ({
  service,
  why: "to see",
  need: "optional",
  verbs: service === "folder" ? ["read"] : [],
  inside: service === "folder" ? "/work" : undefined,
});

test("the lines can be written as they are, and grant what was asked about", () => {
  const deployment = { answers: {} };
  const of = (wish: Wish) => written(linesFor(wish, {}, deployment, HOME));
  assert.deepEqual(
    of({ kind: "network", text: "example.org:443" }).answers["network"]?.rules?.map(({ text }) => text),
    ["example.org:443"],
  );
  assert.equal(of({ kind: "folder", path: "/home/ada/taxes" }).answers["folder"]?.folder, "/home/ada/taxes");
  assert.deepEqual(of({ kind: "app", to: "db" }).service.links, [{ to: "db", port: 8080, as: undefined }]);
});

test("whatever a folder is called, its lines read back as that folder", () => {
  const part = fc.stringMatching(/^[ !"#$%&'()*,:;<=>?@[\]^_`{|}~a-zé-]{1,12}$/).filter((text) => text.trim() === text);
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), fc.boolean(), (parts, atHome) => {
      const path = `${atHome ? HOME : "/srv"}/${parts.join("/")}`;
      const { answers } = written(linesFor({ kind: "folder", path }, {}, { answers: {} }, HOME));
      assert.equal(answers["folder"]?.folder, path);
    }),
  );
});

test("a request that is denied is answered, a subset gets one more rule, and what is granted is left alone", () => {
  const requests = { net: request("network"), docs: request("folder") };
  const answer = (word: "deny" | "subset" | "real") =>
    ({ answer: word, folder: undefined, files: undefined, allow: undefined, rules: undefined }) as const;
  const wish = { kind: "network", text: "example.org:443" } as const;
  assert.deepEqual(linesFor(wish, requests, { answers: {} }, HOME), [
    { key: "answers", line: 'net: { answer: subset, allow: ["example.org:443"] }' },
  ]);
  assert.deepEqual(linesFor(wish, requests, { answers: { net: answer("subset") } }, HOME), [
    { key: "answers.net.allow", line: '- "example.org:443"' },
  ]);
  const besides = linesFor({ kind: "folder", path: "/srv/x" }, requests, { answers: { docs: answer("real") } }, HOME);
  assert.deepEqual(
    besides.map(({ line }) => line.split(":")[0]),
    ["folder", "folder"],
  );
});
