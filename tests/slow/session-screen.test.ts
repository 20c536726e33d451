/** The screen of a session, which is a compositor without devices here: what an app has of it by each answer and each wall. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { done, listed, until } from "../journeys/life.fixture.ts";
import { lacksForMachines, makeTrial } from "../journeys/trial.fixture.ts";

const skip = lacksForMachines();
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

const SESSION = `${trial.files}/session`;
const environment = { XDG_RUNTIME_DIR: SESSION, WAYLAND_DISPLAY: "wayland-1" };

/** What takes pictures of others, types for them, or reads what they have copied. */
const PRIVILEGED = [
  ...["zwlr_screencopy_manager_v1", "zwlr_export_dmabuf_manager_v1", "zwlr_data_control_manager_v1"],
  ...["zwp_virtual_keyboard_manager_v1", "zwlr_virtual_pointer_manager_v1", "zwp_input_method_manager_v2"],
  ...["zwlr_layer_shell_v1", "ext_session_lock_manager_v1", "zwlr_foreign_toplevel_manager_v1"],
  ...["ext_foreign_toplevel_list_v1", "zwlr_output_manager_v1", "wp_security_context_manager_v1"],
];

/** Under which names sockets were asked for, in the compositor's own words; sway 1.10 says it in no other way. */
async function labels(): Promise<readonly string[]> {
  const { stdout } = await done(trial, ["logs", "session"]);
  return [...stdout.matchAll(/wp_security_context_v1#\d+\.set_app_id\("(.*)"\)/g)].map(([, name = ""]) => name);
}

/** Prints the names of the interfaces that the display offers. */
const GLOBALS = `
import os, socket, struct
to = socket.socket(socket.AF_UNIX)
to.connect(os.environ["XDG_RUNTIME_DIR"] + "/" + os.environ["WAYLAND_DISPLAY"])
to.sendall(struct.pack("=IHHI", 1, 1, 12, 2) + struct.pack("=IHHI", 1, 0, 12, 3))
said, names, more = b"", [], True
while more:
    piece = to.recv(65536)
    assert piece, "hung up"
    said += piece
    while len(said) >= 8 and len(said) >= struct.unpack("=IHH", said[:8])[2]:
        object, opcode, length = struct.unpack("=IHH", said[:8])
        if object == 2: names.append(said[16:16 + struct.unpack("=I", said[12:16])[0] - 1].decode())
        if object == 3: more = False
        said = said[length:]
print(" ".join(names))
`;

/** Makes a window that is never shown, with a title of so many letters. Where it is answered nothing more, it ends. */
const TITLED = (letters: number) => `
import os, socket, struct, time
to = socket.socket(socket.AF_UNIX)
to.connect(os.environ["XDG_RUNTIME_DIR"] + "/" + os.environ["WAYLAND_DISPLAY"])
to.settimeout(5)
def say(object, opcode, body): to.sendall(struct.pack("=IHH", object, opcode, 8 + len(body)) + body)
def text(of):
    of = of.encode() + bytes(1)
    return struct.pack("=I", len(of)) + of + bytes(-len(of) % 4)
def until(wanted):
    global said
    while True:
        while len(said) >= 8 and len(said) >= struct.unpack("=IHH", said[:8])[2]:
            object, opcode, length = struct.unpack("=IHH", said[:8])
            body, said = said[8:length], said[length:]
            if object == 2: found[body[8:8 + struct.unpack("=I", body[4:8])[0] - 1].decode()] = struct.unpack("=I", body[:4])[0]
            if object == wanted: return
        try: piece = to.recv(65536)
        except TimeoutError: return
        if not piece: return
        said += piece
said, found = b"", {}
say(1, 1, struct.pack("=I", 2))
say(1, 0, struct.pack("=I", 3))
until(3)
say(2, 0, struct.pack("=I", found["wl_compositor"]) + text("wl_compositor") + struct.pack("=II", 1, 4))
say(2, 0, struct.pack("=I", found["xdg_wm_base"]) + text("xdg_wm_base") + struct.pack("=II", 1, 5))
say(4, 0, struct.pack("=I", 6))
say(5, 2, struct.pack("=II", 7, 6))
say(7, 1, struct.pack("=I", 8))
say(8, 2, text("y" * ${letters}))
say(1, 0, struct.pack("=I", 9))
until(9)
`;

function deploy(name: string, recipe: string, more: string): void {
  const text = `skerry: deployment/1\nrecipe: ${recipe}\n${more}`;
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, text);
}

interface Shown {
  readonly name?: string;
  readonly app_id?: string;
  readonly nodes?: readonly Shown[];
}

/** What the session's compositor says of its windows. */
async function windows(): Promise<readonly Shown[]> {
  const { stdout } = await done(trial, ["exec", "session", "--", "swaymsg", "-s", "/tmp/control", "-rt", "get_tree"]);
  const all = (one: Shown): readonly Shown[] => [one, ...(one.nodes ?? []).flatMap(all)];
  const tree: Shown = JSON.parse(stdout);
  return all(tree).filter(({ app_id }) => typeof app_id === "string");
}

async function windowOf(appId: string): Promise<Shown> {
  let found: Shown | undefined;
  await until(
    `a window of ${appId}`,
    async () => (found = (await windows()).find((one) => one.app_id === appId)) !== undefined,
    LIMIT_MS,
  );
  return found ?? assert.fail();
}

before(async () => {
  for (const folder of ["deployments", "recipes"]) mkdirSync(`${trial.home}/config/${folder}`, { recursive: true });
  mkdirSync(SESSION, { mode: 0o700 });
  const text = readFileSync(`${import.meta.dirname}/../../recipes/virtual-screen.yaml`, "utf8");
  const request =
    "requests: { seen: { service: folder, why: for a test, verbs: [read, write], inside: /mnt/screen } }\n";
  const recipe = text.replace(/^volumes:\n.*\n/m, request);
  writeFileSync(`${trial.home}/config/recipes/virtual-screen.yaml`, recipe);
  deploy(
    "session",
    "virtual-screen",
    `answers: { seen: { answer: real, folder: ${SESSION} } }\nenvironment: { WAYLAND_DEBUG: server }\n`,
  );
  await done(trial, ["start", "-q", "session"]);
});

test("on its own part of the screen an app has none of what reaches others, and as it is all of that", async () => {
  const asked = "requests: { display: { service: display, why: for a test } }\n";
  const seen: Record<string, readonly string[]> = {};
  for (const answer of ["subset", "real"]) {
    deploy(answer, "dev-shell", `${asked}answers: { display: ${answer} }\n`);
    const words = ["run", "-q", answer, "--", "-c", `exec python3 -c '${GLOBALS}'`];
    seen[answer] = (await done(trial, words, { environment })).stdout.trim().split(" ");
  }
  for (const name of PRIVILEGED) {
    assert.ok(seen["real"]?.includes(name), name);
    assert.ok(!seen["subset"]?.includes(name), name);
  }
  for (const name of ["wl_compositor", "wl_shm", "xdg_wm_base", "wl_seat"]) assert.ok(seen["subset"]?.includes(name));
});

test("its window says who it is by the word of the host, whatever the app calls itself", async () => {
  deploy("honest", "foot", "answers: { display: subset }\n");
  const words = ["start", "-q", "honest", "--", "--app-id=the-bank", "--title=bank: yours", "/bin/sleep", "600"];
  await done(trial, words, { environment });
  const shown = await windowOf("the-bank");
  assert.equal(shown.name, "honest: bank: yours");
  assert.ok((await labels()).includes("honest"));
  const running = (await listed(trial)).map(({ name }) => name.replace(/-[0-9a-f]{8}$/, ""));
  assert.deepEqual(running.toSorted(), ["honest", "session", "session-screen"]);
  await done(trial, ["kill", "honest"]);
  await until("its way has ended with it", async () => (await listed(trial)).length === 1);
});

test("a title that leaves no room for the name is not shown without it", async () => {
  deploy(
    "long",
    "dev-shell",
    "requests: { display: { service: display, why: for a test } }\nanswers: { display: subset }\n",
  );
  for (const letters of [3000, 4076, 4080]) {
    const words = ["run", "-q", "long", "--", "-c", `exec python3 -c '${TITLED(letters)}'`];
    await done(trial, words, { environment });
  }
  const { stdout } = await done(trial, ["logs", "session"]);
  const titles = [...stdout.matchAll(/set_title\("([^"]*y{99})/g)].map(([, title = ""]) => title.slice(0, 8));
  assert.ok(titles.length >= 2);
  assert.deepEqual([...new Set(titles)], ["long: yy"]);
});

test("from a machine the same: its part of the screen, under its name", { skip }, async () => {
  deploy("machine", "foot", "isolation: vm\nanswers: { display: subset }\n");
  const words = ["start", "-q", "machine", "--", "--app-id=from-machine", "--title=mine", "/bin/sleep", "600"];
  await done(trial, words, { environment, timeoutMs: LIMIT_MS });
  const shown = await windowOf("from-machine");
  assert.equal(shown.name, "machine: mine");
  assert.ok((await labels()).includes("machine"));
  await done(trial, ["kill", "machine"]);
});

test("the screen as it is reaches a machine as well, behind what reads its windows", { skip }, async () => {
  deploy("whole", "foot", "isolation: vm\nanswers: { display: real }\n");
  const words = ["start", "-q", "whole", "--", "--app-id=as-it-is", "--title=mine", "/bin/sleep", "600"];
  await done(trial, words, { environment, timeoutMs: LIMIT_MS });
  const shown = await windowOf("as-it-is");
  assert.equal(shown.name, "whole: mine");
  assert.ok(!(await labels()).includes("whole"));
  await done(trial, ["kill", "whole"]);
  await until("the session is left", async () => (await listed(trial)).length === 1);
});
