/** Menu entries and units: written where they are wanted, taken away with their instance, and never over what is not ours. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done } from "./life.fixture.ts";
import { makeTrial } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

const applications = `${trial.home}/session/data/applications`;
const entry = (name: string) => `${applications}/skerry.${name}.desktop`;
const units = `${trial.home}/session/config/systemd/user`;

const set = async (name: string, enabled: boolean) =>
  await trial.client.call<{ readonly units?: readonly string[] }>("SetEnabled", { name, enabled, units: true });

function lacks(program: string): string | false {
  return spawnSync(program, ["--help"]).error === undefined ? false : `cannot here: ${program} is not installed`;
}

test("deploy puts an instance into menus, undeploy takes it out", async () => {
  await done(trial, ["deploy", "dev-shell"]);
  const text = readFileSync(entry("dev-shell"), "utf8");
  assert.match(text, /^Name=Development shell$/m);
  // What the entry starts is what it says, word for word.
  const words = [...(/^Exec=(.*)$/m.exec(text)?.[1] ?? "").matchAll(/"([^"]*)"/g)].map(([, word = ""]) => word);
  const ran = spawnSync(words[0] ?? "", [...words.slice(1), "--", "-c", "echo from the menu"], { encoding: "utf8" });
  assert.equal(ran.stdout, "from the menu\n", ran.stderr);
  await done(trial, ["undeploy", "dev-shell"]);
  assert.deepEqual(readdirSync(applications), []);
});

test("an entry is one by the rules of desktops", { skip: lacks("desktop-file-validate") }, async () => {
  await done(trial, ["deploy", "dev-shell", "--as", "valid"]);
  const checked = spawnSync("desktop-file-validate", [entry("valid")], { encoding: "utf8" });
  assert.deepEqual([checked.status, checked.stdout], [0, ""]);
  await done(trial, ["undeploy", "valid"]);
});

test("what its owner has edited, and what somebody else wrote, is left alone and said", async () => {
  await done(trial, ["deploy", "dev-shell", "--as", "edited"]);
  appendFileSync(entry("edited"), "X-Mine=yes\n");
  await done(trial, ["undeploy", "edited"]);
  assert.match(readFileSync(entry("edited"), "utf8"), /X-Mine=yes/);
  writeFileSync(entry("foreign"), "[Desktop Entry]\n");
  const { stderr } = await done(trial, ["deploy", "dev-shell", "--as", "foreign"]);
  assert.match(stderr, /skerry\.foreign\.desktop was not written by Skerry; it was left alone/);
  assert.equal(readFileSync(entry("foreign"), "utf8"), "[Desktop Entry]\n");
});

test("what has a window is in menus for as long as it is granted the screen of the session", async () => {
  await done(trial, ["deploy", "foot"]);
  for (const [answer, there] of [
    ["deny", false],
    ["real", true],
    ["fake", false],
  ] as const) {
    await done(trial, ["grant", "foot", `display=${answer}`]);
    assert.equal(existsSync(entry("foot")), there, answer);
  }
});

test("without systemd, enable says so in the deployment and how it is started then", async () => {
  await done(trial, ["deploy", "radicale"]);
  const file = `${trial.home}/config/deployments/radicale.yaml`;
  appendFileSync(file, "# my own note\n");
  const { stdout } = await done(trial, ["enable", "radicale"]);
  const text = readFileSync(file, "utf8");
  assert.match(text, /^autostart: true$/m);
  assert.match(text, /# my own note/);
  assert.match(stdout, /autostart/);
  await done(trial, ["disable", "radicale"]);
  assert.match(readFileSync(file, "utf8"), /^autostart: false$/m);
});

test("units are written with the agent's, are valid, and the last one takes it along", async () => {
  for (const name of ["one", "two"]) {
    await done(trial, ["deploy", "radicale", "--as", name]);
    const { ok } = await set(name, true);
    assert.ok(ok);
  }
  assert.deepEqual(readdirSync(units), ["skerry-agent.service", "skerry-one.service", "skerry-two.service"]);
  if (lacks("systemd-analyze") === false) {
    const files = readdirSync(units).map((name) => `${units}/${name}`);
    const verified = spawnSync("systemd-analyze", ["verify", "--man=no", ...files], { encoding: "utf8" });
    // What it says of units of its own is none of ours.
    assert.doesNotMatch(verified.stderr, /skerry/);
  }
  appendFileSync(`${units}/skerry-two.service`, "# mine\n");
  const refused = await set("two", true);
  assert.ok(!refused.ok && /was edited since Skerry wrote it/.test(refused.problem.text));
  assert.ok((await set("one", false)).ok);
  assert.deepEqual(readdirSync(units), ["skerry-agent.service", "skerry-two.service"]);
  await done(trial, ["undeploy", "one"]);
});
