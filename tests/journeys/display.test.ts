/** Displays: what an app is shown of a screen by each answer, seen from inside, and what of it can be seen outside. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { after, test } from "node:test";
import { done, listed, until } from "./life.fixture.ts";
import { type Colour, partOf } from "./picture.fixture.ts";
import { makeTrial } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

mkdirSync(`${trial.home}/config/deployments`, { recursive: true });

const ASKED = "requests: { display: { service: display, why: for a test } }\n";

function deploy(name: string, recipe: string, more: string): void {
  const text = `skerry: deployment/1\nrecipe: ${recipe}\n${more}`;
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, text);
}

/** Whether something can be said to the display, and what there is in the folder that its socket is in. */
const LOOK = `
import os, socket
at = os.environ["XDG_RUNTIME_DIR"]
print(os.environ.get("WAYLAND_DISPLAY", "absent"), sorted(os.listdir(at)), os.listdir("/mnt"))
try:
    with socket.socket(socket.AF_UNIX) as to:
        to.connect(at + "/wayland-0")
        # wl_display.sync for the object 2: whoever speaks Wayland answers with its event done.
        to.sendall(bytes.fromhex("010000000000 0c00 02000000"))
        print("answers", len(to.recv(100)) > 0)
except OSError as error:
    print("refused", error.strerror)
`;

async function look(name: string, environment: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const { stdout } = await done(trial, ["run", "-q", name, "--", "-c", `exec python3 -c '${LOOK}'`], { environment });
  return stdout.trimEnd().split("\n");
}

async function names(): Promise<readonly string[]> {
  return (await listed(trial)).map(({ name }) => name);
}

let pictures = 0;

/** Taken until enough of it has the colour. */
async function shows(name: string, colour: Colour): Promise<void> {
  let seen = 0;
  await until(
    () => `${name} shows ${seen} of ${colour.join(" ")}`,
    async () => {
      const file = `${trial.files}/${++pictures}.png`;
      await done(trial, ["screenshot", name, file]);
      seen = partOf(readFileSync(file), colour);
      rmSync(file);
      return seen > 0.9;
    },
  );
}

const startFoot = async (name: string, colour: string) =>
  await done(trial, ["start", "-q", name, "--", "-o", `colors.background=${colour}`, "/bin/sleep", "600"]);

test("without an answer there is no screen: no socket, and no variable that names one", async () => {
  deploy("none", "dev-shell", ASKED);
  assert.deepEqual(await look("none"), ["absent [] []", "refused No such file or directory"]);
});

test("a virtual screen is one socket to an app, comes and goes with it, and shows its window in pictures", async () => {
  deploy("made-up", "dev-shell", `${ASKED}answers: { display: fake }\n`);
  assert.deepEqual(await look("made-up"), ["wayland-0 ['wayland-0'] []", "answers True"]);
  deploy("green", "foot", "answers: { display: fake }\n");
  deploy("red", "foot", "answers: { display: fake }\n");
  await startFoot("green", "00ff00");
  await startFoot("red", "ff0000");
  await shows("green", [0, 255, 0]);
  // Each on a screen of its own: nothing of the other is there.
  await shows("red", [255, 0, 0]);
  const running = await names();
  assert.equal(running.filter((name) => name.startsWith("virtual-screen-")).length, 2);
  const file = `${trial.files}/kept.png`;
  writeFileSync(file, "mine");
  assert.match((await done(trial, ["screenshot", "green", file], { code: 1 })).stderr, /is there already/);
  assert.equal(readFileSync(file, "utf8"), "mine");
  await done(trial, ["stop", "green"]);
  await until("one screen is left", async () => (await names()).length === 2);
  // An agent that comes later knows whose screen it is.
  await trial.client.shutdown();
  await shows("red", [255, 0, 0]);
  await done(trial, ["kill", "red"]);
  await until("no screen is left", async () => (await names()).length === 0);
  assert.deepEqual(
    readdirSync(`${trial.home}/data/volumes`).filter((name) => name.startsWith("virtual-screen")),
    [],
  );
});

test("the screen of the session is its socket alone, and warns; without one nothing starts", async () => {
  deploy("mine", "dev-shell", `${ASKED}answers: { display: real }\n`);
  const folder = `${trial.files}/session`;
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(`${folder}/beside`, "not granted");
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end("me"));
  });
  await new Promise<void>((resolve) => server.listen(`${folder}/wayland-7`, resolve));
  const environment = { XDG_RUNTIME_DIR: folder, WAYLAND_DISPLAY: "wayland-7" };
  assert.deepEqual(await look("mine", environment), ["wayland-0 ['wayland-0'] []", "answers True"]);
  const words = ["run", "mine", "--", "-c", "true"];
  assert.match((await done(trial, words, { environment })).stderr, /your own screen/);
  // It answers, and not as what could make a socket for an app's own windows.
  deploy("part", "dev-shell", `${ASKED}answers: { display: subset }\n`);
  const whole = await done(trial, ["run", "part", "--", "-c", "true"], { environment, code: 125 });
  assert.match(whole.stderr, /no socket for those alone \(wp_security_context_v1\)/);
  await new Promise((resolve) => server.close(resolve));
  for (const display of ["", "wayland-8", "beside", `${trial.files}/../run/agent.sock`]) {
    const refused = await trial.skerry(words, { environment: { ...environment, WAYLAND_DISPLAY: display } });
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /WAYLAND_DISPLAY names/);
  }
  assert.deepEqual(await names(), []);
});

test("what cannot be given of a screen is refused by name before anything starts", async () => {
  deploy("part", "dev-shell", `${ASKED}answers: { display: copy }\n`);
  const refused = await done(trial, ["plan", "part"], { code: 1 });
  assert.match(refused.stderr, /cannot be copied.*\n.*deny, fake, subset, real/s);
  deploy("twice", "foot", `${ASKED.replace("display:", "other:")}answers: { display: fake, other: fake }\n`);
  assert.match((await done(trial, ["plan", "twice"], { code: 1 })).stderr, /two displays/);
  const shot = await done(trial, ["screenshot", "part", `${trial.files}/none.png`], { code: 1 });
  assert.match(shot.stderr, /part does not run/);
});

test("who is on the screen of the session is wired to all others there, and to nobody on a virtual one", async () => {
  deploy("one", "foot", "answers: { display: real }\n");
  deploy("alone", "foot", "answers: { display: fake }\n");
  const { stdout } = await done(trial, ["graph"]);
  assert.match(stdout, /mine: [^]*can hand something to one, over the screen of the session/);
  assert.doesNotMatch(stdout, /hand something to alone/);
  assert.match((await done(trial, ["explain", "one", "display"])).stdout, /the socket of the session's screen/);
});
