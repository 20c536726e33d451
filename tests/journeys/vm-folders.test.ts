/** Folders of a machine that runs: granted, revoked and shown in each other's place, and who still holds something of them. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { after, test } from "node:test";
import { done, until } from "./life.fixture.ts";
import { lacksForMachines, makeTrial } from "./trial.fixture.ts";

const RECIPE = `skerry: recipe/1
summary: A shell whose folders change while it runs
packages: [bash, git, python3, build-essential, ca-certificates, less]
programs:
  shell: /bin/bash
requests:
  docs: { service: folder, why: to be read, need: optional }
  notes: { service: folder, why: to be written, need: optional, verbs: [read, write], inside: /home/app/notes }
  own: { service: folder, why: to be written to as a copy, need: optional, verbs: [read, write], inside: /mnt/own }
`;

/** Whether a folder can be shown under another user while the app runs needs a newer mount(8). */
const AS_ROOT = process.getuid?.() === 0;

/** Each keeps something of the folder, and says so. Nobody waits for them: who was killed can be seen. */
const HOLDERS = `
cd /
(cd /mnt/docs/below; echo $BASHPID >>/tmp/holders; echo in a directory; exec sleep 1000) &
(exec 7</mnt/docs/name; echo $BASHPID >>/tmp/holders; echo with a file; exec sleep 1000) &
python3 -c '
import mmap, os, time
with open("/mnt/docs/name", "rb") as file: kept = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
print(os.getpid(), file=open("/tmp/holders", "a")); print("with a mapping", flush=True)
time.sleep(1000)' &
exec tail -f /dev/null
`;

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

const trial = makeTrial();
after(async () => await trial.close());

const real = (name: string) => `{ answer: real, folder: "${trial.files}/${name}" }`;

async function save(answers: Readonly<Record<string, string>>): Promise<string> {
  const lines = Object.entries(answers).map(([name, answer]) => `  ${name}: ${answer}\n`);
  const text = `skerry: deployment/1\nrecipe: dev-shell\nisolation: vm\nanswers:\n${lines.join("")}`;
  const saved = await trial.client.call<{ readonly live?: readonly string[] }>("SaveDeployment", {
    name: "dev-shell",
    text,
  });
  assert.ok(saved.ok, JSON.stringify(saved));
  return (saved.value.live ?? []).join("\n");
}

const inside = async (script: string) =>
  await trial.skerry(["exec", "dev-shell", "--", "sh", "-c", script], { timeoutMs: LIMIT_MS });

test("folders of a running machine are granted, revoked and replaced, and who holds one that is gone is ended", {
  skip: lacksForMachines(),
}, async () => {
  for (const folder of ["config/recipes", "config/deployments"])
    mkdirSync(`${trial.home}/${folder}`, { recursive: true });
  writeFileSync(`${trial.home}/config/recipes/dev-shell.yaml`, RECIPE);
  writeFileSync(`${trial.home}/config/deployments/dev-shell.yaml`, "skerry: deployment/1\nrecipe: dev-shell\n");
  for (const name of ["docs", "other", "own"]) {
    mkdirSync(`${trial.files}/${name}/below`, { recursive: true });
    chmodSync(`${trial.files}/${name}`, 0o755);
    writeFileSync(`${trial.files}/${name}/name`, name);
  }
  const own = `{ answer: copy, folder: "${trial.files}/own" }`;
  await save({ docs: real("docs"), own });
  await done(trial, ["start", "-q", "dev-shell", "--", "-c", HOLDERS], { timeoutMs: LIMIT_MS });
  // At once: who enters waits until the app has its root.
  assert.equal((await inside("echo in $PWD; ls -d /home/app")).stdout, "in /mnt/docs\n/home/app\n");
  const said = async () => (await done(trial, ["logs", "dev-shell"])).stdout;
  await until(
    "the holders",
    async () => /directory/.test(await said()) && /file/.test(await said()) && /mapping/.test(await said()),
    LIMIT_MS,
  );

  // As it was started.
  const first = await inside(
    "cat /mnt/docs/name; touch /mnt/docs/new; ls /home/app/notes; echo mine >/mnt/own/name; cat /mnt/own/name",
  );
  assert.equal(first.stdout, "docsmine\n");
  assert.match(first.stderr, /new.*Read-only file system[^]*notes.*Permission denied/);
  assert.equal(readFileSync(`${trial.files}/own/name`, "utf8"), "own");
  assert.match((await done(trial, ["changes", "dev-shell"])).stdout, /name/);

  // Taken away.
  assert.match(
    await save({ docs: "deny", own }),
    /^docs: dev-shell now gets nothing; 3 processes that still used it were ended$/,
  );
  const without = await inside(
    "cat /mnt/docs/name; ls /mnt/docs; for pid in $(cat /tmp/holders); do cut -d' ' -f3 /proc/$pid/stat; done; cat /mnt/own/name",
  );
  assert.equal(without.stdout, "Z\nZ\nZ\nmine\n");
  assert.match(without.stderr, /Permission denied[^]*Permission denied/);

  // The same once more, by an agent that came later.
  await trial.client.shutdown();
  assert.match(await save({ docs: real("docs"), own }), /^docs: dev-shell now gets .*read-only/);
  const again = await inside("cat /mnt/docs/name; ls /mnt/docs; touch /mnt/docs/new");
  assert.equal(again.stdout, "docsbelow\nname\n");
  assert.equal(existsSync(`${trial.files}/docs/new`), false);

  // One that was never granted, and another one in the first one's place.
  const lines = await save({ docs: real("other"), notes: real("docs"), own });
  if (AS_ROOT) assert.match(lines, /since as root/);
  else {
    assert.match(lines, /^docs: .*read-only[^]*\nnotes: .*read and write/);
    const changed = await inside(
      "cat /mnt/docs/name /home/app/notes/name; echo new >/home/app/notes/new; ls /mnt/docs",
    );
    assert.equal(changed.stdout, "otherdocsbelow\nname\n");
    assert.equal(readFileSync(`${trial.files}/docs/new`, "utf8"), "new\n");
  }
  await save({ docs: "empty", notes: "deny", own });
  assert.equal((await inside("ls -A /mnt/docs && echo empty; ls /home/app/notes")).stdout, "empty\n");

  // A machine that stands still is not asked.
  await save({ docs: real("docs"), own });
  await done(trial, ["freeze", "dev-shell"]);
  await save({ docs: "deny", own });
  await done(trial, ["thaw", "dev-shell"]);
  assert.equal((await inside("cat /mnt/docs/name; ls /mnt/docs")).stdout, "");

  // Nor is what it says believed: whatever it has still open is seen outside.
  await save({ docs: real("docs"), own });
  const holder = trial.begin([
    "exec",
    "dev-shell",
    "--",
    "sh",
    "-c",
    "exec 7</mnt/docs/name; echo holds; exec sleep 1000",
  ]);
  await once(holder.stdout ?? holder, "data");
  await done(trial, ["freeze", "dev-shell"]);
  assert.match(
    await save({ docs: "deny", own }),
    /^docs: dev-shell now gets nothing\ndev-shell was (ended; start it again|started again)$/,
  );
  assert.doesNotMatch((await done(trial, ["ps"])).stdout, /dev-shell +frozen/);

  // What has just been started is waited for, and what is taken then is taken. It begins in another folder: one that begins
  // in what is taken away is ended, or cannot begin.
  await trial.skerry(["kill", "dev-shell"]);
  const [docsLine = "", ownLine = ""] = RECIPE.split("\n").filter((line) => /^  (docs|own):/.test(line));
  const ownFirst = RECIPE.replace(`${ownLine}\n`, "").replace(docsLine, `${ownLine}\n${docsLine}`);
  writeFileSync(`${trial.home}/config/recipes/dev-shell.yaml`, ownFirst);
  await save({ docs: real("docs"), own });
  await done(trial, ["start", "-q", "dev-shell", "--", "-c", "cd /; exec tail -f /dev/null"], { timeoutMs: LIMIT_MS });
  assert.match(await save({ docs: "deny", own }), /^docs: dev-shell now gets nothing$/);
  assert.match(await save({ docs: real("docs"), own }), /^docs: dev-shell now gets .*read-only/);
  assert.equal((await inside("cat /mnt/docs/name")).stdout, "docs");
  await done(trial, ["freeze", "dev-shell"]);
  await save({ docs: "deny", own });
  assert.match(await save({ docs: real("docs"), own }), /^docs: takes effect at the next start .*stands still/);
  await done(trial, ["thaw", "dev-shell"]);
  assert.equal((await inside("cat /mnt/docs/name; ls /mnt/docs")).stdout, "");
});
