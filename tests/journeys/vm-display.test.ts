/** Displays of apps in virtual machines: the same answers, and a window that comes from a machine, seen in a picture. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, listed, until } from "./life.fixture.ts";
import { partOf } from "./picture.fixture.ts";
import { lacksForMachines, makeTrial } from "./trial.fixture.ts";

const skip = lacksForMachines();
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

mkdirSync(`${trial.home}/config/deployments`, { recursive: true });

function deploy(name: string, answer: string): void {
  const text = `skerry: deployment/1\nrecipe: foot\nisolation: vm\nanswers: { display: ${answer} }\n`;
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, text);
}

const LOOK =
  'echo "${WAYLAND_DISPLAY-absent}" $(ls -A "$XDG_RUNTIME_DIR") $(ls -A /mnt) $(ls /sys/class/net /dev | grep -c vport)';

test("a window of an app in a machine is on the screen of this start, and the app sees one socket", {
  skip,
}, async () => {
  deploy("red", "fake");
  const script = `(${LOOK}) >~/.config/seen; exec sleep 600`;
  const words = ["start", "-q", "red", "--", "-o", "colors.background=ff0000", "/bin/sh", "-c", script];
  await done(trial, words, { timeoutMs: LIMIT_MS });
  let seen = 0;
  await until(
    () => `${seen} of the picture is red`,
    async () => {
      const file = `${trial.files}/picture.png`;
      await done(trial, ["screenshot", "red", file]);
      seen = partOf(readFileSync(file), [255, 0, 0]);
      rmSync(file);
      return seen > 0.9;
    },
    LIMIT_MS,
  );
  // Its window may be red before its shell has looked at all.
  const file = `${trial.home}/data/volumes/red/settings/seen`;
  const said = () => (existsSync(file) ? readFileSync(file, "utf8") : "");
  await until("what it has seen", () => said().endsWith("\n"), LIMIT_MS);
  assert.equal(said(), "wayland-0 wayland-0 0\n");
  assert.equal((await listed(trial)).length, 2);
  await done(trial, ["kill", "red"]);
  await until("its screen has ended with it", async () => (await listed(trial)).length === 0);
});

test("without an answer there is no screen in a machine, and none of the session where there is no session", {
  skip,
}, async () => {
  deploy("none", "deny");
  const text = readFileSync(`${import.meta.dirname}/../../recipes/foot.yaml`, "utf8");
  mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
  writeFileSync(`${trial.home}/config/recipes/foot.yaml`, text.replace("foot: /usr/bin/foot", "sh: /bin/sh"));
  const { stdout } = await done(trial, ["run", "-q", "none", "--", "-c", LOOK], { timeoutMs: LIMIT_MS });
  assert.equal(stdout, "absent 0\n");
  deploy("mine", "real");
  assert.match((await done(trial, ["run", "mine"], { code: 125 })).stderr, /WAYLAND_DISPLAY names no socket/);
});

test("a machine that says nonsense of its windows harms no screen, and both end when it does", { skip }, async () => {
  const text = readFileSync(`${import.meta.dirname}/../../recipes/far-screen.yaml`, "utf8");
  const hostile = "socat UNIX-LISTEN:/mnt/screen/wayland-0 EXEC:cat & exec cat /dev/urandom >/run/screen";
  const [head = "", tail = ""] = text.split(/^ {2}way:\n[^]*?^ {4}arguments: none\n/m);
  const way = `  way: { command: [/bin/sh, -c, ${JSON.stringify(hostile)}], arguments: none }\n`;
  writeFileSync(`${trial.home}/config/recipes/far-screen.yaml`, `${head}${way}${tail}`);
  deploy("nonsense", "fake");
  await done(trial, ["start", "-q", "nonsense", "--", "-c", "echo up >~/.config/up; exec sleep 600"], {
    timeoutMs: LIMIT_MS,
  });
  await until("the machine is up", () => existsSync(`${trial.home}/data/volumes/nonsense/settings/up`), LIMIT_MS);
  const file = `${trial.files}/nonsense.png`;
  await done(trial, ["screenshot", "nonsense", file]);
  assert.equal(partOf(readFileSync(file), [255, 0, 0]), 0);
  assert.equal((await listed(trial)).length, 2);
  await done(trial, ["kill", "nonsense"]);
  await until("nothing runs", async () => (await listed(trial)).length === 0);
});
