import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { showComplaint } from "./complaint.ts";
import { parseRecipe } from "./recipe.ts";
import { parseBase, parseFacts, parseMirrors } from "./settings.ts";

const PROGRAM = new URL("../../", import.meta.url);

test("every base that comes with the program reads without complaint", () => {
  const names = readdirSync(new URL("os-bases", PROGRAM));
  assert.deepEqual(names.toSorted(), ["debian-12", "debian-13"]);
  for (const name of names) {
    const text = readFileSync(new URL(`os-bases/${name}/base.yaml`, PROGRAM), "utf8");
    const base = parseBase(text, { file: `${name}/base.yaml`, name });
    assert.ok(
      base.ok,
      base.ok ? "" : base.problem.complaints.map((complaint) => showComplaint(complaint, text)).join("\n"),
    );
    assert.equal(base.value.state, "supported");
    assert.deepEqual(
      base.value.archives.map(({ snapshotName }) => snapshotName),
      ["debian", "debian-security"],
    );
  }
});

test("every recipe of the catalogue reads without complaint", () => {
  const files = readdirSync(new URL("recipes", PROGRAM)).filter((file) => file.endsWith(".yaml"));
  assert.ok(files.length >= 3, "the catalogue was not found");
  for (const file of files) {
    const text = readFileSync(new URL(`recipes/${file}`, PROGRAM), "utf8");
    const recipe = parseRecipe(text, { file, name: file.slice(0, -".yaml".length) });
    assert.ok(
      recipe.ok,
      recipe.ok ? "" : recipe.problem.complaints.map((complaint) => showComplaint(complaint, text)).join("\n"),
    );
  }
});

test("a base reads as its value", () => {
  const base = parseBase(
    `skerry: base/1
summary: A base
engine: apt
state: deprecated
until: 2028-02-29
successor: next
archives:
  - uri: https://archive.example.org:8443/debian
    suites: [stable, stable/updates]
    components: [main, contrib]
    keyring: /usr/share/keyrings/example.gpg
packages: ["?essential", "?priority(required)", apt]
merged-usr: [bin, lib64]
`,
    { file: "base.yaml", name: "example" },
  );
  assert.deepEqual(base, {
    ok: true,
    value: {
      name: "example",
      summary: "A base",
      engine: "apt",
      state: "deprecated",
      until: "2028-02-29",
      successor: "next",
      archives: [
        {
          uri: "https://archive.example.org:8443/debian",
          suites: ["stable", "stable/updates"],
          components: ["main", "contrib"],
          trusts: { keyring: "/usr/share/keyrings/example.gpg" },
          snapshotName: undefined,
        },
      ],
      packages: ["?essential", "?priority(required)", "apt"],
      snapshot: undefined,
      mergedUsr: ["bin", "lib64"],
    },
  });
});

test("mirrors and a proxy read as their value", () => {
  const mirrors = parseMirrors(
    `skerry: mirrors/1
mirrors: { "http://deb.debian.org/debian": "http://mirror.example.org/debian" }
proxy: http://127.0.0.1:3142
`,
    { file: "mirrors.yaml", name: "mirrors" },
  );
  assert.deepEqual(mirrors, {
    ok: true,
    value: {
      mirrors: { "http://deb.debian.org/debian": "http://mirror.example.org/debian" },
      proxy: "http://127.0.0.1:3142",
      snapshot: undefined,
    },
  });
});

test("facts that are written are overridden, and no others", () => {
  const source = { file: "facts.yaml", name: "facts" };
  const facts = parseFacts(
    "skerry: facts/1\nlocale: de_DE.UTF-8\ntimeZone: Europe/Berlin\ngpus: [intel, 1af4]\nkvm: false\n",
    source,
  );
  assert.deepEqual(facts, {
    ok: true,
    value: { locale: "de_DE.UTF-8", timeZone: "Europe/Berlin", gpus: ["intel", "1af4"], kvm: false },
  });
  assert.deepEqual(parseFacts("skerry: facts/1\n", source), { ok: true, value: {} });
});
