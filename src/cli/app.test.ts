import assert from "node:assert/strict";
import test from "node:test";
import { proposeCompletions } from "@stricli/core";
import { buildApp, COMMANDS, type CommandTable } from "./app.ts";
import { defineCommand } from "./command.ts";
import { printCompletions } from "./complete.ts";
import { EXIT } from "./exit.ts";
import { runWords, testWorld } from "./test-world.ts";

interface Seen {
  flags: { readonly rm: boolean; readonly net: readonly string[] };
  args: readonly string[];
}

function runTable(seen: Seen[]): CommandTable {
  const run = defineCommand<Seen["flags"], [string, ...string[]]>({
    parameters: {
      flags: {
        rm: { kind: "boolean", brief: "", default: false },
        net: { kind: "parsed", parse: String, brief: "", variadic: true, default: [] },
      },
      positional: { kind: "array", parameter: { brief: "", parse: String, placeholder: "name" }, minimum: 1 },
    },
    examples: ["run ripgrep -- --version"],
    run: async (_world, flags, ...args) => {
      seen.push({ flags, args });
      return 42;
    },
  });
  const broken = defineCommand({
    parameters: {},
    examples: ["broken"],
    run: async () => {
      throw new Error("a \u001b[31mbug");
    },
  });
  const load = async () => ({ default: run });
  return {
    run: { brief: "Run it.", load },
    broken: { brief: "Break.", load: async () => ({ default: broken }) },
    other: {
      brief: "Never loaded here.",
      load: async () => {
        throw new Error("loaded");
      },
    },
    recipe: { brief: "Recipes.", commands: { new: { brief: "Make one.", load } } },
  };
}

test("what stands after -- reaches the command untouched", async () => {
  const seen: Seen[] = [];
  const words = ["run", "rg", "--rm", "--net=a", "--net", "b", "--", "--rm", "--help", "-h", "--", "", "--unknown=1"];
  assert.equal(await runWords(testWorld(), words, runTable(seen)), 42);
  assert.deepEqual(seen, [
    { flags: { rm: true, net: ["a", "b"] }, args: ["rg", "--rm", "--help", "-h", "--", "", "--unknown=1"] },
  ]);
});

test("a flag that Skerry does not know is refused before --", async () => {
  const world = testWorld();
  const seen: Seen[] = [];
  assert.equal(await runWords(world, ["run", "rg", "--rn"], runTable(seen)), EXIT.usage);
  assert.match(world.printed.err, /--rn.*did you mean --rm/);
  assert.deepEqual(seen, []);
});

test("an unknown command ends with 64 and what was perhaps meant", async () => {
  const world = testWorld();
  assert.equal(await runWords(world, ["rum"], runTable([])), EXIT.usage);
  assert.match(world.printed.err, /did you mean `run`/);
});

test("a fault ends with 70, tells how to report it, and escapes its own words", async () => {
  const world = testWorld();
  assert.equal(await runWords(world, ["broken"], runTable([])), EXIT.fault);
  assert.match(world.printed.err, /fault: a \\x1b\[31mbug/);
  assert.match(world.printed.err, /report it/);
  assert.match(world.printed.err, /SKERRY_TRACE=1/);
});

test("only the command that is asked for is loaded, in a group too", async () => {
  const seen: Seen[] = [];
  assert.equal(await runWords(testWorld(), ["recipe", "new", "x"], runTable(seen)), 42);
  assert.equal(await runWords(testWorld(), ["--help"], runTable(seen)), EXIT.done);
  await assert.rejects(runWords(testWorld(), ["other"], runTable(seen)), /loaded/);
});

test("every command has help with an example of its own", async () => {
  for (const [name, entry] of Object.entries(COMMANDS)) {
    const paths = "load" in entry ? [[name]] : Object.keys(entry.commands).map((second) => [name, second]);
    for (const path of paths) {
      const world = testWorld();
      assert.equal(await runWords(world, [...path, "--help"]), EXIT.done);
      const typed = "standard" in entry && path[1] === entry.standard ? name : path.join(" ");
      assert.match(world.printed.out, new RegExp(`Examples?\\n  skerry ${typed}`), typed);
    }
  }
});

test("the root's help lists every command", async () => {
  const world = testWorld();
  assert.equal(await runWords(world, ["--help"]), EXIT.done);
  const helpOfRoot = world.printed.out;
  for (const name of Object.keys(COMMANDS)) assert.match(helpOfRoot, new RegExp(`^  ${name} `, "m"));
});

test("completion proposes commands, flags, and a command's own values", async () => {
  const propose = async (...words: string[]) =>
    (await proposeCompletions(await buildApp(words.slice(0, -1), "1"), words, testWorld())).map(
      (item) => item.completion,
    );
  assert.deepEqual(await propose("fa"), ["facts"]);
  assert.deepEqual(await propose("facts", "--j"), ["--json"]);
  assert.deepEqual(await propose("completions", "z"), ["zsh"]);
  assert.deepEqual(await propose("no-such", ""), []);
});

test("a proposal is a line with the word, a tab, and what it means", async () => {
  const world = testWorld();
  await printCompletions(world, await buildApp([], "1"), ["fact"]);
  assert.equal(world.printed.out, "facts\tShow what was found on this host.\n");
});
