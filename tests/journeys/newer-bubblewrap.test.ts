/**
 * The wall with the bubblewrap of Debian 13, which makes overlays itself. Where the host's own is older, Debian 13's is
 * taken out of an image and started through that image's own loader.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { CACHE, makeTrial, type Trial } from "./trial.fixture.ts";

let trial: Trial;
let environment: Readonly<Record<string, string>>;

before(async () => {
  trial = makeTrial();
  // Where it is not kept from an earlier run, it is fetched and built.
  const words = ["run", "-q", "--package", "bubblewrap", "--", "bwrap", "--version"];
  const built = await trial.skerry(words, { timeoutMs: 300_000 });
  assert.equal(built.code, 0, built.stderr);
  assert.match(built.stdout, /^bubblewrap 0\.(?:1[1-9]|[2-9]\d)/);
  const { layers }: { readonly layers: readonly string[] } = JSON.parse(
    readFileSync(`${CACHE}/home/data/images/run-bubblewrap.json`, "utf8"),
  );
  const [base = "", app = ""] = layers.map((key) => `${CACHE}/home/data/store/layers/${key}/fs`);
  const machine = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  const loader = process.arch === "arm64" ? "ld-linux-aarch64.so.1" : "ld-linux-x86-64.so.2";
  const libraries = [app, base].map((layer) => `${layer}/usr/lib/${machine}`).join(":");
  const folder = `${trial.files}/bin`;
  mkdirSync(folder);
  const start = `exec ${base}/usr/lib/${machine}/${loader} --library-path ${libraries} ${app}/usr/bin/bwrap "$@"`;
  writeFileSync(`${folder}/bwrap`, `#!/bin/sh\n${start}\n`);
  for (const path of [folder, `${folder}/bwrap`]) chmodSync(path, 0o755);
  // Another PATH means another agent, which finds this bubblewrap.
  await trial.client.shutdown();
  environment = { PATH: `${folder}:${process.env["PATH"] ?? ""}` };
});

after(async () => await trial.close());

test("a sealed app runs behind bubblewrap 0.11 or later, with the overlay made by bubblewrap itself", async () => {
  const planned = await trial.skerry(["plan", "ripgrep"], { environment });
  assert.match(planned.stdout, /--overlay-src .* --ro-overlay \//);
  assert.doesNotMatch(planned.stdout, /wall .*--overlay userxattr/);
  const run = await trial.skerry(["run", "-q", "ripgrep", "--", "--version"], { environment });
  assert.equal(run.code, 0, run.stderr);
  assert.match(run.stdout, /^ripgrep /);
});

test("there the root is read-only too, rights are none, and a granted folder is what was granted", async () => {
  const notes = `${trial.files}/notes`;
  mkdirSync(notes);
  writeFileSync(`${notes}/a.txt`, "hello\n");
  chmodSync(notes, 0o755);
  const script = [
    "touch /x 2>&1; touch /usr/x 2>&1; touch /work/x 2>&1; cat /work/a.txt",
    "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status",
  ].join("; ");
  const words = ["run", "-q", "--rm", "dev-shell", "--folder", `${notes}=subset`, "--", "-c", script];
  const run = await trial.skerry(words, { environment });
  assert.equal(run.code, 0, run.stderr);
  const lines = run.stdout.trim().split("\n");
  for (const path of ["/x", "/usr/x", "/work/x"]) {
    assert.ok(
      lines.some((line) => line.includes(`'${path}'`) && line.includes("Read-only file system")),
      run.stdout,
    );
  }
  assert.ok(lines.includes("hello"));
  assert.deepEqual(lines.slice(-4), [
    "CapEff:\t0000000000000000",
    "CapBnd:\t0000000000000000",
    "NoNewPrivs:\t1",
    "Seccomp:\t2",
  ]);
});

test("there a copy of a folder is written, and its changes are applied, as well", async () => {
  const notes = `${trial.files}/copied`;
  mkdirSync(notes);
  writeFileSync(`${notes}/a.txt`, "hello\n");
  chmodSync(notes, 0o755);
  assert.equal((await trial.skerry(["deploy", "dev-shell", "--as", "copier"], { environment })).code, 0);
  const words = ["run", "-q", "copier", "--folder", `${notes}=copy`, "--", "-c", "echo more >> a.txt; cat a.txt"];
  const run = await trial.skerry(words, { environment });
  assert.deepEqual([run.code, run.stdout, readFileSync(`${notes}/a.txt`, "utf8")], [0, "hello\nmore\n", "hello\n"]);
  const applied = await trial.skerry(["changes", "copier", "--apply"], { environment });
  assert.equal(applied.code, 0, applied.stderr);
  assert.equal(readFileSync(`${notes}/a.txt`, "utf8"), "hello\nmore\n");
});

test("a program can be entered there as well", async () => {
  const started = await trial.skerry(["start", "dev-shell", "--", "-c", "sleep 600"], { environment });
  assert.equal(started.code, 0, started.stderr);
  const entered = await trial.skerry(["exec", "dev-shell", "--", "/bin/sh", "-c", "cat /proc/1/comm; id -u"], {
    environment,
  });
  assert.equal(entered.code, 0, entered.stderr);
  assert.equal((await trial.skerry(["stop", "dev-shell"], { environment })).code, 0);
});

test("there a secret is handed on as a descriptor, too", async () => {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  writeFileSync(`${trial.files}/key`, "of brass");
  writeFileSync(
    `${trial.home}/config/deployments/holder.yaml`,
    `skerry: deployment/1\nrecipe: dev-shell\nisolation: container\nsecrets: { key: { file: "${trial.files}/key", as: descriptor } }\n`,
  );
  const script = 'cat "/dev/fd/$SECRET_KEY_FD"; test ! -e /run/secrets';
  const run = await trial.skerry(["run", "-q", "holder", "--", "-c", script], { environment });
  assert.equal(run.code, 0, run.stderr);
  assert.equal(run.stdout, "of brass");
});
