/** Copies of folders: the app has the whole folder and may change all of it, and the folder never changes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { AgentClient } from "../../src/agent/client.ts";
import { placesFrom } from "../../src/model/index.ts";
import { bashInside, DEADLINE_MS, projectIn, until } from "./doors.fixture.ts";
import { endOf, makeTrial, ROOT, type Trial } from "./trial.fixture.ts";

let trial: Trial;

before(() => {
  trial = makeTrial();
});

after(async () => {
  await trial?.close();
});

const makeProject = (name: string) => projectIn(trial, name);

/** Every path below the folder with its content and mode: equal before and after. */
async function stateOf(folder: string): Promise<string> {
  const look = ["find", folder, "-printf", "%P %y %m %U %s %T@ %l\n", "-type", "f", "-exec", "sha256sum", "{}", ";"];
  return (await endOf(spawn("/usr/bin/env", look), DEADLINE_MS)).stdout;
}

test("a copy is read and written, stays from one start to the next, and the folder itself never changes", async () => {
  const folder = makeProject("plain, with: signs");
  const before = await stateOf(folder);
  const line =
    "cat one.txt; echo more >> one.txt; rm two.txt; mv sub/three.txt .; rm -r sub; mkdir -p new/sub; echo x > new/sub/x; chmod 600 one.txt";
  const first = await bashInside(trial, line, ["--folder", `${folder}=copy`]);
  assert.deepEqual([first.code, first.stdout, first.stderr], [0, "one.txt is here\n", ""]);
  assert.equal(await stateOf(folder), before);
  const again = await bashInside(trial, "find . -type f | sort; cat one.txt", ["--folder", `${folder}=copy`]);
  assert.equal(again.stdout, "./new/sub/x\n./one.txt\n./three.txt\none.txt is here\nmore\n");
  assert.equal(await stateOf(folder), before);
});

test("without the answer the folder is absent", async () => {
  makeProject("absent");
  const ended = await bashInside(trial, "ls /work", ["--folder", `${trial.files}/absent=deny`]);
  assert.match(ended.stderr, /No such file/);
});

test("a copy of a passing instance is gone with it, and leaves nothing behind", async () => {
  const folder = makeProject("passing");
  const before = await stateOf(folder);
  const line = "echo more >> one.txt; mkdir shut; touch shut/x; chmod 000 shut; rm two.txt";
  const ended = await bashInside(trial, line, ["--rm", "--folder", `${folder}=copy`]);
  assert.equal(ended.code, 0, ended.stderr);
  await until("its copy is gone", async () => {
    await trial.client.call("ListCompartments", {});
    const left = existsSync(`${trial.home}/data/copies`) ? readdirSync(`${trial.home}/data/copies`) : [];
    return left.every((name) => name === "dev-shell") ? true : undefined;
  });
  assert.equal(await stateOf(folder), before);
});

test("nothing beside a copied folder is reached from it, and what is written is kept nowhere else in sight", async () => {
  const folder = makeProject("beside");
  writeFileSync(`${trial.files}/neighbour`, "secret");
  symlinkSync("../neighbour", `${folder}/up`);
  symlinkSync(`${trial.files}/neighbour`, `${folder}/away`);
  const line = `cat up away ../neighbour; echo mine-alone > mine; find / -xdev -name mine 2>/dev/null
    grep -r -l mine-alone /home /tmp /run /mnt /srv /var 2>/dev/null; grep -F '${trial.home}' /proc/self/mountinfo | grep ' /work '`;
  const ended = await bashInside(trial, line, ["--rm", "--folder", `${folder}=copy`]);
  assert.equal(ended.stdout, "");
  assert.ok(!existsSync(`${folder}/mine`));
});

test("a socket and a pipe in a copied folder lead nowhere, and no device can be made there", async () => {
  const folder = makeProject("ends");
  const server = createServer((socket) => socket.end("the host answers"));
  await new Promise<void>((resolve) => server.listen(`${folder}/socket`, resolve));
  chmodSync(`${folder}/socket`, 0o777);
  try {
    const look = [
      "import os, socket",
      "client = socket.socket(socket.AF_UNIX)",
      "try: client.connect('socket'); print(client.recv(100))",
      "except OSError as error: print(error.strerror)",
      "try: os.mknod('null', 0o20666, os.makedev(1, 3)); print('made')",
      "except OSError as error: print(error.strerror)",
    ];
    const ended = await bashInside(trial, `python3 -c "${look.join("\n")}"`, ["--rm", "--folder", `${folder}=copy`]);
    assert.equal(ended.stdout, "Connection refused\nOperation not permitted\n", ended.stderr);
  } finally {
    server.close();
  }
});

test("in a copied folder Skerry's own is empty and stays where it is", async (context) => {
  // With one home for all of Skerry's folders, the one in which copies are kept would be among them.
  if (process.getuid?.() === 0) return context.skip("cannot here: root's folders of Skerry are fixed places in /etc");
  const holder = `${trial.files}/holder`;
  const own = `${holder}/deep/er/skerry`;
  mkdirSync(`${own}/deployments`, { recursive: true });
  writeFileSync(`${own}/deployments/other.yaml`, "secret");
  const environment = {
    SKERRY_HOME: "",
    XDG_CONFIG_HOME: `${holder}/deep/er`,
    XDG_DATA_HOME: `${trial.files}/data`,
    XDG_STATE_HOME: `${trial.files}/state`,
    XDG_CACHE_HOME: `${trial.files}/cache`,
    XDG_RUNTIME_DIR: `${trial.files}/run`,
  };
  mkdirSync(`${trial.files}/data`);
  mkdirSync(`${trial.files}/run`, { mode: 0o700 });
  // Beside each copy lies a folder of overlayfs that is shut to everybody.
  const filter = (path: string) => !path.endsWith("/data/copies");
  cpSync(`${trial.home}/data`, `${trial.files}/data/skerry`, { recursive: true, verbatimSymlinks: true, filter });
  const line =
    "ls -A deep/er/skerry; mv deep aside; mv deep/er aside; rm -rf deep; cat aside/er/skerry/deployments/other.yaml aside/skerry/deployments/other.yaml; touch deep/er/beside; ls deep/er";
  try {
    const words = ["run", "--quiet", "--folder", `${holder}=copy`, "dev-shell", "--", "-c", line];
    const ended = await trial.skerry(words, { environment });
    assert.equal(ended.stdout, "beside\nskerry\n", ended.stderr);
    assert.ok(existsSync(`${own}/deployments/other.yaml`));
  } finally {
    const { PATH = "/usr/bin:/bin", HOME = "/" } = process.env;
    const all = { PATH, HOME, ...environment };
    await new AgentClient(placesFrom(all, process.getuid?.() ?? -1, ROOT), all).shutdown();
  }
});

test("a copy is refused for a folder in which copies are kept, and for what is Skerry's or the kernel's", async () => {
  for (const [place, why] of [
    [trial.home, /where what is written to copies is kept/],
    [`${trial.home}/config`, /Skerry's own/],
    ["/proc", /host itself is within reach/],
    ["/run", /host itself is within reach|another file system/],
  ] as const) {
    const ended = await bashInside(trial, "echo started", ["--folder", `${place}=copy`]);
    assert.equal(ended.code, 125, place);
    assert.match(ended.stderr, why);
    assert.ok(!ended.stdout.includes("started"));
  }
});
