import assert from "node:assert/strict";
import { test } from "node:test";
import type { Recipe } from "../model/index.ts";
import { showComplaint } from "./complaint.ts";
import { parseRecipe } from "./recipe.ts";
import { writeRecipe } from "./write.ts";
import { keyFault } from "./schema-parts.ts";

const HEAD = "skerry: recipe/1\nsummary: x\npackages: [ripgrep]\nprograms: { rg: /usr/bin/rg }\n";

function parsed(text: string): Recipe {
  const recipe = parseRecipe(text, { file: "x.yaml", name: "x" });
  if (recipe.ok) return recipe.value;
  throw new Error(recipe.problem.complaints.map((complaint) => showComplaint(complaint, text)).join("\n"));
}

function complaints(text: string, name = "x"): readonly string[] {
  const recipe = parseRecipe(text, { file: "x.yaml", name });
  return recipe.ok ? [] : recipe.problem.complaints.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

test("a recipe with every key reads as its value", () => {
  const recipe = parsed(`skerry: recipe/1
summary: Search files for text, fast
base: debian-13            # optional
packages: [ripgrep, ca-certificates]
programs:
  rg: { command: [/usr/bin/rg, --no-config], arguments: files }
  help: { command: [/usr/bin/rg, --help], arguments: none }
requests:
  folder: { service: folder, why: "the files to search", need: required, verbs: [read, write], inside: /work }
  network: { service: network, why: to look things up, need: optional }
volumes:
  settings: { class: settings, inside: /home/app/.config }
own-sandbox: true
ready: { command: [/usr/bin/check, -q] }
desktop: { name: An App, icon: app, categories: [Utility], mime-types: [text/plain], terminal: true }
`);
  assert.deepEqual(recipe, {
    name: "x",
    summary: "Search files for text, fast",
    base: "debian-13",
    components: [],
    packages: ["ripgrep", "ca-certificates"],
    repositories: [],
    programs: {
      rg: { command: ["/usr/bin/rg", "--no-config"], arguments: "files" },
      help: { command: ["/usr/bin/rg", "--help"], arguments: "none" },
    },
    requests: {
      folder: {
        service: "folder",
        why: "the files to search",
        need: "required",
        verbs: ["read", "write"],
        inside: "/work",
      },
      network: { service: "network", why: "to look things up", need: "optional", verbs: [], inside: undefined },
    },
    volumes: { settings: { class: "settings", inside: "/home/app/.config" } },
    ownSandbox: true,
    ready: { sign: { kind: "command", command: ["/usr/bin/check", "-q"] }, withinMs: 30_000 },
    desktop: { name: "An App", icon: "app", categories: ["Utility"], mimeTypes: ["text/plain"], terminal: true },
  });
});

test("what a recipe leaves out has careful defaults", () => {
  const recipe = parsed(`${HEAD}requests:\n  pictures: { service: folder, why: to show them }\n`);
  assert.deepEqual(recipe, {
    name: "x",
    summary: "x",
    base: undefined,
    components: [],
    packages: ["ripgrep"],
    repositories: [],
    programs: { rg: { command: ["/usr/bin/rg"], arguments: "any" } },
    requests: {
      pictures: { service: "folder", why: "to show them", need: "optional", verbs: ["read"], inside: "/mnt/pictures" },
    },
    volumes: {},
    ownSandbox: false,
    ready: undefined,
    desktop: undefined,
  });
});

test("programs, requests and volumes keep the order in which they are written", () => {
  const recipe = parsed(
    `${HEAD.replace("{ rg: /usr/bin/rg }", "{ z: /z, a: /a, m: /m }")}volumes: { y: { class: data, inside: /y }, b: { class: temp, inside: /b } }\n`,
  );
  assert.deepEqual(Object.keys(recipe.programs), ["z", "a", "m"]);
  assert.deepEqual(Object.keys(recipe.volumes), ["y", "b"]);
});

test("one reading names all that is wrong, in the order of the text", () => {
  assert.deepEqual(
    complaints(`skerry: recipe/1
summary: x
packages: [Rip, ripgrep]
programs:
  rg: { comand: [/usr/bin/rg], arguments: file }
requests:
  f: { service: folder, why: x, insid: /etc/x, verbs: [raed] }
netwrok: deny
`),
    [
      '3:12: packages[0]: "Rip" is no package name. Package names have lower-case letters, digits and + . -, and neither version nor architecture',
      "5:3: programs.rg.command: missing. Write a list of a program and its arguments",
      '5:9: comand: not a key of a program. Did you mean "command"?',
      '5:43: programs.rg.arguments: "file" is none of any, files, none. Did you mean "files"?',
      '7:33: insid: not a key of a folder request. Did you mean "inside"?',
      '7:56: requests.f.verbs[0]: "raed" is none of read, write. Did you mean "read"?',
      "8:1: netwrok: not a key of a recipe. There are: skerry, summary, base, components, packages, imported, image, machine, repositories, programs, requests, volumes, own-sandbox, guest, provides, ready, desktop",
    ],
  );
});

test("an image that was imported takes nothing else, and is written as it is read", () => {
  const imported = "a".repeat(64);
  const text = `skerry: recipe/1\nsummary: x\nimported: "${imported}"\npackages: []\nprograms: { sh: /bin/sh }\n`;
  const read = parseRecipe(text, { file: "x.yaml", name: "x" });
  assert.ok(read.ok);
  assert.equal(read.value.imported, imported);
  const again = parseRecipe(writeRecipe(read.value), { file: "x.yaml", name: "x" });
  assert.deepEqual(again.ok && again.value, read.value);
  assert.deepEqual(complaints(text.replace("[]", "[ripgrep]").replace("packages", "components: [gtk]\npackages")), [
    "4:13: components: an image that was imported takes no packages; take this out, or take out imported",
    "5:11: packages: an image that was imported takes no packages; take this out, or take out imported",
  ]);
  assert.match(complaints(text.replace("aaaa", "../x"))[0] ?? "", /is no SHA-256/);
});

test("a recipe whose file has no fitting name is refused", () => {
  assert.match(complaints(HEAD, "Rip Grep")[0] ?? "", /^1:1: the file's name: "Rip Grep" is no name/);
  assert.match(complaints(HEAD, "constructor")[0] ?? "", /reserved word/);
});

test("limits hold at their edges", () => {
  const packages = (count: number) => Array.from({ length: count }, (_, index) => `p${index}`).join(", ");
  assert.deepEqual(complaints(HEAD.replace("ripgrep", packages(200))), []);
  assert.deepEqual(complaints(HEAD.replace("ripgrep", packages(201))), [
    "3:11: packages: at most 200 entries, found 201",
  ]);
  const volumes = (count: number) =>
    Array.from({ length: count }, (_, index) => `  v${index}: { class: data, inside: /v${index} }\n`).join("");
  assert.deepEqual(complaints(`${HEAD}volumes:\n${volumes(50)}`), []);
  assert.deepEqual(complaints(`${HEAD}volumes:\n${volumes(51)}`), ["6:3: volumes: at most 50 entries, found 51"]);
  const command = (argument: string, count: number) =>
    HEAD.replace("/usr/bin/rg", `{ command: [/usr/bin/rg${`, ${argument}`.repeat(count)}] }`);
  assert.deepEqual(complaints(command("x", 99)), []);
  assert.deepEqual(complaints(command("x", 100)), ["4:28: programs.rg.command: at most 100 entries, found 101"]);
  assert.deepEqual(complaints(command("x".repeat(4096), 1)), []);
  assert.deepEqual(complaints(command("x".repeat(4097), 1)), [
    "4:42: programs.rg.command[1]: at most 4096 characters, found 4097",
  ]);
});

test("a volume may not take the place that a request has by default", () => {
  assert.deepEqual(
    complaints(
      `${HEAD}requests: { x: { service: folder, why: x } }\nvolumes: { v: { class: data, inside: /mnt/x/below } }\n`,
    ),
    [
      '6:38: volumes.v.inside: "/mnt/x/below" lies in "/mnt/x", the place of request x. Give each a folder of its own, none in another',
    ],
  );
});

const KEY_BLOCK = `-----BEGIN PGP PUBLIC KEY BLOCK-----
Comment: made for a test

mDMEZvXy9RYJKwYBBAHaRw8BAQdAnJq0
=abcd
-----END PGP PUBLIC KEY BLOCK-----
`;

test("one armored public key is a key, and nothing else is", () => {
  assert.equal(keyFault(KEY_BLOCK), undefined);
  assert.match(keyFault(KEY_BLOCK.replaceAll("PUBLIC", "PRIVATE")) ?? "", /a private key/);
  for (const text of [
    "",
    `${KEY_BLOCK}${KEY_BLOCK}`,
    `${KEY_BLOCK}Trusted: yes\n`,
    ` ${KEY_BLOCK}`,
    KEY_BLOCK.replaceAll("\n", "\r\n"),
    KEY_BLOCK.replace("=abcd", "\n.\nTrusted: yes"),
    KEY_BLOCK.replace("=abcd", "a".repeat(77)),
    KEY_BLOCK.replace("=abcd\n", "abcd\n".repeat(2001)),
  ])
    assert.match(keyFault(text) ?? "", /no armored OpenPGP public key/, JSON.stringify(text.slice(0, 80)));
});

test("a long text that is nearly a key is refused in bounded time", () => {
  const nearly = KEY_BLOCK.replace("=abcd\n", `${"a".repeat(76)}\n`.repeat(200_000));
  assert.notEqual(keyFault(nearly), undefined);
});
