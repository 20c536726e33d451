import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { parseComponent } from "./component.ts";
import { showComplaint } from "./complaint.ts";

const HEAD = "skerry: component/1\nsummary: x\n";

function read(text: string) {
  return parseComponent(text, { file: "x.yaml", name: "x" });
}

function complaints(text: string): readonly string[] {
  const component = read(text);
  return component.ok ? [] : component.problem.complaints.map((complaint) => showComplaint(complaint));
}

test("a component is read whole", () => {
  const text = `${HEAD}needs: [fonts]\nfacts: [gpus, locale]\npackages: [a1]\nplace: bottom\nwhen:
  - { gpus: [intel, none], locale: [de, de_AT], packages: [b1, c1] }\ngenerates: [locale]\n`;
  assert.deepEqual(read(text), {
    ok: true,
    value: {
      name: "x",
      summary: "x",
      needs: ["fonts"],
      facts: ["gpus", "locale"],
      packages: ["a1"],
      when: [{ gpus: ["intel", "none"], locale: ["de", "de_AT"], packages: ["b1", "c1"] }],
      generatesLocale: true,
      place: "bottom",
    },
  });
});

test("what depends on facts lies high where nothing else is written", () => {
  const placed = (text: string) => {
    const component = read(HEAD + text);
    return component.ok ? component.value.place : undefined;
  };
  assert.equal(placed(""), "middle");
  assert.equal(placed("facts: [locale]\ngenerates: [locale]\n"), "top");
});

test("a fact is used where it is declared, and declared where it is used", () => {
  assert.deepEqual(complaints(`${HEAD}facts: [gpus]\n`), [
    'x.yaml:3:9: facts[0]: "gpus" is declared, and nothing depends on it. Take it out',
  ]);
  assert.match(
    complaints(`${HEAD}when: [{ gpus: [amd], packages: [a1] }]\n`)[0] ?? "",
    /:3:10: the fact "gpus" is not/,
  );
  assert.match(complaints(`${HEAD}generates: [locale]\n`)[0] ?? "", /the fact "locale" is not declared/);
  assert.match(complaints(`${HEAD}when: [{ packages: [a1] }]\n`)[0] ?? "", /names no fact/);
  assert.match(complaints(`${HEAD}needs: [x]\n`)[0] ?? "", /"x" is this component itself/);
});

test("every component that comes with Skerry is right, and needs only what is there", () => {
  const bases = new URL("../../os-bases/", import.meta.url);
  for (const base of readdirSync(bases)) {
    const folder = new URL(`${base}/components/`, bases);
    const files = readdirSync(folder);
    assert.ok(files.length > 5, base);
    for (const file of files) {
      const component = parseComponent(readFileSync(new URL(file, folder), "utf8"), { file, name: file.slice(0, -5) });
      assert.ok(component.ok, JSON.stringify(component));
      for (const need of component.value.needs) assert.ok(files.includes(`${need}.yaml`), `${file} needs ${need}`);
    }
  }
});
