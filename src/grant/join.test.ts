import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Answer, Deployment, Grant, Recipe, Request } from "../model/index.ts";
import { ANSWERS, NO_SERVICE, VERBS } from "../model/index.ts";
import { type JoinContext, joinGrants } from "./join.ts";

const HOME = "/home/owner";
const OWN = [`${HOME}/.config/skerry`, `${HOME}/.local/share/skerry`, `${HOME}/.local/state/skerry`];

const context: JoinContext = {
  findings: new Map([
    [HOME, { real: HOME, type: "folder" }],
    ["/", { real: "/", type: "folder" }],
    ["/srv", { real: "/srv", type: "folder", kernelMount: "/srv/debian/proc" }],
    ["/run/user/1000", { real: "/run/user/1000", type: "folder" }],
    ["/run/media/owner", { real: "/run/media/owner", type: "folder" }],
    [`${HOME}/.config`, { real: `${HOME}/.config`, type: "folder" }],
    ["/mnt", { real: "/mnt", type: "folder", mountBelow: "/mnt/disk" }],
    [`${HOME}/notes`, { real: `${HOME}/notes`, type: "folder" }],
    [`${HOME}/link`, { real: `${HOME}/.config/skerry/deployments`, type: "folder" }],
    [`${HOME}/file`, { real: `${HOME}/file`, type: "file" }],
    ["/opt/skerry/src", { real: "/opt/skerry/src", type: "folder" }],
  ]),
  ownFolders: OWN,
  dataFolder: `${HOME}/.local/share/skerry`,
  ownLinks: [],
  programFolder: "/opt/skerry",
  home: HOME,
};

const folder = (parts: Partial<Request> = {}): Request => ({
  service: "folder",
  why: "to work",
  need: "optional",
  verbs: ["read", "write"],
  inside: "/work",
  ...parts,
});

const grant = (answer: Answer, parts: Partial<Grant> = {}): Grant => ({
  answer,
  folder: undefined,
  files: undefined,
  allow: undefined,
  rules: undefined,
  ...parts,
});

function recipe(requests: Readonly<Record<string, Request>>): Recipe {
  const programs = { app: { command: ["/usr/bin/app"], arguments: "any" } } as const;
  return {
    name: "app",
    summary: "",
    base: undefined,
    components: [],
    packages: [],
    repositories: [],
    programs,
    requests,
    volumes: {},
    ownSandbox: false,
    ready: undefined,
    desktop: undefined,
  };
}

function deployment(answers: Readonly<Record<string, Grant>>): Deployment {
  return {
    name: "app",
    recipe: "app",
    isolation: "container",
    tags: [],
    program: undefined,
    requests: {},
    answers,
    limits: { memoryBytes: undefined, tasks: undefined, cpuPercent: undefined },
    environment: {},
    service: NO_SERVICE,
  };
}

function join(request: Request, answer?: Grant, found: JoinContext = context) {
  return joinGrants(recipe({ place: request }), deployment(answer === undefined ? {} : { place: answer }), found);
}

test("what is not written is denied", () => {
  const joined = join(folder());
  assert.ok(joined.ok);
  assert.deepEqual(joined.value[0]?.contributions, []);
  assert.equal(joined.value[0]?.because, "not-answered");
});

test("a required request that is not granted stops the start, with the line to write", () => {
  const joined = join(folder({ need: "required" }), grant("deny"));
  assert.ok(!joined.ok && joined.problem.kind === "unmet-request");
  assert.equal(joined.problem.line, "place: { answer: real, folder: ~/SOME/FOLDER }");
});

test("an answer that nobody requests is refused, with the name that may have been meant", () => {
  const joined = joinGrants(recipe({ place: folder() }), deployment({ plcae: grant("deny") }), context);
  assert.deepEqual(joined, {
    ok: false,
    problem: { kind: "not-requested", deployment: "app", request: "plcae", meant: "place" },
  });
});

test("a real folder is writable only where writing was requested too", () => {
  const [asked, notAsked] = [["read", "write"], ["read"]].map((verbs) => {
    const joined = join(
      folder({ verbs: VERBS.filter((verb) => verbs.includes(verb)) }),
      grant("real", { folder: `${HOME}/notes` }),
    );
    assert.ok(joined.ok);
    const first = joined.value[0]?.contributions[0];
    return first?.kind === "bind" ? first.access : undefined;
  });
  assert.deepEqual([asked, notAsked], ["write", "read"]);
});

test("a subset is read-only, whatever was requested", () => {
  const joined = join(folder(), grant("subset", { folder: `${HOME}/notes` }));
  assert.ok(joined.ok);
  assert.deepEqual(joined.value[0]?.contributions, [
    { kind: "bind", source: `${HOME}/notes`, target: "/work", access: "read" },
  ]);
});

test("chosen files are the only ones, and no path leads up", () => {
  const joined = join(folder(), grant("subset", { folder: `${HOME}/notes`, files: ["a", "b/c", "../d", "/e"] }));
  assert.ok(joined.ok);
  assert.deepEqual(joined.value[0]?.contributions, [
    { kind: "pick", source: `${HOME}/notes`, files: ["a", "b/c"], target: "/work" },
  ]);
});

test("a copy is written whatever was requested, since the folder itself is not, and hides what is Skerry's own", () => {
  const joined = join(folder({ verbs: ["read"] }), grant("copy", { folder: `${HOME}/.config` }));
  assert.ok(joined.ok);
  assert.deepEqual(joined.value[0]?.contributions, [
    { kind: "copy", request: "place", source: `${HOME}/.config`, target: "/work" },
    { kind: "empty-folder", target: "/work/skerry" },
  ]);
});

test("a copy is refused where it would lie in itself, leave a mount out, or come to where writing is not let to", () => {
  const why = (path: string, found = context) => {
    const joined = join(folder(), grant("copy", { folder: path }), found);
    return joined.ok ? "granted" : joined.problem.kind;
  };
  assert.equal(why(HOME), "folder-holds-copies");
  assert.equal(why("/mnt"), "folder-holds-mount");
  assert.equal(why("/opt/skerry/src"), "folder-is-skerrys");
  assert.equal(why("/srv"), "folder-is-systems");
  assert.equal(why("/run/user/1000"), "folder-is-systems");
  assert.equal(why(`${HOME}/file`), "folder-not-there");
  const linked = { ...context, ownLinks: [`${HOME}/.config/skerry`] };
  assert.equal(why(`${HOME}/.config`, linked), "folder-holds-link");
});

test("Skerry's own folders are granted to nobody, not by a link either", () => {
  const joined = join(folder(), grant("subset", { folder: `${HOME}/link` }));
  assert.ok(!joined.ok && joined.problem.kind === "folder-is-skerrys");
  assert.equal(joined.problem.own, `${HOME}/.config/skerry`);
});

test("a chosen file is none of Skerry's own either", () => {
  const joined = join(folder(), grant("subset", { folder: HOME, files: ["notes/a", ".config/skerry/mirrors.yaml"] }));
  assert.ok(!joined.ok && joined.problem.kind === "folder-is-skerrys");
});

test("what reaches the kernel's files or the session's sockets is granted to nobody, not even for reading", () => {
  for (const place of ["/srv", "/run/user/1000"]) {
    for (const answer of ["subset", "real"] as const) {
      const joined = join(folder(), grant(answer, { folder: place }));
      assert.ok(!joined.ok && joined.problem.kind === "folder-is-systems", place);
    }
  }
  assert.ok(join(folder(), grant("real", { folder: "/run/media/owner" })).ok);
});

test("a folder that holds a link to Skerry's own is not given for writing, since the link could be replaced", () => {
  const linked = { ...context, ownLinks: [`${HOME}/.config`] };
  const joined = join(folder(), grant("real", { folder: HOME }), linked);
  assert.ok(!joined.ok && joined.problem.kind === "folder-holds-link");
  assert.ok(join(folder(), grant("subset", { folder: HOME }), linked).ok, "for reading it is");
  assert.ok(join(folder(), grant("real", { folder: `${HOME}/notes` }), linked).ok, "beside it as well");
});

test("the program's own folder may be read and not written", () => {
  assert.ok(join(folder(), grant("subset", { folder: "/opt/skerry/src" })).ok);
  const joined = join(folder(), grant("real", { folder: "/opt/skerry/src" }));
  assert.ok(!joined.ok && joined.problem.kind === "folder-is-skerrys");
});

test("in a writable home Skerry's folders are hidden, and the folders on the way are pinned", () => {
  const joined = join(folder(), grant("real", { folder: HOME }));
  assert.ok(joined.ok);
  assert.deepEqual(
    joined.value[0]?.contributions.map((entry) => ("target" in entry ? [entry.kind, entry.target] : [])),
    [
      ["bind", "/work"],
      ["bind", "/work/.config"],
      ["empty-folder", "/work/.config/skerry"],
      ["bind", "/work/.local"],
      ["bind", "/work/.local/share"],
      ["empty-folder", "/work/.local/share/skerry"],
      ["bind", "/work/.local/state"],
      ["empty-folder", "/work/.local/state/skerry"],
    ],
  );
});

test("a writable grant that reaches what runs at login warns, with the list", () => {
  const joined = join(folder(), grant("real", { folder: HOME }));
  assert.ok(joined.ok);
  assert.match(joined.value[0]?.warnings[0] ?? "", /\.bashrc.*\.config\/autostart.*\.config\/systemd\/user/);
  const harmless = join(folder(), grant("real", { folder: `${HOME}/notes` }));
  assert.deepEqual(harmless.ok && harmless.value[0]?.warnings, []);
});

test("an option that means nothing with an answer is refused, not passed over", () => {
  for (const parts of [{ files: ["a"] }, { allow: ["lan"] }] as const) {
    const joined = join(folder(), grant("real", { folder: `${HOME}/notes`, ...parts }));
    assert.ok(!joined.ok && joined.problem.kind === "option-astray");
  }
});

test("a folder that is not there, or is a file, is named", () => {
  for (const [path, type] of [
    [`${HOME}/gone`, "none"],
    [`${HOME}/file`, "file"],
  ] as const) {
    const joined = join(folder(), grant("real", { folder: path }));
    assert.ok(!joined.ok && joined.problem.kind === "folder-not-there" && joined.problem.type === type);
  }
});

test("answers that are not served are refused with what can be answered instead", () => {
  for (const answer of ["fake", "ask"] as const) {
    const joined = join(folder(), grant(answer, { folder: `${HOME}/notes` }));
    assert.ok(!joined.ok && joined.problem.kind === "answer-not-served");
    assert.deepEqual(joined.problem.instead, ["deny", "empty", "subset", "copy", "real"]);
  }
});

test("whatever is answered, nothing of Skerry's own is reachable through what is let in", () => {
  const grants = fc.record({
    answer: fc.constantFrom(...ANSWERS),
    folder: fc.constantFrom("/", HOME, `${HOME}/.config`, `${HOME}/notes`, `${HOME}/link`, undefined),
    verbs: fc.subarray([...VERBS]),
  });
  fc.assert(
    fc.property(grants, ({ answer, folder: path, verbs }) => {
      const joined = join(folder({ verbs }), grant(answer, { folder: path }));
      if (!joined.ok) return;
      for (const own of OWN) {
        // The last mount that covers the folder inside decides what is seen there.
        let seen: string | undefined;
        let above = "";
        for (const entry of joined.value[0]?.contributions ?? []) {
          if (entry.kind === "bind" || entry.kind === "copy") {
            const base = entry.source === "/" ? "" : entry.source;
            if (entry.target === "/work") above = base;
            if (own === entry.source || own.startsWith(`${base}/`)) seen = entry.kind;
          }
          if (entry.kind === "empty-folder" && entry.target === `/work${own.slice(above.length)}`) seen = entry.kind;
        }
        assert.ok(seen === undefined || seen === "empty-folder", own);
      }
    }),
  );
});
