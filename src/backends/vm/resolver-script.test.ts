import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { RESOLVERS } from "./resolver-script.ts";

const folder = mkdtempSync(`${tmpdir()}/resolvers-`);
const NAMES = `${folder}/rules/names`;
mkdirSync(NAMES, { recursive: true });
mkdirSync(`${folder}/bin`);

/** In their place: one that stays and says by what text it was begun, and one that says what it was asked for. */
function program(name: string, text: string): void {
  writeFileSync(`${folder}/bin/${name}`, `#!/bin/sh\n${text}\n`);
  chmodSync(`${folder}/bin/${name}`, 0o755);
}
program(
  "dnsmasq",
  `for last; do :; done; cat "\${last#*=}" >>${folder}/begun; echo $$ >>${folder}/begun; exec sleep 60 >/dev/null 2>&1`,
);
program("nft", `echo "$*" >>${folder}/asked`);

const script = `servers='192.0.2.53 192.0.2.54'\n${RESOLVERS.replaceAll("/run/skerry", folder)}
while read -r word; do eval "$word"; echo done; done
for at in "$running"/*.pid; do kill -s KILL "$(cat "$at")"; done`;
const shell = spawn("/bin/sh", ["-c", script], {
  stdio: ["pipe", "pipe", "inherit"],
  env: { PATH: `${folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin` },
});
after(async () => {
  shell.stdin.end();
  await new Promise((resolve) => shell.once("exit", resolve));
  rmSync(folder, { recursive: true });
});

async function says(word: string): Promise<void> {
  const answered = new Promise((resolve) => shell.stdout.once("data", resolve));
  shell.stdin.write(`${word}\n`);
  await answered;
}

function textOf(name: string): string {
  return existsSync(`${folder}/${name}`) ? readFileSync(`${folder}/${name}`, "utf8") : "";
}

async function begun(times: number): Promise<readonly number[]> {
  const pids = () => [...textOf("begun").matchAll(/^(\d+)$/gm)].map(([, pid]) => Number(pid));
  for (let waited = 0; pids().length < times; waited += 10) {
    assert.ok(waited < 60_000, `${times} resolvers`);
    await pause(10);
  }
  assert.equal(pids().length, times);
  return pids();
}

function runs(pid: number | undefined): boolean {
  const state = /^\d+ \(.*\) (.)/.exec(
    existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "",
  );
  return state !== null && state[1] !== "Z";
}

async function untilGone(pid: number | undefined): Promise<void> {
  for (let waited = 0; runs(pid); waited += 10) {
    assert.ok(waited < 60_000, "it has ended");
    await pause(10);
  }
}

const text = (name: string) => `# sets n2tcp443a n2tcp443b\nserver=/${name}/@\nlocal=/*.${name}/\n`;

test("a resolver is begun by its text, and again when that changes or it has ended", async () => {
  await says("resolvers");
  assert.equal(textOf("begun"), "");

  writeFileSync(`${NAMES}/2.conf`, text("a.test"));
  await says("resolvers");
  const [first] = await begun(1);
  assert.match(textOf("begun"), /^server=\/a\.test\/192\.0\.2\.53\nserver=\/a\.test\/192\.0\.2\.54$/m);
  assert.match(textOf("begun"), /^local=\/\*\.a\.test\/$/m);
  await says("resolvers");
  await begun(1);
  assert.equal(textOf("asked"), "", "what goes on keeps what it has told");

  writeFileSync(`${NAMES}/2.conf`, text("b.test"));
  await says("resolvers");
  const [, second] = await begun(2);
  await untilGone(first);
  const emptied = "flush set inet skerry n2tcp443a\nflush set inet skerry n2tcp443b\n";
  assert.equal(textOf("asked"), emptied);

  process.kill(second ?? 0, "SIGKILL");
  await untilGone(second);
  await says("resolvers");
  const [, , third] = await begun(3);

  rmSync(`${NAMES}/2.conf`);
  await says("resolvers");
  await untilGone(third);
  assert.equal(textOf("asked"), emptied.repeat(3));
  await says("resolvers");
  await begun(3);
});

test("sets are emptied by halves", async () => {
  writeFileSync(`${NAMES}/2.conf`, text("a.test"));
  await says("resolvers");
  await begun(4);
  writeFileSync(`${folder}/asked`, "");
  await says("empty a");
  assert.equal(textOf("asked"), "flush set inet skerry n2tcp443a\n");
  await says("empty b");
  assert.equal(textOf("asked"), "flush set inet skerry n2tcp443a\nflush set inet skerry n2tcp443b\n");
});
