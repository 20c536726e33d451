/** Folders, files and volumes: what each answer opens, and that it opens nothing else. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { after, before, test } from "node:test";
import { AgentClient } from "../../src/agent/client.ts";
import { placesFrom } from "../../src/model/index.ts";
import { bashInside, DEADLINE_MS, projectIn } from "./doors.fixture.ts";
import { endOf, environmentFor, makeTrial, ROOT, type Trial } from "./trial.fixture.ts";

/** An own recipe of the same packages, and so of the same image, in the place of the one that comes with Skerry. */
const RECIPE = (more: string) => `skerry: recipe/1
summary: A shell to try doors with
packages: [bash, git, python3, build-essential, ca-certificates, less]
programs:
  shell: /bin/bash
${more}`;

let trial: Trial;

before(() => {
  trial = makeTrial();
});

after(async () => {
  await trial?.close();
});

const makeProject = (name: string) => projectIn(trial, name);

function withRecipe(more: string): Trial {
  const own = makeTrial();
  mkdirSync(`${own.home}/config/recipes`, { recursive: true });
  writeFileSync(`${own.home}/config/recipes/dev-shell.yaml`, RECIPE(more));
  return own;
}

function writeDeployment(own: Trial, answers: string): void {
  mkdirSync(`${own.home}/config/deployments`, { recursive: true });
  writeFileSync(
    `${own.home}/config/deployments/dev-shell.yaml`,
    `skerry: deployment/1\nrecipe: dev-shell\nanswers:\n${answers}`,
  );
}

test("a folder that is denied for one start is not there", async () => {
  makeProject("denied");
  const ended = await bashInside(trial, "ls /work", ["--folder", `${trial.files}/denied=deny`]);
  assert.notEqual(ended.code, 0);
  assert.match(ended.stderr, /No such file/);
});

test("an empty folder is there, has nothing, and takes nothing", async () => {
  makeProject("emptied");
  const ended = await bashInside(trial, "ls -A /work; touch /work/new", ["--folder", `${trial.files}/emptied=empty`]);
  assert.equal(ended.stdout, "");
  assert.match(ended.stderr, /Read-only file system/);
});

test("a subset of a folder is read-only", async () => {
  const folder = makeProject("subset");
  const line =
    "cat /work/one.txt /work/sub/three.txt; echo more >> /work/one.txt; rm /work/two.txt; touch /work/sub/new";
  const ended = await bashInside(trial, line, ["--folder", `${folder}=subset`]);
  assert.equal(ended.stdout, "one.txt is here\nsub/three.txt is here\n");
  assert.equal(ended.stderr.match(/Read-only file system/g)?.length, 3, ended.stderr);
  assert.deepEqual(readdirSync(folder).toSorted(), ["one.txt", "sub", "two.txt"]);
});

test("a real folder is read and written, and what is made belongs to the owner", async () => {
  const folder = makeProject("real");
  const line =
    "cat /work/one.txt; echo more >> /work/one.txt; mkdir /work/new; echo made > /work/new/file; rm /work/two.txt";
  const ended = await bashInside(trial, line, ["--folder", `${folder}=real`]);
  assert.deepEqual([ended.code, ended.stderr], [0, ""]);
  assert.equal(readFileSync(`${folder}/one.txt`, "utf8"), "one.txt is here\nmore\n");
  assert.equal(readFileSync(`${folder}/new/file`, "utf8"), "made\n");
  assert.ok(!existsSync(`${folder}/two.txt`));
  assert.equal(statSync(`${folder}/new/file`).uid, process.getuid?.());
});

test("nothing beside a granted folder is reached from it", async () => {
  const folder = makeProject("beside");
  writeFileSync(`${trial.files}/neighbour`, "secret");
  symlinkSync("../neighbour", `${folder}/up`);
  symlinkSync(`${trial.files}/neighbour`, `${folder}/away`);
  const line = "cat /work/up /work/away /work/../neighbour; ls -A /work/.. | grep neighbour";
  const ended = await bashInside(trial, line, ["--folder", `${folder}=real`]);
  assert.equal(ended.stdout, "");
  assert.notEqual(ended.code, 0);
});

test("chosen files are there alone, and read-only", async () => {
  const folder = makeProject("chosen");
  const own = withRecipe(
    "requests:\n  project: { service: folder, why: to try, verbs: [read, write], inside: /work }\n",
  );
  try {
    writeDeployment(own, `  project: { answer: subset, folder: ${folder}, files: [one.txt, sub/three.txt] }\n`);
    const line =
      "find /work -type f | sort; cat /work/one.txt /work/sub/three.txt; echo x >> /work/one.txt; touch /work/new";
    const ended = await bashInside(own, line);
    assert.equal(ended.stdout, "/work/one.txt\n/work/sub/three.txt\none.txt is here\nsub/three.txt is here\n");
    assert.equal(ended.stderr.match(/Read-only file system/g)?.length, 2, ended.stderr);
  } finally {
    await own.close();
  }
});

test("a chosen file that is a link out of the folder is refused, and so is a path that leads up", async () => {
  const folder = makeProject("led-away");
  writeFileSync(`${trial.files}/outside.txt`, "secret");
  symlinkSync(`${trial.files}/outside.txt`, `${folder}/link.txt`);
  symlinkSync(trial.files, `${folder}/folder-link`);
  const own = withRecipe("requests:\n  project: { service: folder, why: to try, inside: /work }\n");
  try {
    for (const file of ["link.txt", "folder-link/outside.txt", "../outside.txt"]) {
      writeDeployment(own, `  project: { answer: subset, folder: ${folder}, files: [${file}] }\n`);
      const ended = await bashInside(own, "cat /work/*; echo started");
      assert.notEqual(ended.code, 0, file);
      assert.ok(!`${ended.stdout}${ended.stderr}`.includes("secret"), file);
      assert.ok(!ended.stdout.includes("started"), file);
    }
  } finally {
    await own.close();
  }
});

test("a request for reading alone is given no more, even with a real answer", async () => {
  const folder = makeProject("verbs");
  const own = withRecipe("requests:\n  project: { service: folder, why: to try, verbs: [read], inside: /work }\n");
  try {
    writeDeployment(own, `  project: { answer: real, folder: ${folder} }\n`);
    const ended = await bashInside(own, "cat /work/one.txt; touch /work/new");
    assert.equal(ended.stdout, "one.txt is here\n");
    assert.match(ended.stderr, /Read-only file system/);
  } finally {
    await own.close();
  }
});

test("an unmet required request stops the start, with its name and the line to write", async () => {
  const own = withRecipe("requests:\n  project: { service: folder, why: to try, need: required, inside: /work }\n");
  try {
    const ended = await own.skerry(["run", "dev-shell", "--", "-c", "echo started"]);
    assert.equal(ended.code, 125);
    assert.ok(!ended.stdout.includes("started"));
    assert.match(ended.stderr, /project/);
    assert.match(ended.stderr, /project: \{ answer: subset, folder: ~\/SOME\/FOLDER \}/);
    writeDeployment(own, `  project: { answer: subset, folder: ${makeProject("met")} }\n`);
    const met = await bashInside(own, "cat /work/one.txt");
    assert.deepEqual([met.code, met.stdout], [0, "one.txt is here\n"]);
  } finally {
    await own.close();
  }
});

test("a sandbox of the program's own may make namespaces, and no other program may", async () => {
  const line =
    "unshare --user --map-root-user --mount --pid --fork sh -c 'mount -t tmpfs none /tmp && mount -t proc proc /proc && echo inner'";
  const shut = await bashInside(trial, line);
  assert.ok(!shut.stdout.includes("inner"));
  const own = withRecipe("own-sandbox: true\n");
  try {
    const open = await bashInside(own, line);
    assert.equal(open.stdout, "inner\n", open.stderr);
  } finally {
    await own.close();
  }
});

test("data, settings and cache stay from one start to the next, memory does not, and each instance has its own", async () => {
  const own = withRecipe(`volumes:
  settings: { class: settings, inside: /home/app/.config }
  data: { class: data, inside: /srv/data }
  cache: { class: cache, inside: /home/app/.cache }
  scratch: { class: temp, inside: /var/lib/scratch }
`);
  try {
    const folders =
      "/home/app/.config /srv/data /home/app/.cache /var/lib/scratch /home/app /tmp /run/user/$(id -u) /dev/shm";
    const mark = await bashInside(own, `for folder in ${folders}; do echo kept > $folder/mark || exit 1; done`);
    assert.deepEqual([mark.code, mark.stderr], [0, ""]);
    const look = `for folder in ${folders}; do [ -e $folder/mark ] && echo $folder; done; true`;
    const again = await bashInside(own, look);
    assert.equal(again.stdout, "/home/app/.config\n/srv/data\n/home/app/.cache\n");
    assert.equal((await own.skerry(["deploy", "dev-shell", "--as", "second"])).code, 0);
    assert.equal((await bashInside(own, look, [], "second")).stdout, "");
  } finally {
    await own.close();
  }
});

test("a file named as an argument is read, and nothing beside it", async () => {
  const folder = makeProject("arguments");
  writeFileSync(`${folder}/-e`, "-e is here\n");
  symlinkSync("one.txt", `${folder}/linked.txt`);
  const rg = async (...words: string[]) =>
    await trial.skerry(["run", "--quiet", "ripgrep", "--", "--no-filename", "here", ...words], { directory: folder });
  assert.equal((await rg("one.txt")).stdout, "one.txt is here\n");
  assert.equal((await rg(`${folder}/sub/three.txt`)).stdout, "sub/three.txt is here\n");
  assert.equal((await rg("linked.txt")).stdout, "one.txt is here\n", "a link is followed, since the owner named it");
  assert.equal((await rg("./-e")).stdout, "-e is here\n");
  // A folder is no file: it is not let in by naming it.
  assert.equal((await rg(folder)).stdout, "");
  const beside = await trial.skerry(
    ["run", "--quiet", "ripgrep", "--", "--files", "--hidden", "one.txt", "/home", "/tmp"],
    {
      directory: folder,
    },
  );
  assert.deepEqual(
    beside.stdout
      .trim()
      .split("\n")
      .filter((line) => line.includes("txt")),
    ["/run/skerry/arguments/2/one.txt"],
  );
});

test("Skerry's own folders are given to nobody, by whatever name", async () => {
  symlinkSync(`${trial.home}/config`, `${trial.files}/innocent`);
  for (const place of [
    `${trial.home}/config`,
    `${trial.home}/data/volumes`,
    `${trial.files}/innocent`,
    `${trial.home}/run`,
  ]) {
    for (const answer of ["subset", "real"]) {
      const ended = await bashInside(trial, "ls -A /work; echo started", ["--folder", `${place}=${answer}`]);
      assert.equal(ended.code, 125, `${place} ${answer}`);
      assert.match(ended.stderr, /Skerry's own/);
    }
  }
  for (const place of ["/", "/proc", "/sys", "/dev", "/run"]) {
    const ended = await bashInside(trial, "echo started", ["--folder", `${place}=subset`]);
    assert.equal(ended.code, 125, place);
  }
});

test("in a granted home Skerry's own folders are empty and stay where they are", async () => {
  writeFileSync(`${trial.home}/plain`, "plain");
  assert.equal((await bashInside(trial, "true")).code, 0);
  assert.ok(readdirSync(`${trial.home}/config`).length > 0);
  const own = ["config", "data", "state", "cache", "run"];
  const line = `cd /work && for folder in ${own.join(" ")}; do
    ls -A $folder; touch $folder/new; rmdir $folder; rm -rf $folder; mv $folder aside-$folder; mkdir $folder; mv /tmp $folder
  done; echo changed > plain`;
  const ended = await bashInside(trial, line, ["--folder", `${trial.home}=real`]);
  assert.equal(ended.stdout, "");
  assert.equal(readFileSync(`${trial.home}/plain`, "utf8"), "changed\n", "the rest is writable");
  const now = readdirSync(trial.home);
  for (const name of own) assert.ok(now.includes(name) && !now.includes(`aside-${name}`), name);
  assert.ok(existsSync(`${trial.home}/config/deployments/dev-shell.yaml`));
  assert.ok(!existsSync(`${trial.home}/config/new`));
});

/** By the places that a user has without SKERRY_HOME: three folders deep in the home. */
test("a parent of Skerry's folders can be neither moved aside nor replaced", async () => {
  const home = `${trial.files}/home`;
  for (const name of ["config", "data", "state", "cache", "run"])
    mkdirSync(`${home}/deep/er/${name}`, { recursive: true });
  for (const path of [home, `${home}/deep`, `${home}/deep/er`]) chmodSync(path, 0o755);
  cpSync(`${trial.home}/data`, `${home}/deep/er/data`, { recursive: true, verbatimSymlinks: true });
  chmodSync(`${home}/deep/er/data`, 0o755);
  const inner = environmentFor(`${home}/deep/er`);
  const skerry = async (words: readonly string[]) =>
    await endOf(
      spawn(`${ROOT}/skerry`, words, { env: inner, cwd: home, stdio: ["ignore", "pipe", "pipe"] }),
      DEADLINE_MS,
    );
  try {
    const line = `cd /work && mv deep aside; mv deep/er deep/aside; mv deep/er/config deep/er/aside; rm -rf deep; touch deep/er/beside; ls -A deep/er/config`;
    const ended = await skerry(["run", "--quiet", "--folder", `${home}=real`, "dev-shell", "--", "-c", line]);
    assert.equal(ended.stdout, "", ended.stderr);
    assert.deepEqual(readdirSync(home), ["deep"]);
    assert.deepEqual(readdirSync(`${home}/deep`), ["er"]);
    assert.ok(existsSync(`${home}/deep/er/beside`), "beside them the folder is writable");
    assert.ok(existsSync(`${home}/deep/er/config/deployments/dev-shell.yaml`));
    await stopAgent(`${home}/deep/er`);
    symlinkSync("deep", `${home}/shallow`);
    const linked = spawn(
      `${ROOT}/skerry`,
      ["run", "--folder", `${home}=real`, "dev-shell", "--", "-c", "echo started"],
      {
        env: { ...inner, SKERRY_HOME: `${home}/shallow/er` },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const refused = await endOf(linked, DEADLINE_MS);
    assert.ok(!refused.stdout.includes("started"), "a link on the way could be replaced");
    assert.match(refused.stderr, /shallow, a link that leads to Skerry's own folders/);
  } finally {
    await stopAgent(`${home}/deep/er`);
  }
});

async function stopAgent(place: string): Promise<void> {
  const places = placesFrom({ SKERRY_HOME: place }, process.getuid?.() ?? -1, ROOT);
  await new AgentClient(places, environmentFor(place)).shutdown();
}

test("a writable grant that reaches start-up files says which", async () => {
  const home = `${trial.files}/owner`;
  mkdirSync(home, { recursive: true });
  chmodSync(home, 0o755);
  const own = makeTrial();
  try {
    const run = async (answer: string) =>
      await own.skerry(["run", "--folder", `${home}=${answer}`, "dev-shell", "--", "-c", "true"], {
        environment: { HOME: home },
      });
    const writable = await run("real");
    assert.equal(writable.code, 0, writable.stderr);
    for (const name of [".bashrc", ".config/autostart", ".config/systemd/user"])
      assert.ok(writable.stderr.includes(name) || writable.stdout.includes(name), name);
    const readable = await run("subset");
    assert.ok(!`${readable.stdout}${readable.stderr}`.includes(".bashrc"));
  } finally {
    await own.close();
  }
});

test("a folder with a mount in it, granted for reading, is read-only in the mount as well", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("cannot here: only root can mount");
  const folder = makeProject("mounted");
  const own = makeTrial();
  try {
    const inside = "cat /work/one.txt; touch /work/new /work/sub/new; ls -A /work/sub";
    const words = ["run", "--quiet", "--folder", `${folder}=subset`, "dev-shell", "--", "-c", inside];
    const child = spawn(
      "unshare",
      ["-m", "--propagation", "private", "sh", "-c", MOUNTED, "sh", `${folder}/sub`, `${ROOT}/skerry`, ...words],
      { env: environmentFor(own.home), cwd: own.files, stdio: ["ignore", "pipe", "pipe"] },
    );
    const ended = await endOf(child, DEADLINE_MS);
    assert.equal(ended.stderr.match(/Read-only file system/g)?.length, 2, ended.stderr);
    // As root what is mounted below does not come along at all.
    assert.ok(!ended.stdout.includes("mounted.txt") || !ended.stdout.includes("\nnew"), ended.stdout);
  } finally {
    await own.close();
  }
});

const MOUNTED = `mount -t tmpfs none "$1" && echo hello > "$1/mounted.txt" && shift && exec "$@"`;
