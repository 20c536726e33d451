/** Systems that are installed from an ISO: onto an empty disk, from which the same deployment starts ever after. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { installingIso } from "./install-iso.fixture.ts";
import { done, until } from "./life.fixture.ts";
import { AS_IT_WAS } from "./own-system.fixture.ts";
import { lacksForMachines, makeTrial } from "./trial.fixture.ts";

const skip = lacksForMachines();
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const timeoutMs = 240_000;

for (const folder of ["deployments", "recipes"]) mkdirSync(`${trial.home}/config/${folder}`, { recursive: true });
const RECIPE = "skerry: recipe/1\nsummary: An old system\nimage: disk\nmachine: { firmware: bios }\n";
writeFileSync(`${trial.home}/config/recipes/old-system.yaml`, RECIPE);

function deploy(name: string, install: string, recipe = "old-system"): void {
  writeFileSync(
    `${trial.home}/config/deployments/${name}.yaml`,
    `skerry: deployment/1\nrecipe: ${recipe}\nisolation: vm\nlimits: { memory: 256 MiB }\ndisks:\n  new: { answer: empty, size: 1 MiB }\n  install: ${install}\n`,
  );
}

/** Runs it until it is up, and presses its button. @returns what was on its console */
async function runAndEnd(name: string): Promise<string> {
  const child = trial.begin(["run", "-q", name]);
  let said = "";
  child.stdout?.on("data", (piece) => (said += String(piece)));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  await until("it is up", () => /^up$/m.test(said) || child.exitCode !== null, timeoutMs);
  await done(trial, ["stop", name], { timeoutMs });
  assert.equal(await ended, 0, said);
  return said;
}

test("an ISO installs onto an empty disk, and then the disk is started, whether the ISO is named or not", {
  skip,
}, async () => {
  const iso = `${trial.files}/installer.iso`;
  const bytes = installingIso(trial.files, "ends");
  writeFileSync(iso, bytes);
  deploy("new", `{ answer: subset, file: ${iso} }`);
  const first = await done(trial, ["run", "-q", "new"], { timeoutMs });
  assert.match(first.stdout, /installer$/m);
  assert.match(first.stdout, /^installed$/m);
  const second = await runAndEnd("new");
  assert.doesNotMatch(second, /install/);
  assert.match(second, new RegExp(`own system\n${AS_IT_WAS}$`, "m"));
  assert.deepEqual(readFileSync(iso), bytes);
  // Taken out, and not even there.
  deploy("new", "{ answer: deny }");
  rmSync(iso);
  assert.match(await runAndEnd("new"), /own system\nchanged inside$/m);
});

test("an installer that starts the machine anew goes on from the disk, in the same run", { skip }, async () => {
  const iso = `${trial.files}/anew.iso`;
  // Of its owner alone.
  writeFileSync(iso, installingIso(trial.files, "reboots"), { mode: 0o600 });
  deploy("anew", `{ answer: subset, file: ${iso} }`);
  assert.match(await runAndEnd("anew"), new RegExp(`^installed$[^]*own system\n${AS_IT_WAS}$`, "m"));
});

async function refused(install: string, recipe = "old-system"): Promise<string> {
  deploy("refused", install, recipe);
  const { code, stderr } = await trial.skerry(["run", "refused"]);
  assert.notEqual(code, 0);
  return stderr;
}

test("an ISO that cannot install is refused by name before a machine stands still with it", { skip }, async () => {
  const iso = `${trial.files}/refused.iso`;
  const word = `{ answer: subset, file: ${iso} }`;
  const whole = installingIso(trial.files, "ends");
  assert.match(await refused(word), /the disk "install" of refused: there is no .*refused\.iso/);
  writeFileSync(iso, whole);
  truncateSync(iso, whole.length - 1);
  assert.match(await refused(word), /the end of .* is missing: it should have \d+ bytes at least/);
  writeFileSync(iso, Buffer.alloc(whole.length));
  assert.match(await refused(word), /no disk image that can be used: it has no file system of a CD/);
  const plain = Buffer.from(whole);
  plain.fill(0, 17 * 2048, 18 * 2048);
  writeFileSync(iso, plain);
  const idle = await refused(word);
  assert.match(idle, /no disk of refused can start a machine: "new" is new.*; "install" is a CD from which no machine/);
  assert.match(idle, /name the ISO of an installer/);
  assert.match(await refused("{ answer: deny }"), /"new" is new, and nothing was written to it yet\n/);
  writeFileSync(iso, whole);
  assert.match(
    await refused(word, "own-system"),
    /a CD for BIOS alone, and the recipe's machine has UEFI\n.*firmware: bios/,
  );
  chmodSync(iso, 0o666);
  assert.match(await refused(word), /everybody on this host may write .*refused\.iso, and so decides/);
  const shared = `${trial.files}/shared`;
  mkdirSync(shared);
  writeFileSync(`${shared}/refused.iso`, whole);
  chmodSync(shared, 0o777);
  assert.match(
    await refused(`{ answer: subset, file: ${shared}/refused.iso }`),
    /may write .*shared, in which .*refused\.iso lies/,
  );
  // Where nobody replaces what is another's, as in /tmp, it is not refused for that.
  chmodSync(shared, 0o1777);
  const { code, stdout } = await trial.skerry(["plan", "refused"]);
  assert.equal(code, 0);
  assert.match(stdout, /shared refused\.iso/);
});
