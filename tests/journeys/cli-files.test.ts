/** The owner's files through the command line: deploy, edit, recipes, facts; listings for programs; completion; leaving. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { EXIT } from "../../src/cli/exit.ts";
import { runWords, testWorld } from "../../src/cli/test-world.ts";
import { commandOf, done, json, listed, processesSaying, until } from "./life.fixture.ts";
import { runProgram } from "../../src/host/run-program.ts";
import { environmentFor, makeTrial, ROOT } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

const deploymentOf = (name: string) => `${trial.home}/config/deployments/${name}.yaml`;

/** An editor for EDITOR: a small script that gets the file as its last argument. */
function editor(script: string): Readonly<Record<string, string>> {
  const path = `${trial.files}/editor`;
  writeFileSync(path, `#!/bin/sh\nfor file; do :; done\n${script}\n`, { mode: 0o755 });
  return { EDITOR: `${path} --some-flag`, VISUAL: "" };
}

test("deploy --as makes a second instance, and neither name can be taken twice", async () => {
  assert.match((await done(trial, ["deploy", "ripgrep"])).stdout, /nothing is granted yet; .*skerry edit ripgrep/);
  assert.deepEqual(await json(trial, ["deploy", "ripgrep", "--as", "second"]), {
    name: "second",
    file: deploymentOf("second"),
  });
  assert.match(
    (await done(trial, ["deploy", "ripgrep"], { code: 1 })).stderr,
    /is deployed already: .*ripgrep\.yaml\n.*--as/,
  );
  const strange = await done(trial, ["deploy", "ripgrep", "--as", "../evil"], { code: 65 });
  assert.match(strange.stderr, /evil/);
  assert.deepEqual(await json(trial, ["deployments"]), [
    { name: "ripgrep", recipe: "ripgrep", isolation: "container", file: deploymentOf("ripgrep") },
    { name: "second", recipe: "ripgrep", isolation: "container", file: deploymentOf("second") },
  ]);
});

test("settings that do not read as such are said with their place, and without places in our own program", async () => {
  const wrong = makeTrial();
  try {
    const file = `${wrong.home}/config/settings.yaml`;
    mkdirSync(join(wrong.home, "config"), { recursive: true });
    writeFileSync(file, "skerry: settings/1\ndnss: []\n");
    for (const _ of [1, 2]) {
      const { stderr } = await done(wrong, ["deploy", "ripgrep"], { code: 69 });
      const said = stderr.split("\n").filter((line) => line.includes("dnss"));
      assert.equal(said.length, 1, stderr);
      assert.match(said[0] ?? "", /settings\.yaml:2:1: dnss: .*Did you mean "dns"/);
      assert.doesNotMatch(stderr, /^ +at /m);
    }
  } finally {
    await wrong.close();
  }
});

test("an edit that is right is saved with the owner's comments", async () => {
  const before = readFileSync(deploymentOf("second"), "utf8");
  const changed = await done(trial, ["edit", "second"], {
    environment: editor(`sed -i 's|^  folder: deny.*|  # my notes\\n  folder: empty|' "$file"`),
  });
  assert.equal(changed.stdout, `saved ${deploymentOf("second")}\n`);
  const text = readFileSync(deploymentOf("second"), "utf8");
  assert.equal(text, before.replace("  folder: deny", "  # my notes\n  folder: empty"));
  assert.match((await done(trial, ["describe", "second", "--effective"])).stdout, /^folder +folder +empty /m);
});

test("an edit that makes no sense is refused with its line, and the file stays as it was", async () => {
  const before = readFileSync(deploymentOf("second"), "utf8");
  for (const [script, words] of [
    [`sed -i 's/^answers:/answerz:/' "$file"`, /second\.yaml:\d+:\d+: answerz: .*Did you mean "answers"/],
    [`printf 'not: [yaml' > "$file"`, /second\.yaml:\d+:\d+/],
    [`: > "$file"`, /second\.yaml/],
    [`sed -i 's/^recipe: .*/recipe: ripgrpe/' "$file"`, /Did you mean "ripgrep"/],
  ] as const) {
    const { stderr, code } = await trial.skerry(["edit", "second"], { environment: editor(script) });
    assert.ok(code === 65 || code === 1, `${code} ${stderr}`);
    assert.match(stderr, words);
    assert.match(stderr, /nothing was saved; .* is as it was/);
    assert.equal(readFileSync(deploymentOf("second"), "utf8"), before);
  }
});

test("an editor that fails or changes nothing changes nothing", async () => {
  assert.equal((await done(trial, ["edit", "second"], { environment: editor(":") })).stdout, "nothing was changed\n");
  const failed = await done(trial, ["edit", "second"], { environment: editor(`echo x > "$file"; exit 3`), code: 1 });
  assert.match(failed.stderr, /nothing was changed/);
  const missing = await done(trial, ["edit", "second"], { environment: { EDITOR: "/no/such", VISUAL: "" }, code: 1 });
  assert.match(missing.stderr, /no\/such.*EDITOR=/);
  assert.match((await done(trial, ["edit", "secnd"], { code: 1 })).stderr, /Did you mean "second"/);
});

test("recipe new writes one that recipe check finds right, and check names the line of what is wrong", async () => {
  const wrote = await done(trial, ["recipe", "new", "jq"]);
  const file = `${trial.home}/config/recipes/jq.yaml`;
  assert.ok(wrote.stdout.startsWith(`wrote ${file}\n`));
  await done(trial, ["recipe", "new", "jq"], { code: 1 });
  await done(trial, ["recipe", "new", "Bad_Name"], { code: 64 });
  assert.equal((await done(trial, ["recipe", "check", "jq"])).stdout, `${file} is right\n`);
  assert.ok((await done(trial, ["recipes"])).stdout.includes("jq"));
  writeFileSync(file, readFileSync(file, "utf8").replace("packages:", "pakages:"));
  const wrong = await done(trial, ["recipe", "check", "jq"], { code: 65 });
  assert.match(wrong.stdout, /jq\.yaml:\d+:\d+: pakages: .*Did you mean "packages"/);
  const { stdout } = await done(trial, ["recipe", "check", file, "--json"], { code: 65 });
  const checked = JSON.parse(stdout);
  assert.equal(checked.file, file);
  assert.ok(checked.complaints[0].line >= 1 && checked.complaints[0].message !== "");
  assert.match((await done(trial, ["recipe", "check", "ripgrpe"], { code: 1 })).stderr, /Did you mean "ripgrep"/);
});

test("a recipe that cannot be read is listed with what is wrong, and stops no other command", async () => {
  const rows = await json(trial, ["recipes"]);
  assert.ok(Array.isArray(rows));
  assert.match(rows.find(({ name }) => name === "jq").problem, /pakages/);
  assert.ok(rows.find(({ name }) => name === "ripgrep").problem === undefined);
});

test("facts are shown one by one, and facts.yaml overrides some", async () => {
  const facts = Object(await json(trial, ["facts"]));
  assert.equal((await done(trial, ["facts", "kernel"])).stdout, `${facts.kernel}\n`);
  assert.equal((await done(trial, ["facts", "cgroup.mode"])).stdout, `${facts.cgroup.mode}\n`);
  assert.match((await done(trial, ["facts", "cgroup.mod"], { code: 64 })).stderr, /did you mean "cgroup\.mode"/);
  writeFileSync(`${trial.home}/config/facts.yaml`, "skerry: facts/1\ntimeZone: Asia/Tokyo\n");
  assert.equal((await done(trial, ["facts", "timeZone"])).stdout, "Asia/Tokyo\n");
  writeFileSync(`${trial.home}/config/facts.yaml`, "skerry: facts/1\ntimeZones: Asia/Tokyo\n");
  assert.match((await done(trial, ["facts"], { code: 65 })).stderr, /facts\.yaml:2:1[^]*"timeZone"/);
  // The agent reads it as well, at its start.
  await trial.client.shutdown();
  assert.match((await done(trial, ["ps"], { code: 69 })).stderr, /facts\.yaml:2:1/);
  writeFileSync(`${trial.home}/config/facts.yaml`, "");
  await trial.skerry(["ps"]);
  spawnSync("rm", [`${trial.home}/config/facts.yaml`]);
  await done(trial, ["ps"]);
});

test("every listing speaks JSON with the members that programs rely on", async () => {
  await done(trial, ["run", "-q", "ripgrep", "--", "--version"]);
  const members = async (...words: readonly string[]) => {
    const value = await json(trial, words);
    const first: unknown = Array.isArray(value) ? value[0] : value;
    return Object.keys(Object(first));
  };
  const has = (found: readonly string[], ...wanted: readonly string[]) =>
    assert.deepEqual(
      wanted.filter((name) => !found.includes(name)),
      [],
      String(found),
    );
  has(await members("recipes"), "name", "summary", "packages", "origin", "file");
  has(await members("deployments"), "name", "recipe", "isolation", "file");
  has(await members("describe", "ripgrep"), "name", "recipe", "file", "text", "effective", "state");
  has(await members("images"), "recipe", "base", "layers", "built", "packages", "ownBytes", "sharedBytes");
  has(await members("ps", "--all"), "id", "name", "recipe", "isolation", "state", "started", "command", "ended");
  has(await members("plan", "ripgrep"), "lines", "imageBuilt");
  has(await members("facts"), "kernel", "programs", "cgroup");
  has(await members("doctor"), "canRun", "checks");
  has(await members("audit", "verify"), "ok", "value");
  has(
    await members("audit", "head").catch(async () =>
      Object.keys(JSON.parse((await done(trial, ["audit", "head"])).stdout)),
    ),
    "seq",
    "hash",
    "time",
  );
  assert.deepEqual(await json(trial, ["stats"]), []);
  assert.deepEqual(await json(trial, ["ps"]), []);
});

test("completion knows commands, flags, instances, recipes and what runs", async () => {
  const complete = async (...words: readonly string[]) =>
    (await done(trial, ["__complete", ...words])).stdout.split("\n").map((line) => line.split("\t")[0]);
  assert.deepEqual(await complete("und"), ["undeploy", ""]);
  assert.deepEqual(await complete("describe", "s"), ["second", ""]);
  assert.deepEqual(await complete("run", "rad"), ["radicale", ""]);
  assert.deepEqual(await complete("deploy", "rip"), ["ripgrep", ""]);
  assert.deepEqual(await complete("stop", "dev"), [""]);
  await done(trial, ["start", "-q", "dev-shell", "--", "-c", "exec sleep 1000"]);
  assert.deepEqual(await complete("stop", "dev"), ["dev-shell", ""]);
  await done(trial, ["kill", "dev-shell"]);
  assert.deepEqual(await complete("run", "dev-shell", "--", "r"), [""]);
});

for (const [shell, argv] of [
  ["bash", ["bash", "--norc", "-c"]],
  ["zsh", ["zsh", "-f", "-c"]],
  ["fish", ["fish", "--no-config", "-c"]],
] as const) {
  const there = spawnSync(shell, ["-c", "true"]).status === 0;
  test(`${shell} completes the name of an instance`, { skip: there ? false : `cannot here: no ${shell}` }, async () => {
    const script = (await done(trial, ["completions", shell])).stdout;
    const file = `${trial.files}/completion.${shell}`;
    writeFileSync(file, script);
    const folder = `${trial.files}/bin`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/skerry`, `#!/bin/sh\nexec ${join(ROOT, "skerry")} "$@"\n`, { mode: 0o755 });
    const ask = {
      bash: `source ${file}; COMP_WORDS=(skerry describe se); COMP_CWORD=2; _skerry; echo "\${COMPREPLY[@]}"`,
      zsh: `compdef() { :; }; _files() { :; }; _describe() { echo "\${(P)2}"; }; source ${file}; words=(skerry describe se); CURRENT=3; _skerry`,
      fish: `source ${file}; complete -C 'skerry describe se'`,
    }[shell];
    const environment = environmentFor(trial.home);
    const ended = spawnSync(argv[0], [...argv.slice(1), ask], {
      env: { ...environment, PATH: `${folder}:${environment["PATH"] ?? ""}` },
      encoding: "utf8",
    });
    assert.match(ended.stdout, /second/, ended.stderr);
  });
}

test("the reference of commands is what the commands say of themselves", async () => {
  const generated = spawnSync(process.execPath, [join(ROOT, "tools/generate.ts"), "--check"], { encoding: "utf8" });
  assert.doesNotMatch(generated.stderr, /cli\.md/);
  const reference = readFileSync(join(ROOT, "docs/reference/cli.md"), "utf8");
  const { stdout } = await done(trial, ["--help"]);
  for (const [, name = ""] of stdout.matchAll(/^ {2}([a-z]+) {2,}/gm)) {
    if (name !== "skerry") assert.match(reference, new RegExp(`^## \`${name}( |\`)`, "m"));
  }
});

test("uninstall stops what runs and the agent, and then removes all but the owner's files", async () => {
  // Everything but the program itself, which is that of these tests.
  const home = makeTrial();
  const program = `${home.files}/program`;
  mkdirSync(program);
  await done(home, ["start", "-q", "dev-shell", "--", "-c", `: ${home.home}; exec sleep 1000`]);
  const world = { ...testWorld({ home: home.home, run: runProgram, environment: environmentFor(home.home) }) };
  const { uid = -1, gid = -1 } = { uid: process.getuid?.(), gid: process.getgid?.() };
  const own = { ...world, user: { uid, gid }, places: { ...world.places, program: ROOT } };
  const agents = processesSaying(`${home.home}/run/agent.lock`);
  assert.equal(agents.length, 1);
  // Asked first with a no: nothing happens to what runs.
  assert.equal(await runWords({ ...own, places: { ...own.places, program } }, ["uninstall"]), EXIT.refused);
  assert.equal((await listed(home)).length, 1);
  assert.equal(
    await runWords({ ...own, places: { ...own.places, program } }, ["uninstall", "--yes"]),
    EXIT.done,
    world.printed.err,
  );
  assert.match(world.printed.err, /would stop what runs: dev-shell/);
  await until("no agent is left", () => agents.every((pid) => commandOf(pid) === ""));
  await until("nothing runs any more", () => processesSaying(home.home).length === 0);
  assert.ok(!existsSync(`${home.home}/state`) && !existsSync(`${home.home}/run`) && !existsSync(`${home.home}/cache`));
  assert.ok(
    existsSync(`${home.home}/config/deployments/dev-shell.yaml`) && existsSync(`${home.home}/data/volumes/dev-shell`),
  );
  await home.close();
});
