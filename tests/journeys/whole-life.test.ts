/**
 * A whole life: deployed, built, run, upgraded, rolled back, purged, built again without an archive, and uninstalled.
 *
 * It runs from a copy of the program, since an uninstall takes the program's own libraries too. Those are links in the
 * copy, and no link is followed.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { after, before, test } from "node:test";
import {
  type Archive,
  type BuildTrial,
  makeArchive,
  makeBuildTrial,
  NO_GPG,
} from "../hostile/packages/archive.fixture.ts";
import { processesOf } from "../hostile/packages/processes.fixture.ts";
import { until } from "./life.fixture.ts";
import { type Ended, endOf, environmentFor, ROOT } from "./trial.fixture.ts";

let archive: Archive;
let trial: BuildTrial;

before(async () => {
  if (NO_GPG !== false) return;
  archive = await makeArchive([{ name: "one", files: [{ name: "./version", content: "first\n" }] }]);
  trial = makeBuildTrial(archive);
});

after(async () => {
  if (NO_GPG !== false) return;
  await trial.close();
  await archive.close();
});

function copyOfProgram(): string {
  const copy = `${trial.home}/program`;
  for (const name of ["src", "tools", "recipes", "os-bases", "helper", "skerry", "package.json", "package-lock.json"])
    cpSync(`${ROOT}/${name}`, `${copy}/${name}`, { recursive: true });
  for (const name of ["node_modules", ".node"])
    if (existsSync(`${ROOT}/${name}`)) symlinkSync(`${ROOT}/${name}`, `${copy}/${name}`);
  chmodSync(copy, 0o755);
  return copy;
}

const RECIPE = `skerry: recipe/1
summary: made for a test
base: trial
packages: [one]
programs: { app: { command: [/bin/sh], arguments: any } }
volumes: { notes: { class: data, inside: /notes } }
`;

test("a whole life leaves data alone to the end, and nothing else after it", { skip: NO_GPG }, async () => {
  const program = copyOfProgram();
  const skerry = async (...words: readonly string[]): Promise<Ended> => {
    const child = spawn(`${program}/skerry`, words, {
      cwd: trial.files,
      env: environmentFor(trial.home),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = await endOf(child, 180_000);
    assert.equal(ended.code, 0, `skerry ${words.join(" ")}\n${ended.stdout}\n${ended.stderr}`);
    return ended;
  };
  const inside = async (line: string) => (await skerry("run", "-q", "app", "--", "-c", line)).stdout;
  const layer = (): { readonly digest: string } => {
    const image: { readonly layers: readonly string[] } = JSON.parse(
      readFileSync(`${trial.home}/data/images/app.json`, "utf8"),
    );
    return JSON.parse(readFileSync(`${trial.home}/data/store/layers/${image.layers.at(-1)}/layer.json`, "utf8"));
  };
  mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
  writeFileSync(`${trial.home}/config/recipes/app.yaml`, RECIPE);

  await skerry("deploy", "app");
  await skerry("build", "app");
  const { digest } = layer();
  assert.equal(await inside("echo mine > /notes/kept; cat /version"), "first\n");
  const kept = `${trial.home}/data/volumes/app/notes/kept`;
  const asWritten = statSync(kept);
  const untouched = () => {
    const { ino, mtimeMs, ctimeMs, uid, mode } = statSync(kept);
    const then = [asWritten.ino, asWritten.mtimeMs, asWritten.ctimeMs, asWritten.uid, asWritten.mode];
    assert.deepEqual([ino, mtimeMs, ctimeMs, uid, mode, readFileSync(kept, "utf8")], [...then, "mine\n"]);
  };

  archive.publish({ add: [{ name: "one", version: "2.0", files: [{ name: "./version", content: "second\n" }] }] });
  assert.match((await skerry("upgrade", "app")).stdout, /app is upgraded: 1 package changed/);
  assert.equal(await inside("cat /version /notes/kept"), "second\nmine\n");
  assert.notEqual(layer().digest, digest);
  untouched();

  await skerry("rollback", "app");
  assert.equal(layer().digest, digest);
  assert.equal(await inside("cat /version /notes/kept"), "first\nmine\n");

  await skerry("purge", "app");
  assert.ok(!existsSync(`${trial.home}/data/images/app.json`));
  assert.deepEqual(trial.stored("layers"), []);
  untouched();

  // Nobody answers any more: what is built now comes from the lock and from what was fetched for it.
  await archive.pause();
  await skerry("build", "app");
  assert.equal(layer().digest, digest);
  assert.equal(await inside("cat /version /notes/kept"), "first\nmine\n");
  await skerry("images", "verify");
  assert.match((await skerry("audit", "verify")).stdout, /is whole/);
  untouched();

  const said = await skerry("uninstall", "--yes");
  assert.match(said.stdout, /^Removed\. What is left of Skerry is .*\/program;/m);
  untouched();
  assert.deepEqual(readdirSync(`${trial.home}/data`), ["volumes"]);
  for (const gone of ["run", "state", "cache"]) assert.ok(!existsSync(`${trial.home}/${gone}`), gone);
  assert.ok(existsSync(`${trial.home}/config/deployments/app.yaml`));
  assert.ok(!existsSync(`${program}/node_modules`) && existsSync(`${ROOT}/node_modules/esbuild`));
  assert.ok(lstatSync(`${ROOT}/helper/build/skerry-helper`).isFile());
  await until("no process is left", () => processesOf(`${trial.home}/`).length === 0);
});
