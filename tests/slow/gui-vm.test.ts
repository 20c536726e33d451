/** A screen for windows of others, in a machine of its own: whose windows are there, under which names, and in a picture. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, listed, until } from "../journeys/life.fixture.ts";
import { partOf } from "../journeys/picture.fixture.ts";
import { lacksForMachines, makeTrial } from "../journeys/trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

mkdirSync(`${trial.home}/config/deployments`, { recursive: true });

function deploy(name: string, recipe: string, more: string): void {
  const text = `skerry: deployment/1\nrecipe: ${recipe}\n${more}`;
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, text);
}

const led = (to: string) => `answers: { display: { answer: subset, through: ${to} } }\n`;

async function startFoot(name: string, colour: string): Promise<void> {
  const words = ["--app-id=the-bank", `--title=of ${name}`, "-o", `colors.background=${colour}`, "/bin/sleep", "600"];
  await done(trial, ["start", "-q", name, "--", ...words], { timeoutMs: LIMIT_MS });
}

/** Titles of the windows, by the compositor's word. */
async function titles(of: string): Promise<readonly string[]> {
  const words = ["exec", of, "--", "swaymsg", "-s", "/tmp/control", "-rt", "get_tree"];
  const { stdout } = await done(trial, words, { timeoutMs: LIMIT_MS });
  return [...stdout.matchAll(/"name": "([^"]*: of [^"]*)"/g)].map(([, title = ""]) => title).toSorted();
}

/** @returns how much of the picture has the colours, once each has its part */
async function showsAll(name: string, colours: readonly (readonly [number, number, number])[]): Promise<void> {
  const file = process.env["SKERRY_KEEP_PICTURE"] ?? `${trial.files}/picture.png`;
  let parts: readonly number[] = [];
  await until(
    () => `${name} shows ${parts.join(" ")}`,
    async () => {
      rmSync(file, { force: true });
      await done(trial, ["screenshot", name, file], { timeoutMs: LIMIT_MS });
      parts = colours.map((colour) => partOf(readFileSync(file), colour));
      return parts.every((part) => part > 0.8 / colours.length);
    },
    LIMIT_MS,
  );
}

test("windows of others are on one screen, each under its instance's name, and go with their app", async () => {
  deploy("gui", "gui-vm", "");
  deploy("green", "foot", led("gui"));
  deploy("blue", "foot", led("gui"));
  await startFoot("green", "00ff00");
  await startFoot("blue", "0000ff");
  await showsAll("gui", [
    [0, 255, 0],
    [0, 0, 255],
  ]);
  assert.deepEqual(await titles("gui"), ["blue: of blue", "green: of green"]);
  await done(trial, ["kill", "blue"]);
  await until("one is left", async () => (await titles("gui")).join() === "green: of green");
  // Windows do not hang on the agent.
  await trial.client.shutdown();
  await showsAll("green", [[0, 255, 0]]);
  // Nor do new ones: the next agent opens the way again.
  const more = ["exec", "green", "--", "foot", "--title=of green, later", "/bin/sleep", "600"];
  const later = trial.begin(more);
  await until("a second window", async () => (await titles("gui")).join() === "green: of green,green: of green, later");
  later.kill();
  assert.match((await done(trial, ["graph"])).stdout, /green: [^]*can hand something to gui/);
  await done(trial, ["kill", "green"]);
  await done(trial, ["kill", "gui"]);
  await until("nothing runs", async () => (await listed(trial)).length === 0);
});

test("whose screen is named has to provide one", async () => {
  deploy("other", "dev-shell", "");
  deploy("astray", "foot", led("other"));
  assert.match((await done(trial, ["plan", "astray"], { code: 1 })).stderr, /other, which provides no display/);
});

test("a screen in a machine shows windows of a container and of another machine", {
  skip: lacksForMachines(),
}, async () => {
  deploy("machine", "gui-vm", "isolation: vm\n");
  deploy("near", "foot", led("machine"));
  deploy("far", "foot", `isolation: vm\n${led("machine")}`);
  await startFoot("near", "00ff00");
  await startFoot("far", "ff0000");
  await showsAll("machine", [
    [0, 255, 0],
    [255, 0, 0],
  ]);
  assert.deepEqual(await titles("machine"), ["far: of far", "near: of near"]);
  assert.ok(!existsSync(`${trial.home}/data/volumes/machine/screen`));
  await done(trial, ["kill", "far"]);
  await until("one is left", async () => (await titles("machine")).join() === "near: of near", LIMIT_MS);
});
