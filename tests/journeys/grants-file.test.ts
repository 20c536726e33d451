/** Grants by command: the file is changed and keeps what its owner wrote; what cannot be kept never comes into it. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done } from "./life.fixture.ts";
import { makeTrial } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

const FILE = `${trial.home}/config/deployments/tool.yaml`;
mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
writeFileSync(
  `${trial.home}/config/recipes/tool.yaml`,
  `skerry: recipe/1
summary: made for a test
packages: [ripgrep]
programs: { rg: /usr/bin/rg }
requests:
  folder: { service: folder, why: to search, verbs: [read], inside: /work }
  internet: { service: network, why: to fetch, need: required }
`,
);

const read = () => readFileSync(FILE, "utf8");

async function effective(): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await done(trial, ["describe", "tool", "--effective", "--json"]);
  const { effective: lines } = JSON.parse(stdout);
  return Object.fromEntries(
    lines.map(({ request, gets }: { readonly request: string; readonly gets: string }) => [request, gets]),
  );
}

test("grant answers requests in the file, revoke denies them, and comments stay", async () => {
  await done(trial, ["deploy", "tool"]);
  writeFileSync(FILE, read().replace(/^ {2}internet: .*$/m, "  internet: deny # not before I know why"));
  const granted = await done(trial, [
    "grant",
    "tool",
    "internet=subset:example.org:443,*.example.net,[2001:db8::1]:22",
    `folder=real:${trial.files}`,
  ]);
  assert.match(
    granted.stdout,
    /^tool internet: only TCP port 443 of example\.org; TCP of all names below example\.net/m,
  );
  assert.ok(read().includes("# not before I know why"));
  assert.deepEqual(await effective(), {
    folder: `${trial.files}, read-only, at /work`,
    internet: "only TCP port 443 of example.org; TCP of all names below example.net; TCP port 22 of 2001:db8::1",
  });
  const again = await done(trial, ["grant", "tool", `folder=real:${trial.files}`]);
  assert.equal(again.stdout, "nothing was changed: tool is answered so already\n");
  await done(trial, ["revoke", "tool", "folder"]);
  assert.match(read(), /^ {2}folder: deny$/m);
  assert.ok(read().includes("# not before I know why"));
  const { stdout } = await done(trial, ["audit", "tool"]);
  assert.match(stdout, /grant +tool +answers=\[.*"internet: subset, only TCP port 443 of example\.org;/);
  assert.match(stdout, /grant +tool +answers=\["folder: deny, nothing"\]/);
});

test("rules have their options on the command line, and are added to those that are there", async () => {
  const before = read();
  await done(trial, ["grant", "tool", "internet=subset:example.org:443,bank.example:443+tls=same-name"]);
  await done(trial, [
    ...["grant", "tool", "internet+=nas.example:445+private,example.org:443+quota=100MB/day"],
    "internet+=*.example.net+ask",
  ]);
  const rules = read().slice(read().indexOf("internet:"));
  const wanted = ["example.org:443", 'quota: "100 MB/day"', "bank.example:443", "tls: same-name"];
  for (const words of [...wanted, "nas.example:445", "private: yes", '"*.example.net"', "answer: ask"])
    assert.ok(rules.includes(words), `${words} in ${rules}`);
  assert.equal(rules.match(/example\.org:443/g)?.length, 1, "the same target is one rule");
  const odd = await done(trial, ["grant", "tool", "folder+=example.org"], { code: 65 });
  assert.match(odd.stderr, /\+= adds rules to a network, and this is a folder/);
  const shut = await done(trial, ["grant", "tool", "internet=deny", "internet+=example.org"], { code: 65 });
  assert.match(shut.stderr, /rules are added to subset or ask, and it is answered deny/);
  writeFileSync(FILE, before);
});

test("an answer that cannot be kept is refused with the way out, and nothing of the command is written", async () => {
  const before = read();
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [
      ["folder=deny", "internet=subset:https://example.org/"],
      /A rule names a host and a port. Write "example\.org:443"/,
    ],
    [["folder=deny", "internet=fake"], /cannot be answered "fake": a network cannot be made up/],
    [["internet=subset:example.org/udp"], /UDP without a port needs the answer real/],
    [["internet=subset"], /names no rule under allow\n {2}write: internet: \{ answer: subset, allow:/],
    [["interent=deny"], /Did you mean|did you mean|internet/],
    [["folder=real:notes"], /Begin with "\/" or "~\/"[\s\S]*a folder takes deny, empty, real:FOLDER/],
    [[`folder=real:${trial.home}/config`], /lies in Skerry's own/],
    [["folder=real:/does/not/exist"], /does not exist/],
  ];
  for (const [words, said] of cases) {
    const { code, stderr } = await trial.skerry(["grant", "tool", ...words]);
    assert.notEqual(code, 0, words.join(" "));
    assert.match(stderr, said);
    assert.equal(read(), before, words.join(" "));
  }
  assert.equal((await trial.skerry(["grant", "tool", "folder"])).code, 64);
});

test("what is required can be revoked: the next start says so, and the file holds it", async () => {
  await done(trial, ["revoke", "tool", "internet"]);
  assert.match(read(), /^ {2}internet: deny # not before I know why$/m);
  const described = await trial.skerry(["describe", "tool", "--effective"]);
  assert.match(described.stderr, /internet/);
});

test("grants at the same time all come into the file", async () => {
  await done(trial, ["grant", "tool", "internet=deny", "folder=deny"]);
  await Promise.all([
    done(trial, ["grant", "tool", "internet=real:lan"]),
    done(trial, ["grant", "tool", `folder=real:${trial.files}`]),
  ]);
  assert.deepEqual(await effective(), {
    folder: `${trial.files}, read-only, at /work`,
    internet: "the internet, also lan",
  });
});

test("apply reads what was edited by hand, and refuses what cannot be read", async () => {
  const before = read();
  writeFileSync(FILE, before.replace("real, allow: [lan]", "real"));
  assert.match((await done(trial, ["apply", "tool"])).stdout, /holds from the next start of tool on/);
  assert.equal((await effective())["internet"], "the internet, neither this host nor private networks");
  writeFileSync(FILE, before.replace("answers:", "answres:"));
  const { code, stderr } = await trial.skerry(["apply", "tool"]);
  assert.notEqual(code, 0);
  assert.match(stderr, /answres: not a key of a deployment. Did you mean "answers"/);
});
