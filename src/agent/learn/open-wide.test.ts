import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAnswerText } from "../../descriptor/index.ts";
import { decideConnection, decideName } from "../../broker/index.ts";
import type { Deployment, Grant, Recipe, ServiceName } from "../../model/index.ts";
import { carefulDeployment } from "../launch/wanted.ts";
import { answerWord } from "./answer-word.ts";
import { openedWords, openWide } from "./open-wide.ts";
import { networkSeen, refusedSeen } from "./seen.ts";

const RECIPE: Recipe = {
  ...{ name: "app", summary: "", base: undefined, components: [], packages: [], repositories: [] },
  programs: { app: { command: ["/bin/app"], arguments: "any" } },
  requests: {
    net: { service: "network", why: "", need: "optional", verbs: [], inside: undefined },
    notes: { service: "folder", why: "", need: "required", verbs: ["read"], inside: "/work" },
  },
  ...{ volumes: {}, ownSandbox: false, ready: undefined, desktop: undefined },
};

function answered(text: string, service: ServiceName = "network"): Grant {
  const parsed = parseAnswerText(text, service, "/home/ada");
  assert.ok(parsed.ok, text);
  return parsed.value;
}

const deployed = (net: string): Deployment => {
  const careful = carefulDeployment(RECIPE, "app");
  return { ...careful, answers: { ...careful.answers, net: answered(net) } };
};

function rulesFor(net: string) {
  const wide = openWide(RECIPE, deployed(net), { network: true, folders: [] });
  assert.ok(wide.ok);
  return wide.value.deployment.answers["net"]?.rules ?? [];
}

test("every public name and address is open on every TCP port, and neither private ones nor datagrams are", () => {
  const rules = rulesFor("deny");
  const kind = (target: string, port: number, protocol: "tcp" | "udp" = "tcp") => {
    const wanted = /^[\d.:a-f]+$/.test(target) ? { address: target } : { name: target };
    return decideConnection(rules, { target: wanted, port, protocol }, ["203.0.113.1"]).kind;
  };
  assert.equal(decideName(rules, "example.org").kind, "allowed");
  for (const target of ["example.org", "203.0.113.9", "2001:db8::9"]) {
    assert.equal(kind(target, 1), "allowed", target);
    assert.equal(kind(target, 65535), "allowed", target);
    assert.equal(kind(target, 53, "udp"), "refused", target);
  }
  for (const target of ["10.0.0.1", "192.168.1.1", "169.254.169.254", "127.0.0.1", "203.0.113.1", "fd00::1", "::1"])
    assert.equal(kind(target, 443), "refused", target);
});

test("rules of the deployment hold beside it: private targets that they name, and what they deny", () => {
  const wanted = (address: string, port: number) => ({ target: { address }, port, protocol: "tcp" }) as const;
  assert.equal(decideConnection(rulesFor("subset:10.0.0.1:80"), wanted("10.0.0.1", 80), []).kind, "allowed");
  assert.equal(decideConnection(rulesFor("subset:10.0.0.1:80"), wanted("10.0.0.1", 81), []).kind, "refused");
  assert.equal(decideConnection(rulesFor("real:lan"), wanted("10.0.0.7", 81), []).kind, "allowed");
  assert.equal(decideConnection(rulesFor("real:lan"), wanted("203.0.113.1", 81), ["203.0.113.1"]).kind, "refused");
  const [rule] = answered("subset:ads.example.org").rules ?? [];
  assert.ok(rule !== undefined);
  const net: Grant = { ...answered("deny"), answer: "ask", rules: [{ ...rule, answer: "deny" }] };
  const wide = openWide(RECIPE, { ...deployed("deny"), answers: { net } }, { network: true, folders: [] });
  assert.ok(wide.ok);
  const target = { name: "ads.example.org" };
  const rules = wide.value.deployment.answers["net"]?.rules ?? [];
  assert.equal(decideConnection(rules, { target, port: 443, protocol: "tcp" }, []).kind, "refused");
});

test("only what the wish names is answered otherwise", () => {
  const before = deployed("deny");
  const wide = openWide(RECIPE, before, { network: false, folders: [{ request: "notes", folder: "/n" }] });
  assert.ok(wide.ok);
  assert.deepEqual(wide.value.opened, ["notes"]);
  assert.equal(wide.value.deployment.answers["net"], before.answers["net"]);
  assert.equal(wide.value.deployment.answers["notes"]?.answer, "real");
  assert.equal(openedWords("notes", answered("real:/n", "folder"), ["read"]), "notes: all of /n, to read");
});

test("what is not asked for, asks for something else, or is nothing at all is refused", () => {
  const why = (network: boolean, request?: string, recipe: Pick<Recipe, "requests"> = RECIPE) => {
    const folders = request === undefined ? [] : [{ request, folder: "/n" }];
    const wide = openWide(recipe, deployed("deny"), { network, folders });
    return wide.ok ? "opened" : wide.problem.kind === "learn" ? wide.problem.because.kind : wide.problem.kind;
  };
  assert.equal(why(false, "note"), "not-requested");
  assert.equal(why(false, "net"), "no-folder-request");
  assert.equal(why(false), "nothing-to-learn");
  assert.equal(why(true, undefined, { requests: {} }), "nothing-to-learn");
});

test("what a tally let through becomes rules; links are none, and what cannot be named is said", () => {
  const one = (to: string, because: string, allowed = true) =>
    ({ allowed, to, because, times: 1, sent: 0, received: 0 }) as const;
  const counted = [
    ...[one("example.org:443/tcp", "learn"), one("[2001:db8::1]:80/tcp", "learn"), one("ntp.example.org:123/udp", "x")],
    ...[one("db.internal:5432/tcp", "link to db"), one("bad.example:1/tcp", "no rule names it", false)],
  ];
  const state = { connections: 0, counted, others: 0 };
  const { targets, unsure } = networkSeen(state);
  assert.equal(unsure, undefined);
  assert.deepEqual(
    targets.map(({ rule: { text, protocol, port } }) => [text, protocol, port]),
    [
      ["example.org:443", "tcp", 443],
      ["[2001:db8::1]:80", "tcp", 80],
      ["ntp.example.org:123/udp", "udp", 123],
    ],
  );
  assert.deepEqual(refusedSeen(state), ["bad.example:1/tcp: no rule names it"]);
  assert.match(networkSeen({ ...state, others: 1 }).unsure ?? "", /more than was recorded/);
  assert.match(networkSeen({ ...state, counted: [one("a,b:1/tcp", "learn")] }).unsure ?? "", /no rule can name/);
  assert.deepEqual(networkSeen(undefined), { targets: [], unsure: undefined });
});

test("an answer as a word of the command line reads as the same answer, or there is none", () => {
  for (const [text, service] of [
    ["deny", "folder"],
    ["subset:/home/ada/my notes:a b,c", "folder"],
    ["real:/it's", "folder"],
    ["subset:example.org:443,*.example.net", "network"],
    ["subset:nas.example:445+private+quota=1MB/day,bad.example+deny", "network"],
  ] as const) {
    const word = answerWord("it", answered(text, service));
    const unquoted = word.startsWith("'") ? word.slice(1, -1).replaceAll("'\\''", "'") : word;
    assert.equal(unquoted, `it=${text}`);
  }
  assert.equal(answerWord("it", { ...answered("subset:/n:a", "folder"), files: ["a,b"] }), "");
  assert.equal(answerWord("it", answered("subset:/n:a", "folder")), "it=subset:/n:a");
});
