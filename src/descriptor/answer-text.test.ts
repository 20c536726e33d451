import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ANSWERS } from "../model/index.ts";
import { parseAnswerText } from "./answer-text.ts";

const HOME = "/home/ada";

function read(text: string, service: "folder" | "network") {
  const parsed = parseAnswerText(text, service, HOME);
  return parsed.ok ? parsed.value : parsed.problem.message;
}

test("an answer on the command line has the words of the file", () => {
  const plain = { folder: undefined, files: undefined, allow: undefined, rules: undefined };
  assert.deepEqual(read("deny", "folder"), { ...plain, answer: "deny" });
  assert.deepEqual(read("real:~/notes", "folder"), { ...plain, answer: "real", folder: "/home/ada/notes" });
  assert.deepEqual(read("subset:/srv/x:a,b/c", "folder"), {
    ...plain,
    answer: "subset",
    folder: "/srv/x",
    files: ["a", "b/c"],
  });
  assert.deepEqual(read("real:host,lan", "network"), { ...plain, answer: "real", allow: ["host", "lan"] });
  const subset = parseAnswerText("subset:example.org:443,*.example.net,[2001:db8::1]:22,host:53/udp", "network", HOME);
  assert.ok(subset.ok);
  assert.deepEqual(
    subset.value.rules?.map(({ target, port, protocol }) => [target.kind, port, protocol]),
    [
      ["name", 443, "tcp"],
      ["names-below", undefined, "tcp"],
      ["addresses", 22, "tcp"],
      ["zone", 53, "udp"],
    ],
  );
});

test("what cannot be meant is refused with what to write", () => {
  assert.equal(
    read("sbset:example.org", "network"),
    `"sbset" is none of ${ANSWERS.join(", ")}. Did you mean "subset"?`,
  );
  assert.equal(read("deny:example.org", "network"), '"deny:example.org": nothing goes behind the colon of deny');
  assert.equal(
    read("real:example.org", "network"),
    '"example.org": real takes host, lan or both; rules go with subset and ask',
  );
  assert.equal(read("subset:a.example,a.example", "network"), '"a.example" is written twice, first as entry 0');
  assert.equal(read("real:notes", "folder"), '"notes" is no folder. Begin with "/" or "~/"');
  assert.equal(read("subset:/srv:../etc", "folder"), '"../etc" is not a clean path below the folder');
});

test("whatever is written, it is read or refused", () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(..."subetralcopy:/.,*[]0123456789-host~") }));
  fc.assert(
    fc.property(text, fc.constantFrom("folder" as const, "network" as const), (words, service) => {
      const parsed = parseAnswerText(words, service, HOME);
      if (!parsed.ok) assert.ok(!/[\n\u001b]/.test(parsed.problem.message));
    }),
  );
});
