/** Into a machine that is a whole system, by our control end in it: programs, files, a server, folders that change, the time. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { done, listed, until } from "./life.fixture.ts";
import { freePorts } from "./publish.fixture.ts";
import { lacksForMachines, makeTrial } from "./trial.fixture.ts";

/** With the packages of the catalogue's net VM, whose image the fetch phase has built. */
const RECIPE = `skerry: recipe/1
summary: A small whole system
packages: [systemd-sysv, nftables, iproute2, dnsmasq-base]
guest: system
programs: { system: { command: [/sbin/init], arguments: none } }
requests:
  docs: { service: folder, why: to be read, need: optional, inside: /srv/docs }
  notes: { service: folder, why: to be written, need: optional, verbs: [read, write], inside: /srv/notes }
`;

const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 400_000;

const NAME = "net-vm";

const real = (name: string) => `{ answer: real, folder: "${trial.files}/${name}" }`;

const UP = "/bin/systemctl, is-active, --quiet, multi-user.target";

async function save(answers: Readonly<Record<string, string>>, publish: string): Promise<string> {
  const lines = Object.entries(answers).map(([name, answer]) => `  ${name}: ${answer}\n`);
  const text = `skerry: deployment/1
recipe: ${NAME}
isolation: vm
ready: { command: [${UP}], within: 5m }
publish: [${publish}]
secrets: { token: { file: ${trial.files}/token } }
answers:\n${lines.join("")}`;
  const saved = await trial.client.call<{ readonly live?: readonly string[] }>("SaveDeployment", { name: NAME, text });
  assert.ok(saved.ok, JSON.stringify(saved));
  return (saved.value.live ?? []).join("\n");
}

const run = async (script: string, options: { readonly input?: string; readonly code?: number } = {}) =>
  await done(trial, ["exec", NAME, "--", "sh", "-c", script], { timeoutMs: LIMIT_MS, ...options });

const inside = async (script: string) => (await run(script)).stdout;

/** A server that answers one connection after another; what it says is how often it was asked. */
const SERVER = `use IO::Socket::INET;
my $at = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => 7000, ReuseAddr => 1) or die;
open(my $up, ">", "/run/serves"); close($up);
while (my $one = $at->accept()) { print $one "answer ", ++$n, "\\n"; close($one); }`;

/** Begins what is not to end with the command that began it. */
const leave = (words: string) => `systemd-run --quiet --no-block ${words}`;

async function answer(port: number): Promise<string> {
  const { connect } = await import("node:net");
  return await new Promise((resolve) => {
    let said = "";
    connect(port, "127.0.0.1")
      .on("data", (piece) => (said += String(piece)))
      .on("error", () => {})
      .on("close", () => resolve(said));
  });
}

test("a whole system is entered, reached and given folders while it runs, and ends when it is asked to", {
  skip: lacksForMachines(),
}, async () => {
  for (const folder of ["config/recipes", "config/deployments"])
    mkdirSync(`${trial.home}/${folder}`, { recursive: true });
  writeFileSync(`${trial.home}/config/recipes/${NAME}.yaml`, RECIPE);
  writeFileSync(`${trial.home}/config/deployments/${NAME}.yaml`, `skerry: deployment/1\nrecipe: ${NAME}\n`);
  for (const name of ["docs", "other", "notes"]) {
    mkdirSync(`${trial.files}/${name}/below`, { recursive: true });
    chmodSync(`${trial.files}/${name}`, 0o755);
    writeFileSync(`${trial.files}/${name}/name`, name);
  }
  writeFileSync(`${trial.files}/token`, "a secret");
  const [port = 0] = await freePorts(1);
  const publish = `{ port: 7000, on: "127.0.0.1:${port}" }`;
  await save({ docs: real("docs") }, publish);
  const started = await done(trial, ["start", NAME], { timeoutMs: LIMIT_MS });
  assert.match(started.stdout, /net-vm is ready/);

  // Programs: as root of the machine, and of nothing else.
  const first = await run(
    "cat; echo err >&2; echo $PWD $HOME $(id -u) $(cat /proc/1/comm) $(cat /etc/hostname); exit 7",
    {
      input: "a line\n",
      code: 7,
    },
  );
  assert.equal(first.stdout, "a line\n/ /root 0 systemd net-vm\n");
  assert.equal(first.stderr, "err\n");
  const large = "0123456789abcdef".repeat(100_000);
  assert.equal((await run("cat", { input: large })).stdout, large);
  assert.equal((await trial.skerry(["exec", NAME, "--", "/no/such"])).code, 127);
  assert.equal((await done(trial, ["exec", NAME, "--", "env", "A=B", "printenv", "A"])).stdout, "B\n");
  await run("printf '#!/bin/sh\\necho odd $1\\n' >/run/a=b; chmod 755 /run/a=b; mount -o remount,exec /run");
  assert.equal((await done(trial, ["exec", NAME, "--", "/run/a=b", "name"])).stdout, "odd name\n");
  assert.equal(await inside("cat /run/secrets/token"), "a secret");
  const shell = await done(trial, ["shell", NAME], { input: "echo in a shell of $(id -un)\n", timeoutMs: LIMIT_MS });
  assert.match(shell.stdout, /in a shell of root/);

  // Files.
  writeFileSync(`${trial.files}/in.txt`, "copied\n");
  await done(trial, ["cp", "in.txt", `${NAME}:/tmp`], { timeoutMs: LIMIT_MS });
  await run("tr a-z A-Z </tmp/in.txt >/tmp/out.txt");
  await done(trial, ["cp", `${NAME}:/tmp/out.txt`, "."], { timeoutMs: LIMIT_MS });
  assert.equal(readFileSync(`${trial.files}/out.txt`, "utf8"), "COPIED\n");

  // A server of it, where it is published.
  await run(`cat >/run/server.pl; ${leave("perl /run/server.pl")}`, { input: SERVER });
  await until(
    "it serves",
    async () => (await trial.skerry(["exec", NAME, "--", "test", "-e", "/run/serves"])).code === 0,
    LIMIT_MS,
  );
  assert.match(await answer(port), /^answer \d+\n$/);

  // Folders: as it was started; taken from who holds something of it, which begins no other program there; another one;
  // one that was never granted.
  assert.equal(
    await inside("cat /srv/docs/name; ls /srv/notes; touch /srv/docs/new 2>/dev/null || echo read only"),
    "docsread only\n",
  );
  await run(leave(`--unit=holder sh -c 'cd /srv/docs/below; exec 7</srv/docs/name; : >/run/holds; exec sleep 1000'`));
  await run(leave("--unit=other sleep 1000"));
  await until(
    "it is held",
    async () => (await trial.skerry(["exec", NAME, "--", "test", "-e", "/run/holds"])).code === 0,
    LIMIT_MS,
  );
  assert.match(
    await save({ docs: "deny" }, publish),
    /^docs: net-vm now gets nothing; one process that still used it was ended$/,
  );
  const states = "for unit in holder other skerry-guest; do systemctl is-active $unit; done; true";
  assert.equal(await inside(`ls -A /srv/docs; ${states}`), "failed\nactive\nactive\n");
  await trial.client.shutdown();
  if (process.getuid?.() === 0) {
    // Whether a folder can be shown under another user while it runs needs a newer mount(8).
    assert.match(await save({ docs: real("docs") }, publish), /^docs: /);
    assert.match(await inside("cat /srv/docs/name"), /^docs$/);
  } else {
    await save({ docs: real("other"), notes: real("notes") }, publish);
    assert.equal(await inside("cat /srv/docs/name /srv/notes/name; echo new >/srv/notes/new"), "othernotes");
    assert.equal(readFileSync(`${trial.files}/notes/new`, "utf8"), "new\n");
    await save({ docs: real("other") }, publish);
    assert.equal(await inside("ls -A /srv/notes"), "");
  }

  // The time, after it stood still; and our control end, after somebody has ended it.
  await run("date -s @1000000000");
  await done(trial, ["freeze", NAME]);
  await pause(STANDS_STILL_MS);
  await done(trial, ["thaw", NAME]);
  await until("the clock is right", async () => Number(await inside("date +%s")) > 1_700_000_000, LIMIT_MS);
  await trial.skerry(["exec", NAME, "--", "sh", "-c", "systemctl kill --signal=KILL skerry-guest"]);
  await until(
    "it is entered again",
    async () => (await trial.skerry(["exec", NAME, "--", "true"])).code === 0,
    LIMIT_MS,
  );

  const stopped = await trial.client.call<{ readonly exitCode?: number; readonly by?: string }>("Stop", {
    name: NAME,
    graceMs: 1000,
  });
  assert.ok(stopped.ok && (stopped.value.exitCode ?? 0) === 0 && stopped.value.by === "asked", JSON.stringify(stopped));
  assert.deepEqual(await listed(trial), []);
  assert.ok(!existsSync(`${trial.files}/docs/new`));
});

/** More than a monitor takes for a busy host (host/monitor/clock-watch.ts). */
const STANDS_STILL_MS = 8_000;
