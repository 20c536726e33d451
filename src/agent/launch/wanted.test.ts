import assert from "node:assert/strict";
import { test } from "node:test";
import type { Recipe } from "../../model/index.ts";
import { carefulDeployment, NO_WORDS, parseFolder, passingRecipe, withFlags } from "./wanted.ts";

const RECIPE: Recipe = {
  name: "search",
  summary: "",
  base: undefined,
  components: [],
  packages: ["ripgrep"],
  repositories: [],
  programs: { rg: { command: ["/usr/bin/rg"], arguments: "files" } },
  requests: {
    folder: { service: "folder", why: "to search", need: "optional", verbs: ["read"], inside: "/work" },
    net: { service: "network", why: "to fetch", need: "optional", verbs: [], inside: undefined },
  },
  volumes: {},
  ownSandbox: false,
  ready: undefined,
  desktop: undefined,
};

test("a careful deployment denies every request by name", () => {
  const { answers } = carefulDeployment(RECIPE, "mine");
  assert.deepEqual(
    Object.entries(answers).map(([name, { answer }]) => [name, answer]),
    [
      ["folder", "deny"],
      ["net", "deny"],
    ],
  );
});

test("--folder reads HOST[:INSIDE]=ANSWER, with = and : in names", () => {
  assert.deepEqual(parseFolder("/a=b/c:d:/srv/x=subset"), {
    ok: true,
    value: { folder: "/a=b/c:d", inside: "/srv/x", answer: "subset" },
  });
  assert.deepEqual(parseFolder("/notes=real"), {
    ok: true,
    value: { folder: "/notes", inside: undefined, answer: "real" },
  });
  for (const bad of [
    "",
    "=real",
    "/notes",
    "/notes=reel",
    "notes=real",
    "/a/../b=real",
    "/a:/etc=real",
    "/a\0b=real",
  ]) {
    assert.equal(parseFolder(bad).ok, false, bad);
  }
});

test("a folder flag answers the recipe's request, and so gives no more than it asks", () => {
  const flagged = withFlags(RECIPE, carefulDeployment(RECIPE, "mine"), { ...NO_WORDS, folders: ["/notes=real"] });
  assert.ok(flagged.ok);
  assert.equal(flagged.value.answers["folder"]?.folder, "/notes");
  assert.deepEqual(flagged.value.requests, {});
});

test("a second folder becomes a request of the owner's own, at a place of its own", () => {
  const flagged = withFlags(RECIPE, carefulDeployment(RECIPE, "mine"), {
    ...NO_WORDS,
    folders: ["/a=real", "/b=real"],
  });
  assert.ok(flagged.ok);
  assert.deepEqual(flagged.value.requests["folder-2"]?.inside, "/work-2");
});

test("--net takes an answer and zones, and refuses what it does not know", () => {
  const of = (network: string) => withFlags(RECIPE, carefulDeployment(RECIPE, "mine"), { ...NO_WORDS, network });
  const real = of("real:lan");
  assert.ok(real.ok);
  assert.deepEqual(real.value.answers["net"]?.allow, ["lan"]);
  for (const bad of ["all", "real:", "real:moon", "real:lan:host"]) assert.equal(of(bad).ok, false, bad);
});

test("--package takes names of packages only, and needs the program", () => {
  const of = (packages: readonly string[], words: readonly string[] = ["rg"]) =>
    passingRecipe("run-x", { ...NO_WORDS, packages, arguments: words });
  const passing = of(["ripgrep"], ["rg", "TODO"]);
  assert.ok(passing.ok);
  assert.deepEqual(passing.value.programs["program"]?.command, ["/usr/bin/rg"]);
  assert.ok(of(["g++"]).ok);
  for (const bad of ["-o", "foo-", "../x", "Foo", ""]) assert.equal(of([bad]).ok, false, bad);
  assert.equal(of(["ripgrep"], []).ok, false);
});
