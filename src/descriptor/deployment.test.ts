import assert from "node:assert/strict";
import { test } from "node:test";
import { type Deployment, NO_SERVICE } from "../model/index.ts";
import { showComplaint } from "./complaint.ts";
import { parseDeployment } from "./deployment.ts";

const HEAD = "skerry: deployment/1\nrecipe: ripgrep\n";

function read(text: string, home = "/home/ada") {
  return parseDeployment(text, { file: "x.yaml", name: "x" }, { home });
}

function parsed(text: string, home?: string): Deployment {
  const deployment = read(text, home);
  if (deployment.ok) return deployment.value;
  throw new Error(deployment.problem.complaints.map((complaint) => showComplaint(complaint, text)).join("\n"));
}

function complaints(text: string): readonly string[] {
  const deployment = read(text);
  return deployment.ok
    ? []
    : deployment.problem.complaints.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

test("a VMM is named for a machine only, and a slip of the pen is met with what was meant", () => {
  const text = (more: string) => `skerry: deployment/1\nrecipe: ripgrep\n${more}\n`;
  const parse = (more: string) => parseDeployment(text(more), { file: "x.yaml", name: "x" }, { home: "/home/ada" });
  const chosen = parse("isolation: vm\nvmm: crosvm");
  assert.ok(chosen.ok && chosen.value.vmm === "crosvm");
  const astray = parse("vmm: qemu");
  assert.ok(!astray.ok);
  assert.match(JSON.stringify(astray.problem), /only a deployment with isolation: vm/);
  const slip = parse("isolation: vm\nvmm: firecraker");
  assert.ok(!slip.ok);
  assert.match(JSON.stringify(slip.problem), /is none of qemu, cloud-hypervisor, crosvm, firecracker/);
});

test("a deployment with every key reads as its value", () => {
  assert.deepEqual(
    parsed(`skerry: deployment/1
recipe: ripgrep
isolation: container
tags: [work, notes]
program: rg
requests:
  notes: { service: folder, why: mine }
answers:
  folder: { answer: subset, folder: ~/src/thing, files: [a.txt, sub/b.pdf] }
  network: { answer: real, allow: [host, lan] }
  notes: deny
limits: { memory: 512 MiB, tasks: 256, cpu: 150 % }
environment: { LANG: C.UTF-8 }
autostart: true
restart: { when: always, delay: 500ms, longest-delay: 2m, most: 5 in 10m }
ready: { port: 5432, within: 10s }
links: [{ to: db }]
`),
    {
      name: "x",
      recipe: "ripgrep",
      isolation: "container",
      tags: ["work", "notes"],
      program: "rg",
      requests: { notes: { service: "folder", why: "mine", need: "optional", verbs: ["read"], inside: "/mnt/notes" } },
      answers: {
        folder: {
          answer: "subset",
          folder: "/home/ada/src/thing",
          files: ["a.txt", "sub/b.pdf"],
          allow: undefined,
          rules: undefined,
        },
        network: { answer: "real", folder: undefined, files: undefined, allow: ["host", "lan"], rules: undefined },
        notes: { answer: "deny", folder: undefined, files: undefined, allow: undefined, rules: undefined },
      },
      limits: { memoryBytes: 512 * 2 ** 20, tasks: 256, cpuPercent: 150 },
      environment: { LANG: "C.UTF-8" },
      service: {
        autostart: true,
        restart: { when: "always", delayMs: 500, longestDelayMs: 120_000, most: { ends: 5, withinMs: 600_000 } },
        ready: { sign: { kind: "port", port: 5432 }, withinMs: 10_000 },
        links: [{ to: "db", port: undefined, as: undefined }],
      },
    },
  );
});

test("a deployment of two lines grants nothing and limits nothing", () => {
  assert.deepEqual(parsed(HEAD), {
    name: "x",
    recipe: "ripgrep",
    isolation: "container",
    tags: [],
    program: undefined,
    requests: {},
    answers: {},
    limits: { memoryBytes: undefined, tasks: undefined, cpuPercent: undefined },
    environment: {},
    service: NO_SERVICE,
  });
});

test("a leading ~/ is the owner's home, and nothing else is", () => {
  const folder = (written: string, home?: string) =>
    parsed(`${HEAD}answers: { f: { answer: real, folder: ${written} } }\n`, home).answers["f"]?.folder;
  assert.equal(folder("~/a b/~"), "/home/ada/a b/~");
  assert.equal(folder('"~"'), "/home/ada");
  assert.equal(folder("~/"), "/home/ada");
  assert.equal(folder("/srv/~/x"), "/srv/~/x");
  assert.equal(folder("~/x", "/"), "/x");
});

test("sizes are read in whole units, within their range", () => {
  const memory = (written: string) => parsed(`${HEAD}limits: { memory: ${written} }\n`).limits.memoryBytes;
  assert.equal(memory("16 MiB"), 16 * 2 ** 20);
  assert.equal(memory("16384KiB"), 16 * 2 ** 20);
  assert.equal(memory("1 TiB"), 2 ** 40);
  assert.equal(memory("1024 GiB"), 2 ** 40);
  for (const wrong of ["16383 KiB", "1025 GiB", "512", "512 MB", "0 MiB", "-1 MiB", "1e3 MiB", "0512 MiB"]) {
    assert.match(complaints(`${HEAD}limits: { memory: ${wrong} }\n`).join(), /^3:19: limits\.memory: /, wrong);
  }
});

test("shares of a processor and numbers of tasks hold their range", () => {
  assert.deepEqual(parsed(`${HEAD}limits: { cpu: 6400%, tasks: 100000 }\n`).limits, {
    memoryBytes: undefined,
    tasks: 100_000,
    cpuPercent: 6400,
  });
  for (const wrong of [
    "cpu: 0 %",
    "cpu: 6401 %",
    "cpu: 50",
    "tasks: 0",
    "tasks: 100001",
    "tasks: 1.5",
    "tasks: .nan",
  ]) {
    assert.equal(complaints(`${HEAD}limits: { ${wrong} }\n`).length, 1, wrong);
  }
});

test("a wrong answer is answered with the right ones", () => {
  assert.deepEqual(complaints(`${HEAD}answers:\n  network: dney\n`), [
    '4:12: answers.network: "dney" is none of deny, empty, fake, subset, copy, real, ask. Did you mean "deny"?',
  ]);
  assert.deepEqual(complaints(`${HEAD}answers:\n  network: [deny]\n`), [
    "4:12: answers.network: expected one of deny, empty, fake, subset, copy, real, ask, found a list",
  ]);
  assert.deepEqual(complaints(`${HEAD}answers:\n  folder: { answer: real, folder: ~/src/, fodler: 1 }\n`), [
    '4:35: answers.folder.folder: "~/src/" is not a clean path. Write "~/src"',
    '4:43: fodler: not a key of an answer. Did you mean "folder"?',
  ]);
});
