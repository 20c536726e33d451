import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import type { Argv, Step } from "../step/index.ts";
import { type LauncherInputs, launcherText, type PlannedStart, quote } from "./launcher.ts";

const INPUTS: LauncherInputs = {
  places: "",
  bootId: "b",
  expires: 5,
  claim: "/r/claim",
  compartments: "/r/compartments",
  spool: "/s/spool",
  deployment: "/c/it's.yaml",
  recipe: "/p/recipes/x.yaml",
  arguments: "any",
  files: { paths: [], said: "" },
  folders: { paths: [], said: "" },
  plainFolders: [],
  mountsMatter: false,
  absent: [],
  notes: "",
};

const planned = (id: string, terminal: string | undefined, words: readonly string[]): PlannedStart => ({
  id,
  terminal,
  steps: [{ kind: "make-folder", path: `/r/compartments/${id}`, mode: 0o711 }],
  argv: [
    "/usr/bin/printf",
    "<%s>",
    `/r/${id}/status`,
    ...words,
    ...(terminal === undefined ? [] : ["--setenv", "TERM", terminal]),
    "--",
    "/bin/app",
  ] satisfies Argv,
  record: JSON.stringify({ id, words }),
});

/** A word as any caller's file may bring it; a shell's word holds no NUL. */
const word = fc.string({ unit: "binary", maxLength: 40 }).filter((text) => !text.includes("\0") && text.isWellFormed());

/** What a shell makes of it: the words behind `printf`, each in angle brackets. */
function begun(text: string, terminal: string, more: readonly string[]): string {
  const script = `${text}\nid=app.0badcafe; terminal=$1; shift; begin "$@"`;
  const done = spawnSync("/bin/sh", ["-euc", script, "sh", terminal, ...more], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout;
}

const shown = (words: readonly string[]) => words.map((one) => `<${one}>`).join("");

test("a shell reads each quoted word as it was", () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), (words) => {
      const script = `printf '<%s>' ${words.map(quote).join(" ")}`;
      const done = spawnSync("/bin/sh", ["-c", script], { encoding: "utf8" });
      assert.equal(done.stdout, shown(words));
    }),
    { numRuns: 60 },
  );
  assert.throws(() => quote("a\0b"), /NUL/);
});

test("a launcher begins just what was planned, with id, terminal and arguments of its own", () => {
  fc.assert(
    fc.property(fc.array(word, { maxLength: 5 }), fc.array(word, { maxLength: 4 }), (words, more) => {
      fc.pre(words.every((one) => !/app\.|--setenv/.test(one)));
      const made = launcherText(planned("app.11111111", undefined, words), planned("app.22222222", "t", words), INPUTS);
      assert.ok(made.ok, JSON.stringify(made));
      const start = ["/r/app.0badcafe/status", ...words];
      assert.equal(begun(made.value.text, "", more), shown([...start, "--", "/bin/app", ...more]));
      const terminal = ["--setenv", "TERM", "xterm $(id)"];
      assert.equal(
        begun(made.value.text, "xterm $(id)", more),
        shown([...start, ...terminal, "--", "/bin/app", ...more]),
      );
    }),
    { numRuns: 40 },
  );
});

test("there is no launcher where two plans of a start differ in anything else", () => {
  const plain = planned("app.11111111", undefined, ["a"]);
  for (const other of [
    planned("app.22222222", "t", ["b"]),
    planned("app.22222222", undefined, ["a"]),
    { ...planned("app.22222222", "t", ["a"]), terminal: "u" },
  ]) {
    const made = launcherText(plain, other, INPUTS);
    assert.deepEqual(made, {
      ok: false,
      problem: { kind: "no-launcher", because: "two plans of one start differ in more than id and terminal" },
    });
  }
});

test("what each start must do besides folders and control groups has no launcher; what stays is done once", () => {
  const plain = planned("app.11111111", undefined, []);
  const withSteps = (...steps: readonly Step[]) =>
    launcherText({ ...plain, steps: [...plain.steps, ...steps] }, planned("app.22222222", "t", []), INPUTS);
  const ofStart = withSteps({ kind: "write-file", path: "/r/app.11111111/x", mode: 0o600, content: "" });
  assert.equal(ofStart.ok ? "" : ofStart.problem.because, "each start has to write-file");
  const kept: Step = { kind: "write-file", path: "/r/files/x", mode: 0o600, content: "" };
  const once = withSteps(kept, { kind: "make-cgroup", path: "/g/app.11111111", settings: { "pids.max": "5" } });
  assert.deepEqual(once.ok && once.value.once, [kept]);
  assert.match(once.ok ? once.value.text : "", /printf %s '5' >'\/g\/'"\$id"'\/pids.max'/);
});
