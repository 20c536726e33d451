import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { runProgram } from "../../host/run-program.ts";
import { refusal } from "../../result.ts";
import { EXIT } from "../exit.ts";
import { runWords, testWorld } from "../test-world.ts";

test("facts: all are listed, absent ones too", async () => {
  const world = testWorld();
  assert.equal(await runWords(world, ["facts"]), EXIT.done);
  assert.match(world.printed.out, /^cgroup\.memory +\/sys\/fs\/cgroup\/a$/m);
  assert.match(world.printed.out, /^cgroup\.cpu +none$/m);
  assert.match(world.printed.out, /^kvm +no$/m);
});

test("facts: one is printed alone, and as JSON", async () => {
  const world = testWorld();
  assert.equal(await runWords(world, ["facts", "timeZone"]), EXIT.done);
  assert.equal(await runWords(world, ["facts", "cgroup", "--json"]), EXIT.done);
  assert.ok(world.printed.out.startsWith("Europe/Berlin\n"));
  const json: unknown = JSON.parse(world.printed.out.slice("Europe/Berlin\n".length));
  assert.deepEqual(json, {
    mode: "unified",
    memory: "/sys/fs/cgroup/a",
    tasks: "/sys/fs/cgroup/a",
    cpu: null,
    freeze: "/sys/fs/cgroup/a",
  });
});

test("facts: a name that is none is refused with the nearest", async () => {
  const world = testWorld();
  assert.equal(await runWords(world, ["facts", "cgroup.memry"]), EXIT.usage);
  assert.match(world.printed.err, /did you mean "cgroup\.memory"/);
  assert.equal(await runWords(testWorld(), ["facts", "constructor"]), EXIT.usage);
});

test("facts: a bad file of overrides is the owner's data, not a fault", async () => {
  const world = {
    ...testWorld(),
    facts: async () => refusal({ kind: "bad-facts-file", text: "/nowhere/config/facts.yaml:2:1: bad" }),
  };
  assert.equal(await runWords(world, ["facts"]), EXIT.data);
  assert.match(world.printed.err, /\/nowhere\/config\/facts\.yaml:2:1: bad/);
});

test("doctor: 69 and the command that mends it, when apps cannot run", async () => {
  const world = testWorld({ facts: { userNamespaces: { works: false, because: "sysctl" } } });
  assert.equal(await runWords(world, ["doctor"]), EXIT.unavailable);
  assert.match(world.printed.out, /^missing {2}user namespaces .*\n +echo 'kernel\.unprivileged_userns_clone = 1'/m);
  assert.match(world.printed.out, /cannot run here/);
});

test("doctor: programs get the same as JSON", async () => {
  const world = testWorld({ facts: { seccomp: false } });
  assert.equal(await runWords(world, ["doctor", "--json"]), EXIT.unavailable);
  const { canRun, checks } = JSON.parse(world.printed.out);
  assert.equal(canRun, false);
  assert.equal(checks.find((check: { name: string }) => check.name === "system call filter").state, "missing");
});

const WITHOUT_BWRAP = { programs: { sudo: { path: "/usr/bin/sudo", version: undefined } } };

test("setup: without a terminal it names --yes and does nothing", async () => {
  const world = testWorld({ facts: WITHOUT_BWRAP });
  assert.equal(await runWords(world, ["setup"]), EXIT.refused);
  assert.match(world.printed.err, /bubblewrap +to put the wall around an app/);
  assert.match(world.printed.err, /setup --yes/);
  assert.deepEqual(world.ran, []);
});

test("setup: a no is a no", async () => {
  const world = testWorld({ facts: WITHOUT_BWRAP, terminal: { input: true, error: true }, answer: "" });
  assert.equal(await runWords(world, ["setup"]), EXIT.refused);
  assert.deepEqual(world.ran, []);
});

test("setup: after a yes it installs through sudo, and gives ids", async () => {
  const world = testWorld({
    facts: { ...WITHOUT_BWRAP, user: "nobody-has-this", uid: 4_000_000 },
    terminal: { input: true, error: true },
    answer: "yes",
  });
  assert.equal(await runWords(world, ["setup"]), EXIT.done);
  assert.deepEqual(world.ran[0]?.slice(0, 3), ["/usr/bin/sudo", "apt-get", "install"]);
  assert.equal(world.ran[1]?.[1], "usermod");
});

test("setup: without root and sudo it prints the lines to run", async () => {
  const world = testWorld({ facts: { programs: {} } });
  assert.equal(await runWords(world, ["setup", "--yes"]), EXIT.noPermission);
  assert.match(world.printed.err, /Run as root:\n {2}apt-get install --yes --no-install-recommends bubblewrap/);
  assert.deepEqual(world.ran, []);
});

test("setup: old package lists are refreshed once, and a second failure is told", async () => {
  const failed = { ok: true, value: { code: 100, signal: undefined, stdout: "", stderr: "" } } as const;
  const world = testWorld({
    facts: WITHOUT_BWRAP,
    run: async (argv) => (argv.includes("update") ? { ...failed, value: { ...failed.value, code: 0 } } : failed),
  });
  assert.equal(await runWords(world, ["setup", "--yes"]), EXIT.temporary);
  assert.deepEqual(
    world.ran.map((argv) => argv[2]),
    ["install", "update", "install"],
  );
});

async function withHome(check: (home: string) => Promise<void>): Promise<void> {
  const home = await mkdtemp(`${tmpdir()}/skerry-cli-test-`);
  try {
    for (const folder of [
      "config/deployments",
      "data/store",
      "data/volumes/mail",
      "data/copies/mail",
      "state/audit",
      "cache",
      "program/.node",
    ]) {
      await mkdir(`${home}/${folder}`, { recursive: true });
    }
    await writeFile(`${home}/config/deployments/mail.yaml`, "recipe: mail\n");
    await check(home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

test("uninstall: the owner's files stay unless a second word is said", async () => {
  await withHome(async (home) => {
    const world = testWorld({ home, run: runProgram });
    assert.equal(await runWords(world, ["uninstall", "--yes"]), EXIT.done);
    assert.deepEqual((await readdir(home)).toSorted(), ["config", "data", "program"]);
    assert.deepEqual((await readdir(`${home}/data`)).toSorted(), ["copies", "volumes"]);
    assert.deepEqual(await readdir(`${home}/config`), ["deployments"]);
    assert.deepEqual(await readdir(`${home}/program`), []);
    assert.match(world.printed.err, /would keep[^]*data\/volumes/);
    assert.equal(await runWords(world, ["uninstall", "--yes", "--with-data"]), EXIT.done);
    assert.deepEqual(await readdir(home), ["program"]);
  });
});

test("uninstall: without a terminal and --yes nothing goes", async () => {
  await withHome(async (home) => {
    const world = testWorld({ home });
    assert.equal(await runWords(world, ["uninstall"]), EXIT.refused);
    assert.ok(world.ran.every(([program]) => program === "unshare" || program === "du"));
    assert.equal((await readdir(home)).length, 5);
  });
});

test("uninstall: a SKERRY_HOME that is the owner's home is refused", async () => {
  for (const SKERRY_HOME of ["/", "/home/ada", "relative"]) {
    const world = testWorld({ environment: { SKERRY_HOME, HOME: "/home/ada" } });
    assert.equal(await runWords(world, ["uninstall", "--yes", "--with-data"]), EXIT.refused);
    assert.deepEqual(world.ran, []);
  }
});

test("completions: the script of each shell is one that the shell can read", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "skerry-completions-"));
  context.after(async () => await rm(folder, { recursive: true }));
  for (const shell of ["bash", "zsh", "fish"]) {
    const world = testWorld();
    assert.equal(await runWords(world, ["completions", shell]), EXIT.done);
    assert.match(world.printed.out, /__complete/);
    const file = join(folder, shell);
    await writeFile(file, world.printed.out);
    const checked = await runProgram([shell, "-n", file]);
    // A shell that is not installed cannot be asked.
    if (checked.ok) assert.deepEqual([checked.value.code, checked.value.stderr], [0, ""], shell);
  }
  assert.equal(await runWords(testWorld(), ["completions", "tcsh"]), EXIT.usage);
});

test("completions: bash completes a command through the script", async () => {
  const world = testWorld();
  await runWords(world, ["completions", "bash"]);
  const script = `skerry() { [ "$1 $2 $3" = "__complete facts --j" ] && printf -- '--json\\tPrint JSON\\n'; }
${world.printed.out}
COMP_WORDS=(skerry facts --j) COMP_CWORD=2; _skerry; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const end = await runProgram(["bash", "-s"], { input: script });
  assert.equal(end.ok && end.value.stdout, "--json\n");
});
