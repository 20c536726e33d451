import assert from "node:assert/strict";
import { test } from "node:test";
import { ABLE } from "../backends/contract.fixture.ts";
import { type Contribution, type Deployment, NO_SERVICE, type Places, type Recipe } from "../model/index.ts";
import { environmentOf, type StartWanted, specFor } from "./spec.ts";

const PLACES: Places = { config: "/c", data: "/d", state: "/s", cache: "/a", runtime: "/r", program: "/p" };

const RECIPE: Recipe = {
  name: "notes",
  summary: "",
  base: undefined,
  components: [],
  packages: [],
  repositories: [],
  programs: {
    edit: { command: ["/usr/bin/edit", "--quiet"], arguments: "files" },
    list: { command: ["/usr/bin/list"], arguments: "none" },
  },
  requests: {},
  volumes: {
    data: { class: "data", inside: "/home/app/data" },
    scratch: { class: "temp", inside: "/home/app/scratch" },
  },
  ownSandbox: false,
  ready: undefined,
  desktop: undefined,
};

const DEPLOYMENT: Deployment = {
  name: "mine",
  recipe: "notes",
  isolation: "container",
  tags: [],
  program: undefined,
  requests: {},
  answers: {},
  limits: { memoryBytes: undefined, tasks: undefined, cpuPercent: undefined },
  environment: { LANG: "de_DE.UTF-8", EXTRA: "x" },
  service: NO_SERVICE,
};

const WANTED: StartWanted = {
  id: "mine.00000001",
  deployment: DEPLOYMENT,
  recipe: RECIPE,
  image: {
    recipe: "notes",
    recipeDigest: "",
    base: "debian-13",
    layers: ["k"],
    passwd: "root:x:0:0:root:/root:/bin/bash\ngames:x:1000:60::/usr/games:/bin/sh\napp:x:7:7::/evil:/bin/evil\n",
    group: "root:x:0:\nusers:x:1000:\n",
    built: "",
  },
  layers: ["/d/store/layers/k/fs"],
  effective: [],
  user: { uid: 1000, gid: 1000, allocated: false },
  machineId: "0123456789abcdef0123456789abcdef",
  extra: [],
  files: new Map(),
  terminal: undefined,
  acceptWeaker: [],
  endsWithCaller: false,
  slotsFor: [],
  disks: [],
};

function specOf(parts: Partial<StartWanted> = {}) {
  const spec = specFor({ ...WANTED, ...parts }, ABLE, PLACES);
  assert.ok(spec.ok, JSON.stringify(spec));
  return spec.value;
}

function fileAt(contributions: readonly Contribution[], target: string): string {
  const found = contributions.find((entry) => entry.kind === "file" && entry.target === target);
  assert.ok(found?.kind === "file", target);
  return found.content;
}

test("the default program is the first one, and what the user adds stands untouched behind it", () => {
  const extra = ["--", "a b", "", "-x", "'\"$(x)"];
  assert.deepEqual(specOf({ extra }).command, ["/usr/bin/edit", "--quiet", ...extra]);
});

test("a deployment can name another program; one that there is not is refused with those there are", () => {
  assert.deepEqual(specOf({ deployment: { ...DEPLOYMENT, program: "list" } }).command, ["/usr/bin/list"]);
  const wrong = specFor({ ...WANTED, deployment: { ...DEPLOYMENT, program: "constructor" } }, ABLE, PLACES);
  assert.ok(!wrong.ok && wrong.problem.kind === "unknown-program");
  assert.deepEqual(wrong.problem.known, ["edit", "list"]);
});

test("a program that takes no arguments gets none", () => {
  const deployment = { ...DEPLOYMENT, program: "list" };
  const wrong = specFor({ ...WANTED, deployment, extra: ["x"] }, ABLE, PLACES);
  assert.ok(!wrong.ok && wrong.problem.kind === "no-arguments");
});

test("a host file among the arguments becomes a grant of that one file, and the word its place inside", () => {
  const spec = specOf({ extra: ["-n", "a.txt"], files: new Map([[1, { folder: "/home/owner", name: "a.txt" }]]) });
  assert.deepEqual(spec.command.slice(2), ["-n", "/run/skerry/arguments/1/a.txt"]);
  assert.deepEqual(
    spec.contributions.filter(({ kind }) => kind === "pick"),
    [{ kind: "pick", source: "/home/owner", files: ["a.txt"], target: "/run/skerry/arguments/1" }],
  );
});

test("the user inside is app with the user's own id, whoever the image gave that id or name to", () => {
  const { contributions } = specOf();
  assert.deepEqual(fileAt(contributions, "/etc/passwd").trim().split("\n"), [
    "root:x:0:0:root:/root:/bin/bash",
    "app:x:1000:1000:app:/home/app:/bin/sh",
  ]);
  assert.deepEqual(fileAt(contributions, "/etc/group").trim().split("\n"), ["root:x:0:", "app:x:1000:"]);
});

test("volumes are the instance's own, and a temporary one is in memory", () => {
  const { contributions } = specOf();
  assert.ok(
    contributions.some(
      (entry) => entry.kind === "bind" && entry.source === "/d/volumes/mine/data" && entry.access === "write",
    ),
  );
  assert.ok(contributions.some((entry) => entry.kind === "memory-folder" && entry.target === "/home/app/scratch"));
});

test("the environment is what stands here and in the deployment, whose word counts", () => {
  const environment = environmentOf(specOf({ terminal: "xterm" }), undefined);
  assert.deepEqual(Object.keys(environment).toSorted(), [
    ...["EXTRA", "HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TZ", "USER", "XDG_RUNTIME_DIR"],
  ]);
  assert.equal(environment["LANG"], "de_DE.UTF-8");
});

test("names are asked for only where a network is granted", () => {
  assert.doesNotMatch(fileAt(specOf().contributions, "/etc/resolv.conf"), /^nameserver/);
  const effective = {
    request: "net",
    service: "network",
    answer: "real",
    gets: "",
    because: "answered",
    contributions: [{ kind: "network", zones: [] }],
    warnings: [],
  } as const;
  assert.match(fileAt(specOf({ effective: [effective] }).contributions, "/etc/resolv.conf"), /^nameserver /);
});
