/** Variables: each answer sets what it says, inside, and nothing that was not granted is there. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, until } from "./life.fixture.ts";
import { makeTrial } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

const DEPLOYMENT = `${trial.home}/config/deployments/dev-shell.yaml`;
const VALUE = "s3ss10n-v4lu3 with blanks";
const SESSION = { environment: { API_TOKEN: VALUE, OTHER_TOKEN: "nobody asked" } };

mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
const [head = ""] = readFileSync(`${import.meta.dirname}/../../recipes/dev-shell.yaml`, "utf8").split("\nrequests:");
const TOKEN = "token: { service: variable, name: API_TOKEN, why: to ask the server }";
writeFileSync(`${trial.home}/config/recipes/dev-shell.yaml`, `${head}\nrequests:\n  ${TOKEN}\n`);

async function answered(answer: string): Promise<void> {
  await trial.skerry(["deploy", "dev-shell"]);
  const text = readFileSync(DEPLOYMENT, "utf8");
  writeFileSync(DEPLOYMENT, text.replace(/^ {2}token: .*$/m, `  token: ${answer}`));
}

const SHOW = ["run", "-q", "dev-shell", "--", "-c", 'echo "<${API_TOKEN-absent}><${OTHER_TOKEN-absent}>"'];

for (const [answer, seen] of [
  ["deny", "absent"],
  ["empty", ""],
  ['{ answer: fake, value: "made up" }', "made up"],
  ["real", VALUE],
] as const) {
  test(`answered ${answer}, the variable is <${seen}>, and no other one of the session is there`, async () => {
    await answered(answer);
    assert.equal((await done(trial, SHOW, SESSION)).stdout, `<${seen}><absent>\n`);
    // Once more: were there a launcher, it would know the session of before.
    const later = { environment: { ...SESSION.environment, API_TOKEN: "another" } };
    assert.equal((await done(trial, SHOW, later)).stdout, `<${answer === "real" ? "another" : seen}><absent>\n`);
  });
}

test("what is in the session is in neither plan, description nor audit", async () => {
  await answered("real");
  for (const words of [["plan", "dev-shell"], ["describe", "dev-shell", "--effective"], ["audit"]]) {
    const { stdout, stderr } = await done(trial, words, SESSION);
    assert.ok(!stdout.includes("s3ss10n") && !stderr.includes("s3ss10n"), words.join(" "));
  }
});

test("a background app has the variable of who starts it, and so has what is run in it", async () => {
  await answered("real");
  await done(trial, ["start", "dev-shell", "--", "-c", "echo $API_TOKEN; exec sleep 600"], SESSION);
  await until("it has said it", async () => (await done(trial, ["logs", "dev-shell"])).stdout.includes(VALUE));
  const entered = await done(trial, ["exec", "dev-shell", "--", "/bin/sh", "-c", "echo $API_TOKEN"]);
  assert.equal(entered.stdout.trim(), VALUE);
  await done(trial, ["kill", "dev-shell"]);
  const kept = spawnSync("/usr/bin/grep", ["-rls", VALUE, `${trial.home}/state`, `${trial.home}/config`], {
    encoding: "utf8",
  });
  // The app has said it itself, on purpose.
  assert.deepEqual(
    kept.stdout.split("\n").filter((path) => path !== "" && !path.includes("/logs/")),
    [],
  );
});

test("a variable that the session does not have refuses the start; so does an answer that means nothing", async () => {
  await answered("real");
  const refused = await done(trial, SHOW, { code: 125 });
  assert.match(
    refused.stderr,
    /API_TOKEN, granted as "token", is not set in your session\n.*answer fake, empty or deny/,
  );
  await answered("copy");
  assert.match((await done(trial, SHOW, { code: 125 })).stderr, /cannot be answered "copy"/);
  await answered("fake");
  assert.match((await done(trial, SHOW, { code: 125 })).stderr, /names no value/);
  await answered("{ answer: real, value: x }");
  assert.match((await done(trial, SHOW, { code: 125, ...SESSION })).stderr, /"value" means nothing/);
});
