/** Files by patterns: what matches is seen while the app runs, what does so no more is gone, and nothing else ever is. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { done, recorded, until } from "./life.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

let trial: Trial;
let docs = "";

before(() => {
  trial = makeTrial();
  docs = `${trial.files}/docs`;
  mkdirSync(`${docs}/2026`, { recursive: true });
  for (const folder of [docs, `${docs}/2026`]) chmodSync(folder, 0o755);
});

after(async () => await trial?.close());

function deploy(name: string, files: string): void {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  writeFileSync(
    `${trial.home}/config/deployments/${name}.yaml`,
    `skerry: deployment/1
recipe: dev-shell
isolation: container
requests: { docs: { service: folder, why: to read, verbs: [read, write], inside: /mnt/docs } }
answers: { docs: { answer: subset, folder: "${docs}", files: ${files} } }
`,
  );
}

const inside = async (name: string, script: string) =>
  (await trial.skerry(["exec", name, "--", "sh", "-c", script])).stdout;

const list = "cd /mnt/docs && find . -type f | sort | tr '\\n' ' '";

async function sees(name: string, files: string): Promise<void> {
  let seen = "";
  await until(
    () => `${files} and not ${seen}`,
    async () => (seen = await inside(name, list)) === files,
  );
}

const start = async (name: string) => await done(trial, ["start", "-q", name, "--", "-c", "cd /; exec sleep 1000"]);

/** As most editors do: a new file takes the name of the old one. */
function saveAs(path: string, text: string): void {
  writeFileSync(`${path}~`, text);
  renameSync(`${path}~`, path);
}

test("files that match are seen, and those that come and go while it runs", async () => {
  for (const file of ["a.pdf", "b.txt", ".hidden.pdf", "2026/x.csv"]) writeFileSync(`${docs}/${file}`, file);
  writeFileSync(`${trial.files}/secret.pdf`, "secret");
  symlinkSync(`${trial.files}/secret.pdf`, `${docs}/link.pdf`);
  deploy("viewer", '["*.pdf", "*/*.csv"]');
  await start("viewer");
  await sees("viewer", "./2026/x.csv ./a.pdf ");
  writeFileSync(`${docs}/new.pdf`, "new");
  await sees("viewer", "./2026/x.csv ./a.pdf ./new.pdf ");
  assert.equal(await inside("viewer", "cat /mnt/docs/new.pdf"), "new");
  assert.equal(await inside("viewer", "echo x >/mnt/docs/new.pdf || echo refused"), "refused\n");
  mkdirSync(`${docs}/2027`);
  writeFileSync(`${docs}/2027/y.csv`, "y");
  await sees("viewer", "./2026/x.csv ./2027/y.csv ./a.pdf ./new.pdf ");
  rmSync(`${docs}/a.pdf`);
  renameSync(`${docs}/new.pdf`, `${docs}/new.txt`);
  await sees("viewer", "./2026/x.csv ./2027/y.csv ");
  renameSync(`${docs}/new.txt`, `${docs}/again.pdf`);
  await sees("viewer", "./2026/x.csv ./2027/y.csv ./again.pdf ");
  for (const text of ["second", "third"]) {
    saveAs(`${docs}/again.pdf`, text);
    await until(text, async () => (await inside("viewer", "cat /mnt/docs/again.pdf")) === text);
  }
});

test("what becomes a link, a folder or a pipe is no file that was meant", async () => {
  rmSync(`${docs}/again.pdf`);
  symlinkSync(`${trial.files}/secret.pdf`, `${docs}/again.pdf`);
  await sees("viewer", "./2026/x.csv ./2027/y.csv ");
  renameSync(`${docs}/2027`, `${trial.files}/2027`);
  symlinkSync(`${trial.files}/2027`, `${docs}/2027`);
  await sees("viewer", "./2026/x.csv ");
  mkdirSync(`${docs}/folder.pdf`);
  writeFileSync(`${docs}/folder.pdf/in.pdf`, "no");
  writeFileSync(`${docs}/last.pdf`, "last");
  await sees("viewer", "./2026/x.csv ./last.pdf ");
  assert.equal(await inside("viewer", "cat /mnt/docs/*/in.pdf /mnt/docs/b.txt /mnt/docs/.hidden.pdf 2>&-"), "");
});

test("the next agent goes on with it, and what the owner has frozen stays so", async () => {
  await trial.client.shutdown();
  writeFileSync(`${docs}/while.pdf`, "nobody watched");
  assert.ok((await trial.skerry(["ps"])).stdout.includes("viewer"));
  await sees("viewer", "./2026/x.csv ./last.pdf ./while.pdf ");
  await done(trial, ["freeze", "viewer"]);
  rmSync(`${docs}/while.pdf`);
  rmSync(`${docs}/last.pdf`);
  assert.match((await done(trial, ["ps"])).stdout, /viewer +frozen/);
  await done(trial, ["thaw", "viewer"]);
  await sees("viewer", "./2026/x.csv ");
  await done(trial, ["kill", "viewer"]);
});

test("a pattern that means nothing yet starts an empty folder, which fills", async () => {
  deploy("empty", '["*.odt"]');
  await start("empty");
  await sees("empty", "");
  writeFileSync(`${docs}/first.odt`, "first");
  await sees("empty", "./first.odt ");
  rmSync(`${docs}/first.odt`);
  await sees("empty", "");
  writeFileSync(`${docs}/second.odt`, "second");
  await sees("empty", "./second.odt ");
  await done(trial, ["grant", "empty", `docs=subset:${docs}:b.txt`]);
  await sees("empty", "./b.txt ");
  await done(trial, ["revoke", "empty", "docs"]);
  assert.equal(await inside("empty", "ls /mnt/docs 2>&-"), "");
  await done(trial, ["kill", "empty"]);
});

test("too many that match are refused at a start, and not added while it runs", async () => {
  const many = `${docs}/many`;
  mkdirSync(many);
  chmodSync(many, 0o755);
  writeFileSync(`${many}/1.log`, "");
  deploy("many", '["many/*.log"]');
  await start("many");
  await sees("many", "./many/1.log ");
  const more = `${trial.files}/more`;
  mkdirSync(more);
  chmodSync(more, 0o755);
  for (let index = 1; index <= 1100; index += 1) writeFileSync(`${more}/${index}.log`, "");
  renameSync(many, `${trial.files}/few`);
  renameSync(more, many);
  await until("it is on record", async () =>
    (await recorded(trial, "many")).some(
      ({ kind, facts }) => kind === "live-change" && String(facts["gets"]).includes("too many files match"),
    ),
  );
  rmSync(`${many}/1.log`);
  await until("what is gone is gone", async () => !(await inside("many", list)).includes("./many/1.log "));
  writeFileSync(`${many}/1.log`, "");
  await done(trial, ["kill", "many"]);
  const refused = await trial.skerry(["start", "-q", "many", "--", "-c", "true"]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /more than 1000 files of .* match what is granted as "docs"/);
  rmSync(many, { recursive: true });
});

test("the owner is told what is granted, and claims count what may match", async () => {
  deploy("viewer", '["*.pdf", b.txt]');
  const { stdout } = await done(trial, ["describe", "viewer", "--effective"]);
  assert.match(stdout, /1 chosen file and files that match \*\.pdf of .*docs, read-only/);
  assert.match((await done(trial, ["graph"])).stdout, /reads \S+\/docs\/\*\.pdf/);
  const claim = async (words: string) => (await trial.skerry(["prove", words])).code;
  assert.equal(await claim(`viewer can read folder "${docs}/not-yet.pdf"`), 0);
  assert.equal(await claim(`no viewer can read folder "${docs}/not-yet.txt"`), 0);
  const refused = await trial.skerry(["grant", "viewer", `docs=subset:${docs}:**/*.pdf`]);
  assert.match(refused.stderr, /Write one "\*" for each part of a path/);
});
