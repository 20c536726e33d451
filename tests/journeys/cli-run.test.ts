/** `run`: the app gets what the caller has and gives back what it says, and nothing is lost or added on the way. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { after, test } from "node:test";
import { done, listed, processesSaying, until } from "./life.fixture.ts";
import { endOf, makeTrial } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

const shell = (script: string, ...words: readonly string[]) => ["run", "-q", "dev-shell", "--", "-c", script, ...words];

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

test("the first run writes a deployment that grants nothing, shows it, and later ones leave it alone", async () => {
  const file = `${trial.home}/config/deployments/dev-shell.yaml`;
  const first = await done(trial, ["run", "dev-shell", "--", "-c", "true"]);
  const written = readFileSync(file, "utf8");
  assert.ok(first.stderr.includes(file), first.stderr);
  assert.ok(first.stderr.includes(written.trimEnd()), "it is shown as it is");
  assert.match(written, /^ {2}project: deny$/m);
  assert.match(written, /^ {2}network: deny$/m);
  const before = statSync(file).mtimeMs;
  const second = await done(trial, ["run", "dev-shell", "--", "-c", "true"]);
  assert.ok(!second.stderr.includes("deployments"), second.stderr);
  assert.equal(statSync(file).mtimeMs, before);
  const recorded = await done(trial, ["audit", "dev-shell", "--json"]);
  const deploys = recorded.stdout.split("\n").filter((line) => line.includes('"kind":"deploy"'));
  assert.equal(deploys.length, 1, "it is on record once");
});

test("a name that is none takes nothing away", async () => {
  for (const name of ["../recipes/mine", "..", "A"]) {
    const refused = await trial.skerry(["undeploy", name]);
    assert.equal(refused.code, 1, refused.stderr);
    assert.match(refused.stderr, /there is no deployment named/);
  }
});

test("flags count for one start and are not written into the deployment", async () => {
  const file = `${trial.home}/config/deployments/dev-shell.yaml`;
  const before = readFileSync(file, "utf8");
  const flagged = await done(trial, ["run", "-q", "--folder", `${trial.files}=real`, "dev-shell", "--", "-c", "pwd"]);
  assert.equal(flagged.stdout, "/work\n");
  assert.equal(readFileSync(file, "utf8"), before);
  assert.equal((await done(trial, shell("pwd"))).stdout, "/home/app\n");
});

test("the app's exit code is the command's", async () => {
  await done(trial, shell("exit 7"), { code: 7 });
  await done(trial, shell("exit 0"));
  await done(trial, shell("exit 255"), { code: 255 });
});

test("an app that a signal ended is reported as a shell does", async () => {
  await done(trial, shell("kill -TERM $$"), { code: 143 });
  await done(trial, shell("kill -KILL $$"), { code: 137 });
});

test("a program that is not there is 127, one that cannot be executed 126", async () => {
  await done(trial, shell("exec /no/such/program"), { code: 127 });
  await done(trial, shell("exec /etc/passwd"), { code: 126 });
});

test("bytes go through standard input and output untouched", async () => {
  // Larger than any pipe, and every byte there is.
  const bytes = Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, index) => index)), randomBytes(3_000_000)]);
  const child = trial.begin(shell("cat"));
  const hash = createHash("sha256");
  child.stdout?.on("data", (piece) => hash.update(piece));
  child.stdin?.end(bytes);
  const code = await new Promise((resolve) => child.once("close", resolve));
  assert.equal(code, 0);
  assert.equal(hash.digest("hex"), createHash("sha256").update(bytes).digest("hex"));
});

test("standard error stays apart from standard output", async () => {
  const ended = await done(trial, shell("echo out; echo err >&2"));
  assert.deepEqual([ended.stdout, ended.stderr], ["out\n", "err\n"]);
});

test("arguments arrive as they were given", async () => {
  const words = ["a b", "'", '"', "\\", "$HOME", "*", "über\u{1f980}", "", "--", "--rm", "-x", "a\nb", "\t", "%s"];
  const { stdout } = await done(trial, shell('for word; do printf "%s\\0" "$word"; done', "x", ...words));
  assert.deepEqual(stdout.split("\0").slice(0, -1), words);
});

test("of the caller's environment and descriptors nothing comes in", async () => {
  const { stdout } = await done(trial, shell("env; ls -l /proc/self/fd"), { environment: { SECRET_OF_MINE: "x123" } });
  assert.ok(!stdout.includes("SECRET_OF_MINE") && !stdout.includes("x123"), stdout);
  assert.deepEqual(
    [...stdout.matchAll(/ (\d+) -> (\S+)/g)].map(([, number]) => number).filter((number) => Number(number) > 3),
    [],
    stdout,
  );
});

test("without a terminal there is none inside", async () => {
  await done(trial, shell("test ! -t 0 -a ! -t 1 -a ! -t 2"));
});

test("SIGTERM to the command ends the app, which may clear up", async () => {
  const child = trial.begin(shell('trap "echo cleared; exit 5" TERM; echo ready; while :; do sleep 0.05; done'));
  let said = "";
  child.stdout?.on("data", (piece) => (said += String(piece)));
  const ended = endOf(child, 60_000);
  await until("the app is ready", () => said.includes("ready"));
  child.kill("SIGTERM");
  assert.equal((await ended).code, 5);
  assert.match(said, /cleared/);
  assert.deepEqual(await listed(trial), []);
});

test("a second run of what runs is refused, with the way out", async () => {
  const child = trial.begin(shell("echo ready; read line"));
  let said = "";
  child.stdout?.on("data", (piece) => (said += String(piece)));
  const ended = endOf(child, 60_000);
  await until("the app is ready", () => said.includes("ready"));
  const second = await trial.skerry(shell("true"));
  assert.equal(second.code, 125);
  assert.match(second.stderr, /dev-shell runs already, since .*\n.*skerry exec dev-shell.*--as NAME/);
  child.stdin?.end("x\n");
  assert.equal((await ended).code, 0);
});

test("of two first runs at the same moment exactly one runs", async () => {
  const words = ["run", "-q", "twin", "--", "-c", "echo ready; read line"];
  await done(trial, ["deploy", "dev-shell", "--as", "twin"]);
  const children = [trial.begin(words), trial.begin(words)];
  const ended = children.map(async (child) => await endOf(child, 60_000));
  const refused = await Promise.race(ended);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /runs already/);
  for (const child of children) child.stdin?.on("error", () => {}).end("x\n");
  const both = await Promise.all(ended);
  assert.equal(both.filter(({ code }) => code === 0).length, 1);
  assert.equal(both.map(({ stdout }) => stdout).join(""), "ready\n");
});

test("one run right after the other is never taken for a second one", async () => {
  for (let round = 0; round < 8; round++) await done(trial, shell("true"));
});

test("--rm leaves nothing, and does not touch what the deployed instance keeps", async () => {
  await done(trial, shell("echo mine > ~/data/kept"));
  const before = {
    volumes: namesIn(`${trial.home}/data/volumes`),
    instances: namesIn(`${trial.home}/state/instances`),
    deployments: namesIn(`${trial.home}/config/deployments`),
  };
  const passing = await done(trial, ["run", "-q", "--rm", "dev-shell", "--", "-c", "ls ~/data; echo x > ~/data/left"]);
  assert.equal(passing.stdout, "");
  await until("the traces are gone", () => namesIn(`${trial.home}/run/compartments`).length === 0);
  assert.deepEqual(
    {
      volumes: namesIn(`${trial.home}/data/volumes`),
      instances: namesIn(`${trial.home}/state/instances`),
      deployments: namesIn(`${trial.home}/config/deployments`),
    },
    before,
  );
  assert.equal((await done(trial, shell("cat ~/data/kept"))).stdout, "mine\n");
});

test("--rm writes no deployment for a recipe that has none", async () => {
  await done(trial, ["run", "-q", "--rm", "radicale", "--", "--version"]);
  assert.ok(!existsSync(`${trial.home}/config/deployments/radicale.yaml`));
});

test("what --rm runs ends with its caller, however that ends", async () => {
  const mark = `mark-${randomBytes(6).toString("hex")}`;
  const child = trial.begin(["run", "-q", "--rm", "dev-shell", "--", "-c", `echo ready; exec -a ${mark} sleep 1000`]);
  let said = "";
  child.stdout?.on("data", (piece) => (said += String(piece)));
  await until("the app is ready", () => said.includes("ready") && processesSaying(`${mark} 1000`).length > 0);
  child.kill("SIGKILL");
  await until("it is gone", () => processesSaying(mark).length === 0);
  await until("the traces are gone", () => namesIn(`${trial.home}/run/compartments`).length === 0);
});

test("--package runs a program of Debian without any recipe", async (context) => {
  const ended = await trial.skerry(["run", "--package", "ripgrep", "--", "rg", "--version"], { timeoutMs: 300_000 });
  if (/archive cannot be read|cannot be fetched/.test(ended.stderr)) {
    context.skip("cannot here: no Debian archive can be reached");
    return;
  }
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /^ripgrep \d/);
  assert.ok(!namesIn(`${trial.home}/config/deployments`).some((name) => name.startsWith("run-")));
  assert.ok(!namesIn(`${trial.home}/data/volumes`).some((name) => name.startsWith("run-")));
});

test("a command line that makes no sense is 64, with help at hand", async () => {
  const unknownFlag = await done(trial, ["run", "--nonsense", "dev-shell"], { code: 64 });
  assert.match(unknownFlag.stderr, /--nonsense[^]*skerry run --help/);
  const unknownCommand = await done(trial, ["rum"], { code: 64 });
  assert.match(unknownCommand.stderr, /did you mean `run`[^]*skerry --help/);
  await done(trial, ["run"], { code: 64 });
  await done(trial, ["exec", "dev-shell"], { code: 64 });
  await done(trial, ["cp", "a", "b"], { code: 64 });
  await done(trial, ["logs", "dev-shell", "-n", "many"], { code: 64 });
});

test("a flag whose value makes no sense names what was expected", async () => {
  for (const [flag, value, expected] of [
    ["--folder", "/tmp=reel", /expected HOST\[:INSIDE\]=ANSWER/],
    ["--folder", "/tmp:/etc=real", /expected a place inside/],
    ["--net", "some", /expected deny, empty/],
  ] as const) {
    const started = await trial.skerry(["start", flag, value, "dev-shell"]);
    assert.equal(started.code, 65, started.stderr);
    assert.match(started.stderr, expected);
    assert.equal((await trial.skerry(["run", flag, value, "dev-shell"])).code, 125);
  }
  assert.deepEqual(await listed(trial), []);
});

test("a name with a slip in it is refused with the one that was perhaps meant", async () => {
  assert.match((await done(trial, ["run", "ripgrpe"], { code: 125 })).stderr, /Did you mean "ripgrep"/);
  assert.match((await done(trial, ["describe", "dev-shel"], { code: 1 })).stderr, /Did you mean "dev-shell"/);
  assert.match((await done(trial, ["deploy", "radicle"], { code: 1 })).stderr, /Did you mean "radicale"/);
});
