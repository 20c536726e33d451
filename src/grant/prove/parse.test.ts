import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isPrintable } from "../../model/index.ts";
import { MAX_CLAIM_LENGTH } from "./lex.ts";
import { parseClaim } from "./parse.ts";

const HOME = "/home/ada";

function parsed(text: string) {
  const claim = parseClaim(text, { home: HOME });
  assert.ok(claim.ok, claim.ok ? "" : `${claim.problem.at}: ${claim.problem.message}`);
  return claim.value;
}

function complaint(text: string): string {
  const claim = parseClaim(text, { home: HOME });
  assert.ok(!claim.ok, text);
  return `${claim.problem.at}: ${claim.problem.message}`;
}

test("a claim is read as it sounds", () => {
  assert.deepEqual(parsed("no any that reads folder ~/taxes can reach network"), {
    kind: "can",
    how: "no",
    subject: {
      who: { kind: "any" },
      that: { kind: "does", verb: "read", object: { kind: "folder", path: "/home/ada/taxes" } },
    },
    verb: "reach",
    object: { kind: "network", asked: undefined },
    text: "no any that reads folder ~/taxes can reach network",
  });
  const same = (left: string, right: string) => {
    const [one, other] = [parsed(left), parsed(right)];
    assert.deepEqual({ ...one, text: "" }, { ...other, text: "" });
  };
  same("no app that reads folder ~/taxes can reach network", "no any that reads folder ~/taxes can reach network");
  same("no any app that read folder ~/taxes can reach network", "no any that reads folder ~/taxes can reach network");
  same('every any can read folder "/srv/a b"', 'every app can read folder "/srv/a b"');
});

test("and binds tighter than or, not tightest, and brackets say otherwise", () => {
  const shape = (text: string) =>
    JSON.stringify(parsed(text), (key, value) =>
      key === "kind" ? value : key === "object" || key === "subject" ? undefined : value,
    );
  const a = "a can reach network";
  assert.match(
    shape(`${a} or ${a} and not ${a}`),
    /^\{"kind":"or","parts":\[\{"kind":"can".*\{"kind":"and","parts":\[.*\{"kind":"not"/,
  );
  assert.match(shape(`(${a} or ${a}) and ${a}`), /^\{"kind":"and","parts":\[\{"kind":"or"/);
});

test("names that are words of the language can be said as app NAME, or in quotes", () => {
  const who = (text: string) => {
    const claim = parsed(text);
    return claim.kind === "can" ? claim.subject.who : undefined;
  };
  assert.deepEqual(who("app no can reach network"), { kind: "app", name: "no", at: 4 });
  assert.deepEqual(who('no "any" can reach network'), { kind: "app", name: "any", at: 3 });
  assert.deepEqual(who('app "can" can reach network'), { kind: "app", name: "can", at: 4 });
});

test("a network is named as in a deployment", () => {
  const asked = (text: string) => {
    const claim = parsed(`no app can reach network ${text}`);
    return claim.kind === "can" && claim.object.kind === "network" ? claim.object.asked : undefined;
  };
  assert.deepEqual(asked("Example.org:443"), {
    text: "Example.org:443",
    target: { kind: "name", name: "example.org" },
    port: 443,
    protocol: "tcp",
  });
  assert.deepEqual(asked("[2001:db8::/32]:53/udp")?.target, {
    kind: "addresses",
    family: 6,
    address: "2001:db8::",
    prefix: 32,
  });
  assert.deepEqual(asked("2001:db8::1")?.target, { kind: "addresses", family: 6, address: "2001:db8::1", prefix: 128 });
  assert.deepEqual(asked("lan")?.target, { kind: "zone", zone: "lan" });
  assert.equal(asked("internet and app can reach network"), undefined);
  assert.deepEqual(asked("internet")?.target, { kind: "internet" });
});

test("what is wrong is said with its place and what was perhaps meant", () => {
  assert.match(complaint(""), /^0: the claim is empty/);
  assert.equal(
    complaint("no app can raech network"),
    '11: expected "read", "write", "reach", found "raech". Did you mean "reach"?',
  );
  assert.equal(
    complaint("no app can reach netwrok"),
    '17: expected "network", "app", found "netwrok". Did you mean "network"?',
  );
  assert.equal(
    complaint("no app can reach folder /x"),
    '17: a folder is read or written, and "reach" is for network and app',
  );
  assert.match(complaint("no app can read folder taxes"), /^23: "taxes" is no clean path/);
  assert.match(complaint("no app can read folder ~/../x"), /no clean path/);
  assert.match(complaint("no app can read folder"), /^22: expected the folder's path.*found the end/);
  assert.match(complaint("no app can reach network a..b"), /^25: "a\.\.b" is no target/);
  assert.match(complaint("no app can reach network x:0"), /is no target/);
  assert.match(complaint("no app can reach network 1.2.3"), /is no target/);
  assert.match(complaint("(no app can reach network"), /^25: expected "\)", found the end/);
  assert.match(complaint("no app can reach network)"), /^24: expected "and", "or" or the end/);
  assert.match(complaint('no app can read folder "~/x'), /^23: the quote is not closed/);
  assert.match(complaint("no tag: can reach network"), /is no name of a tag/);
  assert.match(complaint("no app that can reach network"), /^12: /);
  assert.match(complaint("no app\u202e can reach network"), /invisible or control character/);
  assert.match(complaint(`${"(".repeat(40)}a can reach network${")".repeat(40)}`), /nested more than 32/);
  assert.match(complaint("a ".repeat(MAX_CLAIM_LENGTH)), /at most 4000 characters/);
  assert.match(complaint("a ".repeat(500)), /at most 400 words/);
});

test("whatever the text is, it is read or refused in one printable line with a place within it", () => {
  const words = [
    "no",
    "every",
    "any",
    "app",
    "that",
    "can",
    "not",
    "and",
    "or",
    "(",
    ")",
    "reads",
    "reach",
    "folder",
    "~/x",
    "network",
    "host:1",
    "tag:a",
    '"a b"',
    "volume",
    "a/b",
    "is",
    "\t",
  ];
  const texts = fc.oneof(
    fc.array(fc.constantFrom(...words), { maxLength: 20 }).map((all) => all.join(" ")),
    fc.string({ unit: "binary", maxLength: 60 }),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const claim = parseClaim(text, { home: HOME });
      if (claim.ok) return;
      assert.ok(claim.problem.at >= 0 && claim.problem.at <= text.length);
      assert.ok(isPrintable(claim.problem.message), claim.problem.message);
    }),
    { numRuns: 2000 },
  );
});
