/** The large recipes of the catalogue at work, each on its real packages, and the walls that browsers keep inside. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, listed, until } from "../journeys/life.fixture.ts";
import { GERMAN, makeTrial, ROOT } from "../journeys/trial.fixture.ts";
import { type Walls, wallsBelow } from "./browser-walls.fixture.ts";

const trial = makeTrial();

after(() => trial.close());

/** A page that can be told from its source: the script has run. */
const PAGE = "data:text/html,<p id=sum>sum <script>document.write(40+2)</script></p>";

const HEADLESS = ["--headless", "--disable-gpu"] as const;

test("a calculator with windows calculates without one", async () => {
  assert.equal((await done(trial, ["run", "--rm", "gnome-calculator", "--", "--solve", "2+3"])).stdout, "5\n");
});

test("Node.js runs a program", async () => {
  assert.equal((await done(trial, ["run", "--rm", "nodejs", "--", "-p", "6*7"])).stdout, "42\n");
});

test("a coding agent's workbench has what its work takes", async () => {
  const work = [
    "cd && echo 'int main(void){return 42;}' > a.c && cc a.c -o a && (./a || test $? = 42)",
    "git init -q . && git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m x",
    "node -e 'process.exit(0)' && python3 -m venv v && v/bin/python -c 'print(6*7)' && rg --version > /dev/null",
  ];
  assert.equal((await done(trial, ["run", "--rm", "agent-shell", "--", "-ec", work.join("\n")])).stdout, "42\n");
});

test("an agent works on a copy of the project: the real one stays as it is until its owner says so", async () => {
  const project = `${trial.files}/project`;
  mkdirSync(project);
  chmodSync(project, 0o755);
  writeFileSync(`${project}/a.txt`, "before\n");
  await done(trial, ["deploy", "agent-shell", "--as", "bench"]);
  const words = [
    "run",
    "--folder",
    `${project}:/work=copy`,
    "bench",
    "--",
    "-ec",
    "cd /work; echo after > a.txt; cat a.txt",
  ];
  assert.equal((await done(trial, words)).stdout, "after\n");
  assert.equal(readFileSync(`${project}/a.txt`, "utf8"), "before\n");
});

test("LibreOffice makes a PDF of a granted text", async () => {
  const folder = `${trial.files}/documents`;
  mkdirSync(folder);
  writeFileSync(`${folder}/a.txt`, "a text\n");
  chmodSync(`${folder}/a.txt`, 0o644);
  const convert = ["--headless", "--convert-to", "pdf", "--outdir", "/work", "/work/a.txt"];
  await done(trial, ["run", "--rm", "--folder", `${folder}:/work=real`, "libreoffice", "--", ...convert]);
  assert.equal(readFileSync(`${folder}/a.pdf`, "latin1").slice(0, 5), "%PDF-");
});

test("PostgreSQL keeps its data from one start to the next", async () => {
  const psql = async (text: string) => await done(trial, ["exec", "postgresql", "--", "psql", "-Atc", text]);
  await done(trial, ["deploy", "postgresql"]);
  await done(trial, ["start", "--wait", "postgresql"]);
  assert.equal(
    (await psql("create table t (n int); insert into t values (42); select n from t")).stdout,
    "CREATE TABLE\nINSERT 0 1\n42\n",
  );
  await done(trial, ["stop", "postgresql"]);
  await done(trial, ["start", "--wait", "postgresql"]);
  assert.equal((await psql("select n from t")).stdout, "42\n");
  await done(trial, ["stop", "postgresql"]);
});

test("Firefox draws a page into a file of its own", async () => {
  await done(trial, ["deploy", "firefox-esr"]);
  const file = "/home/app/Downloads/page.png";
  await done(trial, ["run", "firefox-esr", "--", "--headless", "--screenshot", file, PAGE]);
  const written = `${trial.home}/data/volumes/firefox-esr/downloads/page.png`;
  assert.equal(readFileSync(written).subarray(1, 4).toString(), "PNG");
});

test("Chromium loads a page and runs what is in it", async () => {
  const { stdout } = await done(trial, ["run", "--rm", "chromium", "--", ...HEADLESS, "--dump-dom", PAGE]);
  assert.match(stdout, /<p id="sum">sum .*42<\/p>/);
});

test("Chromium's own sandbox is on: pages are behind more walls than the browser", async () => {
  await done(trial, ["deploy", "chromium"]);
  await done(trial, ["start", "chromium", "--", ...HEADLESS, "--remote-debugging-port=0", PAGE]);
  await behindMoreWalls("chromium", /--type=renderer/, /^\S*chromium (?!.*--type=)/, ["user", "net", "pid"]);
});

test("Firefox's own sandbox is on: pages are behind more walls than the browser", async () => {
  await done(trial, ["start", "firefox-esr", "--", "--headless", PAGE]);
  // It has no pid namespace for pages.
  await behindMoreWalls("firefox-esr", /-contentproc .* tab /, /^\S*firefox-esr (?!.*-contentproc)/, ["user", "net"]);
});

test("without own-sandbox in its recipe a browser gets no namespaces, says so, and shows nothing", async () => {
  mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
  const text = readFileSync(`${ROOT}/recipes/chromium.yaml`, "utf8").replace("own-sandbox: true", "own-sandbox: false");
  writeFileSync(`${trial.home}/config/recipes/chromium.yaml`, text);
  const ended = await trial.skerry(["run", "--rm", "chromium", "--", ...HEADLESS, "--dump-dom", PAGE]);
  assert.notEqual(ended.code, 0);
  assert.match(ended.stderr, /No usable sandbox/);
  assert.equal(ended.stdout, "");
});

test("the host's locale is made by its component, and programs inside speak it", async () => {
  mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
  writeFileSync(`${trial.home}/config/recipes/german.yaml`, GERMAN.recipe);
  writeFileSync(`${trial.home}/config/facts.yaml`, GERMAN.facts);
  const { stdout } = await done(trial, ["run", "--rm", "german", "--", "-c", "echo $LANG; date --date=2026-03-01 +%B"]);
  assert.equal(stdout, "de_DE.UTF-8\nMärz\n");
});

/** Waits for a process that shows pages, compares it with the browser itself, and ends both. */
async function behindMoreWalls(
  name: string,
  page: RegExp,
  browser: RegExp,
  kinds: readonly (keyof Walls["namespaces"])[],
): Promise<void> {
  let seen: readonly Walls[] = [];
  const { pages, own } = await until(
    () => `a page of ${name} behind more walls: ${JSON.stringify(seen)}`,
    async () => {
      const pid = (await listed(trial)).find((each) => each.name === name)?.pid ?? -1;
      seen = wallsBelow(pid);
      const [own] = seen.filter(({ command }) => browser.test(command));
      const pages = seen.filter(({ command }) => page.test(command));
      // A process of pages puts its last filter on when it has loaded what it needs.
      return (
        own !== undefined && pages.length > 0 && pages.every(({ filters }) => filters > own.filters) && { pages, own }
      );
    },
    60_000,
  );
  for (const { namespaces } of pages)
    for (const kind of kinds) assert.notEqual(namespaces[kind], own.namespaces[kind], JSON.stringify(seen));
  await done(trial, ["stop", name]);
}
