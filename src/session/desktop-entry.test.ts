import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { desktopEntry, type EntryWanted } from "./desktop-entry.ts";

const WANTED: EntryWanted = {
  instance: "notes",
  recipe: "notes",
  summary: "Writes notes",
  desktop: { name: "Notes", icon: "notes", categories: ["Utility"], mimeTypes: ["text/plain"], terminal: false },
  program: "/opt/skerry/skerry",
  environment: {},
  takesFiles: true,
};

test("an entry, word for word", () => {
  assert.equal(
    desktopEntry(WANTED).split("\n").slice(1).join("\n"),
    `[Desktop Entry]
Type=Application
Version=1.0
Name=Notes
Comment=Writes notes
Exec="/opt/skerry/skerry" "run" "--quiet" "notes" -- %F
TryExec=/opt/skerry/skerry
Icon=notes
Terminal=false
Categories=Utility;
MimeType=text/plain;
X-Skerry-Instance=notes
`,
  );
});

test("a program that takes no files offers to open none, and a second instance is told from the first", () => {
  const text = desktopEntry({ ...WANTED, instance: "mine", takesFiles: false });
  assert.match(text, /^Name=Notes \(mine\)$/m);
  assert.doesNotMatch(text, /MimeType|%F/);
});

/** A value of the type string, as the specification has it read. */
function readValue(text: string): string {
  const escapes: Readonly<Record<string, string>> = { s: " ", n: "\n", t: "\t", r: "\r", "\\": "\\", ";": ";" };
  return text.replaceAll(/\\(.)/g, (_, char: string) => escapes[char] ?? assert.fail(`no escape: ${char}`));
}

/** Words of Exec, all in quotes but field codes. */
function readExec(text: string): readonly string[] {
  const words: string[] = [];
  for (let rest = text; rest !== ""; ) {
    const plain = /^([^" ]+) ?/.exec(rest);
    const quoted = /^"((?:[^"`$\\]|\\["`$\\])*)" ?/.exec(rest);
    const found = plain ?? quoted ?? assert.fail(`no word: ${rest}`);
    const word = plain === null ? (found[1] ?? "").replaceAll(/\\(.)/g, "$1") : (found[1] ?? "");
    if (plain === null) assert.doesNotMatch(word.replaceAll("%%", ""), /%/);
    words.push(plain === null ? word.replaceAll("%%", "%") : word);
    rest = rest.slice(found[0].length);
  }
  return words;
}

const hostile = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom(..." %\"'`$\\\n\r\t;=[]#Fab") }),
  fc.constantFrom("x\nExec=/bin/sh", "a;b", "%f", "\\n", " x", "[Desktop Action new]"),
);

test("whatever a recipe or a path says, there are the same keys, and each value reads back as what was meant", () => {
  const keys = (text: string) => text.split("\n").map((line) => line.split("=")[0]);
  fc.assert(
    fc.property(hostile, hostile, hostile, hostile, (name, summary, folder, home) => {
      const program = `/${folder.replaceAll("\0", "")}/skerry`;
      const environment = { SKERRY_HOME: home };
      const text = desktopEntry({ ...WANTED, summary, desktop: { ...WANTED.desktop, name }, program, environment });
      assert.deepEqual(keys(text).slice(1), keys(desktopEntry(WANTED)).slice(1));
      const value = (key: string) => {
        const line = text.split("\n").find((one) => one.startsWith(`${key}=`)) ?? assert.fail(key);
        return readValue(line.slice(key.length + 1));
      };
      assert.equal(value("Name"), name);
      assert.equal(value("Comment"), summary);
      assert.equal(value("TryExec"), program);
      const command = ["/usr/bin/env", `SKERRY_HOME=${home}`, program, "run", "--quiet", "notes", "--", "%F"];
      assert.deepEqual(readExec(value("Exec")), command);
    }),
  );
});
