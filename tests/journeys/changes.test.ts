/** Changes of copies: what an app wrote is listed, shown, applied by choice, and thrown away; never while it runs. */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { after, before, test } from "node:test";
import { bashInside } from "./doors.fixture.ts";
import { done, json, listed, recorded, until } from "./life.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

let trial: Trial;

before(() => {
  trial = makeTrial();
});

after(async () => {
  await trial?.close();
});

/** A project and an instance of its own, so that no test meets what another has left. */
async function makeProject(name: string): Promise<string> {
  const folder = `${trial.files}/${name}`;
  mkdirSync(`${folder}/src/deep`, { recursive: true });
  for (const path of [folder, `${folder}/src`, `${folder}/src/deep`]) chmodSync(path, 0o755);
  for (const file of ["README", "src/main.c", "src/deep/x.c", "old.txt"])
    writeFileSync(`${folder}/${file}`, `${file}\n`, { mode: 0o644 });
  await done(trial, ["deploy", "dev-shell", "--as", name]);
  return folder;
}

async function write(name: string, line: string): Promise<void> {
  const ended = await bashInside(trial, line, ["--folder", `${trial.files}/${name}=copy`], name);
  assert.deepEqual([ended.code, ended.stderr], [0, ""]);
}

interface Copy {
  readonly request: string;
  readonly changes?: readonly { readonly path: string; readonly kind: string; readonly conflict?: string }[];
  readonly done?: number;
  readonly conflicts?: number;
}

async function changes(name: string, ...words: string[]): Promise<Copy> {
  const ended = await trial.skerry(["changes", name, ...words, "--json"]);
  const { copies }: { readonly copies: readonly Copy[] } = JSON.parse(ended.stdout);
  assert.equal(copies.length, 1, ended.stderr);
  return copies[0] ?? { request: "" };
}

async function rows(name: string): Promise<readonly (readonly [string, string])[]> {
  return ((await changes(name)).changes ?? []).map(({ path, kind }) => [path, kind]);
}

test("what an app wrote is listed and shown, applied by choice, and the rest thrown away", async () => {
  const folder = await makeProject("choice");
  await write(
    "choice",
    "echo more >> README; rm old.txt; rm -r src; mkdir src; echo new > src/main.c; mkdir -p a/b; echo x > a/b/x; ln -s /etc/passwd link; chmod 755 a/b/x; mv README README.md",
  );
  assert.deepEqual(
    await rows("choice"),
    [
      ["README", "removed"],
      ["README.md", "added"],
      ["a", "added"],
      ["a/b", "added"],
      ["a/b/x", "added"],
      ["link", "added"],
      ["old.txt", "removed"],
      ["src/main.c", "changed"],
      ["src/deep", "removed"],
    ].toSorted(([one = ""], [other = ""]) => order(one, other)),
  );
  const diff = await done(trial, ["changes", "choice", "project", "src", "--diff"]);
  assert.match(diff.stdout, /^changed file src\/main\.c\n--- a\/src\/main\.c\n\+\+\+ b\/src\/main\.c\n/m);
  assert.match(diff.stdout, /^-src\/main\.c\n\+new\n/m);

  const applied = await done(trial, ["changes", "choice", "project", "a/b/", "./README.md", "--apply"]);
  assert.equal(applied.stdout, `4 changes applied to ${folder}\n`);
  assert.equal(readFileSync(`${folder}/README.md`, "utf8"), "README\nmore\n");
  assert.equal(readFileSync(`${folder}/a/b/x`, "utf8"), "x\n");
  assert.equal(statSync(`${folder}/a/b/x`).mode & 0o7777, 0o755);
  assert.equal(statSync(`${folder}/a/b/x`).uid, process.getuid?.());
  assert.ok(existsSync(`${folder}/README`) && existsSync(`${folder}/old.txt`));
  assert.deepEqual(
    (await rows("choice")).map(([path]) => path),
    ["README", "link", "old.txt", "src/deep", "src/main.c"].toSorted(order),
  );

  await done(trial, ["changes", "choice", "project", "old.txt", "README", "--discard"]);
  await done(trial, ["changes", "choice", "--apply"]);
  assert.deepEqual(readdirSync(folder).toSorted(), ["README", "README.md", "a", "link", "old.txt", "src"]);
  assert.equal(readlinkSync(`${folder}/link`), "/etc/passwd");
  assert.deepEqual(readdirSync(`${folder}/src`), ["main.c"]);
  assert.deepEqual(await rows("choice"), []);
  // The next start sees what is there now.
  const again = await bashInside(trial, "cat README.md src/main.c", ["--folder", `${folder}=copy`], "choice");
  assert.equal(again.stdout, "README\nmore\nnew\n");

  const kinds = (await recorded(trial, "choice"))
    .filter(({ kind }) => kind === "changes-applied" || kind === "changes-discarded")
    .map(({ kind, facts }) => [kind, facts["changes"], facts["left"]]);
  assert.deepEqual(kinds, [
    ["changes-applied", 4, 0],
    ["changes-discarded", 2, 0],
    ["changes-applied", 3, 0],
  ]);
});

/** As the report has them: by their folders. */
function order(one: string, other: string): number {
  return one < other ? -1 : 1;
}

test("what its owner changed after the app's start conflicts, is left out, and is applied only when forced", async () => {
  const folder = await makeProject("meanwhile");
  await write("meanwhile", "echo app >> README; echo app >> src/main.c; rm old.txt; rm -r src/deep");
  writeFileSync(`${folder}/README`, "owner\n");
  writeFileSync(`${folder}/src/deep/x.c`, "owner\n");
  const list = await done(trial, ["changes", "meanwhile"]);
  assert.match(list.stdout, /^changed, conflict +file .*README$/m);
  assert.match(list.stdout, /^removed, conflict +folder .*src\/deep$/m);
  assert.match(list.stdout, /^changed +file .*src\/main\.c$/m);
  const applied = await done(trial, ["changes", "meanwhile", "--apply"], { code: 1 });
  assert.match(applied.stdout, /^2 changes applied/);
  assert.match(applied.stderr, /README: was changed there meanwhile; left out/);
  assert.equal(readFileSync(`${folder}/README`, "utf8"), "owner\n");
  assert.equal(readFileSync(`${folder}/src/main.c`, "utf8"), "src/main.c\napp\n");
  assert.ok(!existsSync(`${folder}/old.txt`));
  // A later start of the app changes nothing in that: it has still not seen what its owner wrote.
  await write("meanwhile", "mv README tmp; mv tmp README");
  assert.equal((await changes("meanwhile")).changes?.filter(({ conflict }) => conflict !== undefined).length, 2);
  await done(trial, ["changes", "meanwhile", "project", "README", "--apply", "--force"]);
  assert.equal(readFileSync(`${folder}/README`, "utf8"), "README\napp\n");
  await done(trial, ["changes", "meanwhile", "--discard"]);
  // What was applied is no conflict for the next start.
  await write("meanwhile", "echo again >> README; echo again >> src/deep/x.c");
  await done(trial, ["changes", "meanwhile", "--apply"]);
  assert.equal(readFileSync(`${folder}/README`, "utf8"), "README\napp\nagain\n");
  assert.equal(readFileSync(`${folder}/src/deep/x.c`, "utf8"), "owner\nagain\n");
});

test("a file that its owner removed meanwhile does not come back by itself", async () => {
  const folder = await makeProject("vanished");
  await write("vanished", "echo app >> README");
  rmSync(`${folder}/README`);
  const applied = await done(trial, ["changes", "vanished", "--apply"], { code: 1 });
  assert.match(applied.stderr, /README: was removed there meanwhile; left out/);
  assert.ok(!existsSync(`${folder}/README`));
  await done(trial, ["changes", "vanished", "--apply", "--force"]);
  assert.equal(readFileSync(`${folder}/README`, "utf8"), "README\napp\n");
});

test("nothing is applied or discarded while the app runs, and what changes below it then is told", async () => {
  const folder = await makeProject("busy");
  await done(trial, ["start", "busy", "--folder", `${folder}=copy`, "--", "-c", "echo app > new; exec sleep 1000000"]);
  await until("the app's file", async () => (await rows("busy")).length > 0);
  for (const act of ["--apply", "--discard"]) {
    const refused = await done(trial, ["changes", "busy", act], { code: 1 });
    assert.match(refused.stderr, /busy runs, and might write on.*\n {2}end it first: skerry stop busy/);
  }
  assert.ok(!existsSync(`${folder}/new`));
  writeFileSync(`${folder}/README`, "owner\n");
  const told = await done(trial, ["changes", "busy"]);
  assert.match(told.stderr, /was changed while busy runs.*README/);
  await done(trial, ["stop", "busy"]);
  assert.deepEqual(await listed(trial), []);
  await done(trial, ["changes", "busy", "--apply"]);
  assert.equal(readFileSync(`${folder}/new`, "utf8"), "app\n");
});

test("names that would act on a terminal are escaped, and what cannot be applied is told and stays", async () => {
  const folder = await makeProject("hostile");
  await write(
    "hostile",
    `printf x > $'a\\nb\\e]0;title\\a'; printf x > $'\\xff\\xfe'; mkfifo pipe; printf x > tool; chmod 4755 tool 2>/dev/null; chmod 755 tool; mkdir shut; echo in > shut/in; chmod 000 shut`,
  );
  const list = await done(trial, ["changes", "hostile"]);
  assert.ok(!list.stdout.includes("\u001b"));
  assert.match(list.stdout, /a\\x0ab\\x1b\]0;title\\x07/);
  const applied = await done(trial, ["changes", "hostile", "--apply"], { code: 1 });
  assert.match(applied.stderr, /pipe: is a pipe or a socket/);
  assert.equal(lstatSync(`${folder}/tool`).mode & 0o7777, 0o755);
  assert.equal(lstatSync(`${folder}/shut`).mode & 0o7777, 0);
  chmodSync(`${folder}/shut`, 0o700);
  assert.equal(readFileSync(`${folder}/shut/in`, "utf8"), "in\n");
  assert.ok(readdirSync(Buffer.from(folder), "latin1").includes("\xff\xfe"));
  assert.deepEqual(await rows("hostile"), [["pipe", "added"]]);
  await done(trial, ["changes", "hostile", "--discard"]);
  assert.deepEqual(await rows("hostile"), []);
});

test("applied by root, what is made belongs to the folder's owner, and nothing becomes anybody else's", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("cannot here: only root has folders of others");
  const folder = await makeProject("others");
  const [owner, other] = [23_456, 23_457];
  for (const path of ["", "/src", "/src/deep", "/README", "/src/main.c"]) chownSync(folder + path, owner, owner);
  chownSync(`${folder}/old.txt`, other, other);
  await write(
    "others",
    "echo more >> README; (rm -f old.txt; echo mine > old.txt; chmod 777 old.txt) 2>/dev/null; mkdir new; echo x > new/x; ln -s x new/l",
  );
  await done(trial, ["changes", "others", "--apply"]);
  for (const path of ["README", "new", "new/x", "new/l", "src/main.c"])
    assert.equal(lstatSync(`${folder}/${path}`).uid, owner, path);
  assert.equal(readFileSync(`${folder}/README`, "utf8"), "README\nmore\n");
  // What belongs to a third one is neither the app's nor the folder's owner's to change.
  assert.equal(lstatSync(`${folder}/old.txt`).uid, other);
  assert.equal(readFileSync(`${folder}/old.txt`, "utf8"), "old.txt\n");
});

test("a copy belongs to its folder: another one is refused while changes wait", async () => {
  const folder = await makeProject("first");
  mkdirSync(`${trial.files}/second`);
  chmodSync(`${trial.files}/second`, 0o755);
  await write("first", "echo app > new");
  const refused = await bashInside(trial, "ls", ["--folder", `${trial.files}/second=copy`], "first");
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /changes of a copy of .*first still wait there/);
  await done(trial, ["changes", "first", "--discard"]);
  const now = await bashInside(trial, "ls -A", ["--folder", `${trial.files}/second=copy`], "first");
  assert.deepEqual([now.code, now.stdout], [0, ""]);
  assert.ok(!existsSync(`${folder}/new`));
});

test("a change that would run by itself when its owner logs in is pointed at", async () => {
  await makeProject("login");
  const home = { HOME: `${trial.files}/login` };
  // The agent knows the home of whom it was started by.
  await trial.client.shutdown();
  const words = ["run", "-q", "--folder", `${home.HOME}=copy`, "login", "--", "-c", "echo x > .bashrc; echo x > plain"];
  await done(trial, words, { environment: home });
  const list = await done(trial, ["changes", "login"], { environment: home });
  assert.match(list.stderr, /login\/\.bashrc runs when you log in/);
  assert.doesNotMatch(list.stderr, /plain runs/);
  await trial.client.shutdown();
});

test("what goes with a passing instance is said", async () => {
  const folder = await makeProject("passing");
  const ended = await bashInside(trial, "echo x > new; rm old.txt", ["--rm", "--folder", `${folder}=copy`], "passing");
  assert.match(ended.stderr, /2 files written or removed in the copy of .*passing went with it/);
  const none = await bashInside(trial, "true", ["--rm", "--folder", `${folder}=copy`], "passing");
  assert.equal(none.stderr, "");
});

test("a copy stays when its instance is undeployed, and goes with its data", async () => {
  const folder = await makeProject("leaving");
  await write("leaving", "echo x > new");
  const described = await done(trial, ["describe", "leaving", "--effective"]);
  assert.match(described.stdout, /^copy project of .*leaving: 1 file waits, .* \(skerry changes leaving project\)$/m);
  const kept = await done(trial, ["undeploy", "leaving"]);
  assert.match(kept.stdout, /^kept .*\/copies\/leaving\/project$/m);
  await done(trial, ["changes", "leaving", "--apply"]);
  assert.equal(readFileSync(`${folder}/new`, "utf8"), "x\n");
  await done(trial, ["deploy", "dev-shell", "--as", "leaving"]);
  await done(trial, ["undeploy", "leaving", "--with-data"]);
  assert.ok(!existsSync(`${trial.home}/data/copies/leaving`));
});

test("an unknown instance, request or path is refused by name", async () => {
  await makeProject("known");
  await write("known", "echo x > new");
  for (const [words, why] of [
    [["changes", "nobody"], /no deployment named "nobody"/],
    [["changes", "known", "projekt"], /has no copy named "projekt"\n {2}it has project/],
    [["changes", "known", "project", "../new", "--apply"], /\.\.\/new: expected a path below the folder/],
    [["changes", "known", "project", "other", "--apply"], /other has not changed/],
  ] as const) {
    const ended = await trial.skerry(words);
    assert.notEqual(ended.code, 0, words.join(" "));
    assert.match(ended.stderr, why);
  }
  assert.equal((await trial.skerry(["changes", "known", "--apply", "--discard"])).code, 64);
  assert.deepEqual(await json(trial, ["changes", "known", "--quiet"]).then((value) => typeof value), "object");
});
