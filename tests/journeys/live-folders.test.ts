/** Folders of a running compartment: granted, revoked, changed for others, and who still holds something of them. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { done, until } from "./life.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

/** An own recipe of the same packages, and so of the same image, in the place of the one that comes with Skerry. */
const RECIPE = `skerry: recipe/1
summary: A shell whose folders change while it runs
packages: [bash, git, python3, build-essential, ca-certificates, less]
programs:
  shell: /bin/bash
requests:
  docs: { service: folder, why: to be read, need: optional }
  notes: { service: folder, why: to be written, need: optional, verbs: [read, write], inside: /home/app/notes }
`;

/** Whether a folder can be shown under another user while the app runs needs a newer mount(8). */
const AS_ROOT = process.getuid?.() === 0;

let trial: Trial;

before(() => {
  trial = makeTrial();
  mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
  writeFileSync(`${trial.home}/config/recipes/dev-shell.yaml`, RECIPE);
  for (const name of ["docs", "other"]) {
    mkdirSync(`${trial.files}/${name}/below`, { recursive: true });
    chmodSync(`${trial.files}/${name}`, 0o755);
    writeFileSync(`${trial.files}/${name}/name`, name);
  }
});

after(async () => {
  await trial?.close();
});

/** The deployment with these answers, as an owner would save it. */
async function save(answers: Readonly<Record<string, string>>, more = ""): Promise<readonly string[]> {
  const lines = Object.entries(answers).map(([name, answer]) => `  ${name}: ${answer}\n`);
  const text = `skerry: deployment/1\nrecipe: dev-shell # kept\n${more}answers:\n${lines.join("")}`;
  const saved = await trial.client.call<{ readonly live?: readonly string[] }>("SaveDeployment", {
    name: "dev-shell",
    text,
  });
  assert.ok(saved.ok, JSON.stringify(saved));
  return saved.value.live ?? [];
}

const real = (name: string) => `{ answer: real, folder: "${trial.files}/${name}" }`;

async function start(
  answers: Readonly<Record<string, string>>,
  script = "cd /; exec sleep 1000",
  more = "",
): Promise<void> {
  await trial.skerry(["kill", "dev-shell"]);
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  writeFileSync(`${trial.home}/config/deployments/dev-shell.yaml`, "skerry: deployment/1\nrecipe: dev-shell\n");
  await save(answers, more);
  await done(trial, ["start", "-q", "dev-shell", "--", "-c", script]);
}

const inside = async (script: string) => await trial.skerry(["exec", "dev-shell", "--", "sh", "-c", script]);

test("a folder that the app was started with is revoked while it runs, and comes back", async () => {
  await start({ docs: real("docs") });
  assert.equal((await inside("cat /mnt/docs/name")).stdout, "docs");
  assert.match((await save({ docs: "deny" })).join("\n"), /^docs: dev-shell now gets nothing$/);
  const without = await inside("cat /mnt/docs/name; ls /mnt/docs");
  assert.equal(without.stdout, "");
  assert.match(without.stderr, /Permission denied/);
  assert.match((await save({ docs: real("docs") })).join("\n"), /^docs: dev-shell now gets .*read-only/);
  assert.equal((await inside("cat /mnt/docs/name")).stdout, "docs");
  assert.equal((await inside("touch /mnt/docs/new")).code, 1, "it can be read and no more");
  assert.deepEqual(await save({ docs: real("docs") }), [], "a second time nothing is done");
});

test("a folder that was denied is granted while the app runs, and another one shown in its place", async () => {
  await start({ docs: "deny", notes: "deny" });
  assert.match((await inside("ls /mnt/docs")).stderr, /Permission denied/);
  const lines = (await save({ docs: real("docs"), notes: real("other") })).join("\n");
  if (AS_ROOT) {
    assert.match(
      lines,
      /^docs: takes effect at the next start of dev-shell \(skerry restart dev-shell\), since as root/,
    );
    return;
  }
  assert.match(lines, /^docs: .*read-only.*\nnotes: .*read and write/);
  assert.equal(
    (await inside("cat /mnt/docs/name; touch /home/app/notes/new; cat /home/app/notes/name")).stdout,
    "docsother",
  );
  assert.ok(statSync(`${trial.files}/other/new`).isFile());
  await save({ docs: real("other"), notes: real("docs") });
  assert.equal((await inside("cat /mnt/docs/name /home/app/notes/name")).stdout, "otherdocs");
  await save({ docs: "empty", notes: "deny" });
  assert.equal((await inside("ls -A /mnt/docs && echo empty")).stdout, "empty\n");
  assert.equal((await inside("ls /home/app/notes")).code, 2);
});

/** Each keeps something of the folder, says so in a file outside of it, and waits for ever. */
const HOLDERS = {
  directory: "cd /mnt/docs/below",
  file: "exec 7</mnt/docs/name",
  // Python's own object keeps the mapping; the file is closed.
  mapping: "",
};
const MAP = `import mmap,os,time
f=open("/mnt/docs/name","rb"); m=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ); f.close()
open("/tmp/holds","w").close()
time.sleep(1000)
`;

for (const [what, hold] of Object.entries(HOLDERS)) {
  test(`who still holds a ${what} of a revoked folder is ended, and the app goes on`, async () => {
    const holder =
      hold === "" ? `cd /; python3 -c '${MAP}'` : `cd /; ${hold}; touch /tmp/holds; while :; do sleep 1 <&-; done`;
    // sleep(1) is started in the same directory and with the same files: with its parent ended, it is as well.
    await start(
      { docs: real("docs") },
      `cd /; (${holder}) & echo $! >/tmp/holder; exec 7<&-; while :; do sleep 0.1; done`,
    );
    await until("the holder", async () => (await inside("test -e /tmp/holds")).code === 0);
    const lines = await save({ docs: "deny" });
    assert.match(lines.join("\n"), /processe?s? that still used it (was|were) ended/);
    await until("its end", async () => (await inside("kill -0 $(cat /tmp/holder)")).code !== 0);
    assert.equal((await inside("echo goes on")).stdout, "goes on\n");
    assert.match((await inside("cat /proc/1/cwd/name; cat /mnt/docs/name")).stdout, /^$/);
  });
}

test("an agent that came later changes folders as well, and knows what is in force", async () => {
  await start({ docs: real("docs") });
  await save({ docs: "deny" });
  await trial.client.shutdown();
  assert.match((await save({ docs: real("docs") })).join("\n"), /^docs: dev-shell now gets/);
  assert.equal((await inside("cat /mnt/docs/name")).stdout, "docs");
  await trial.client.shutdown();
  assert.deepEqual(await save({ docs: real("docs") }), []);
});

test("what the owner has frozen stays so, and a folder is gone from it all the same", async () => {
  await start({ docs: real("docs") });
  await done(trial, ["freeze", "dev-shell"]);
  await save({ docs: "deny" });
  assert.match((await done(trial, ["ps"])).stdout, /dev-shell +frozen/);
  await done(trial, ["thaw", "dev-shell"]);
  assert.equal((await inside("cat /mnt/docs/name")).stdout, "");
});

/** As most editors do: a new file takes the name of the old one. */
function saveAs(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

const chosen = (...files: readonly string[]) =>
  `{ answer: subset, folder: "${trial.files}/docs", files: [${files.join(", ")}] }`;

async function reads(file: string, text: string): Promise<void> {
  await until(`${text} in ${file}`, async () => (await inside(`cat ${file}`)).stdout === text);
}

test("a chosen file stays the file of its name when an editor puts a new one in its place", async () => {
  writeFileSync(`${trial.files}/docs/below/list`, "first");
  await start({ docs: chosen("below/list") });
  await reads("/mnt/docs/below/list", "first");
  for (const text of ["second", "third", "fourth"]) {
    saveAs(`${trial.files}/docs/below/list`, text);
    await reads("/mnt/docs/below/list", text);
  }
  assert.equal((await inside("ls /mnt/docs")).stdout, "below\n");
  assert.equal((await inside("echo x >/mnt/docs/below/list")).code, 2, "it is read-only");
  await trial.client.shutdown();
  saveAs(`${trial.files}/docs/below/list`, "while nobody watched");
  assert.ok((await trial.skerry(["ps"])).stdout.includes("dev-shell"));
  await reads("/mnt/docs/below/list", "while nobody watched");
});

test("a link that takes the place of a chosen file is not followed", async () => {
  writeFileSync(`${trial.files}/docs/below/list`, "mine");
  writeFileSync(`${trial.files}/secret`, "secret");
  await start({ docs: chosen("below/list", "name") });
  rmSync(`${trial.files}/docs/below/list`);
  symlinkSync(`${trial.files}/secret`, `${trial.files}/docs/below/list`);
  saveAs(`${trial.files}/docs/name`, "docs again");
  await reads("/mnt/docs/name", "docs again");
  // As root all chosen files are shown anew, and one that is gone leaves its place empty.
  assert.equal((await inside("cat /mnt/docs/below/list")).stdout, AS_ROOT ? "" : "mine");
  rmSync(`${trial.files}/docs/below/list`);
  saveAs(`${trial.files}/docs/name`, "docs");
});

test("files are chosen while the app runs, and others instead", async (context) => {
  if (AS_ROOT)
    return context.skip("cannot here: as root, only a folder that the app was started with can be shown to it");
  writeFileSync(`${trial.files}/docs/below/list`, "a list");
  await start({ docs: "deny" });
  await save({ docs: chosen("name") });
  assert.equal((await inside("find /mnt/docs -type f")).stdout, "/mnt/docs/name\n");
  await save({ docs: chosen("name", "below/list") });
  assert.equal((await inside("find /mnt/docs -type f | sort")).stdout, "/mnt/docs/below/list\n/mnt/docs/name\n");
  saveAs(`${trial.files}/docs/name`, "new name");
  await reads("/mnt/docs/name", "new name");
  await save({ docs: chosen("below/list") });
  assert.equal((await inside("find /mnt/docs -type f")).stdout, "/mnt/docs/below/list\n");
  saveAs(`${trial.files}/docs/name`, "docs");
});

test("where its owner wants that, an app that holds a revoked folder is started again as a whole", async () => {
  await start({ docs: real("docs") }, "exec sleep 1000", "on-revoke: restart\n");
  const before = (await done(trial, ["ps", "--json"])).stdout;
  const lines = (await save({ docs: "deny" }, "on-revoke: restart\n")).join("\n");
  assert.match(lines, /^docs: dev-shell now gets nothing\ndev-shell was started again$/);
  assert.notEqual((await done(trial, ["ps", "--json"])).stdout, before);
  assert.equal((await inside("cat /mnt/docs/name; cat /proc/1/cwd/name")).stdout, "");
});

/** Makes a copy of all mounts that nothing is handed on to, as a sandbox within the sandbox may. */
const KEEPER =
  "unshare --user --mount --propagation private sh -c 'echo $$ >/tmp/kept; touch /tmp/holds; exec sleep 1000'";

test("a sandbox within the app that has kept a mount of its own is ended", async () => {
  const file = `${trial.home}/config/recipes/dev-shell.yaml`;
  writeFileSync(file, `${RECIPE}own-sandbox: true\n`);
  await start({ docs: real("docs") }, `cd /; (${KEEPER}) & echo $! >/tmp/holder; while :; do sleep 0.1; done`);
  await until("the holder", async () => (await inside("test -e /tmp/holds")).code === 0);
  const kept = async () => (await inside("cat /proc/$(cat /tmp/kept)/root/mnt/docs/name; echo .")).stdout;
  assert.equal(await kept(), "docs.\n");
  assert.match((await save({ docs: "deny" })).join("\n"), /ended$/);
  assert.equal(await kept(), ".\n");
  assert.equal((await inside("echo goes on")).stdout, "goes on\n");
  writeFileSync(file, RECIPE);
});

test("what was said for one start alone stays so, whatever changes in the deployment", async () => {
  await start({ docs: "deny", notes: real("other") });
  await done(trial, ["kill", "dev-shell"]);
  await done(trial, [
    "start",
    "-q",
    "--folder",
    `${trial.files}/docs=real`,
    "dev-shell",
    "--",
    "-c",
    "cd /; exec sleep 1000",
  ]);
  const lines = (await save({ docs: "deny", notes: "deny" })).join("\n");
  assert.match(lines, /^notes: dev-shell now gets nothing\ndocs: dev-shell keeps what was said for this start alone/);
  assert.equal((await inside("cat /mnt/docs/name; ls /home/app/notes")).stdout, "docs");
});

test("grant and revoke on the command line change what runs", async () => {
  await start({ docs: real("docs") });
  assert.match((await done(trial, ["revoke", "dev-shell", "docs"])).stdout, /docs: dev-shell now gets nothing/);
  assert.equal((await inside("cat /mnt/docs/name")).stdout, "");
  const granted = await done(trial, ["grant", "dev-shell", `docs=real:${trial.files}/docs`]);
  assert.match(granted.stdout, /docs: dev-shell now gets .*read-only/);
  assert.equal((await inside("cat /mnt/docs/name")).stdout, "docs");
});
