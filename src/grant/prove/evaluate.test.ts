import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Contribution, isWithin, type NetworkRule } from "../../model/index.ts";
import { buildGraph, type Right, type WiredApp } from "../graph/graph.ts";
import { parseClaim } from "./parse.ts";
import { evaluateClaim } from "./evaluate.ts";
import { anyApps, FOLDERS } from "./random-graph.fixture.ts";

const HOME = "/home/ada";

function verdict(apps: readonly WiredApp[], text: string) {
  const claim = parseClaim(text, { home: HOME });
  assert.ok(claim.ok, claim.ok ? "" : claim.problem.message);
  const weighed = evaluateClaim(claim.value, apps, { real: (path) => path });
  assert.ok(weighed.ok, weighed.ok ? "" : weighed.problem.message);
  return weighed.value;
}

const holds = (apps: readonly WiredApp[], text: string) => verdict(apps, text).holds;

function app(
  name: string,
  parts: Partial<WiredApp> & { readonly reads?: string; readonly writes?: string; readonly net?: true },
): WiredApp {
  const granted = (request: string, contributions: WiredApp["effective"][number]["contributions"]) => ({
    request,
    service: "folder" as const,
    answer: "real" as const,
    gets: "",
    because: "answered" as const,
    contributions,
    warnings: [],
  });
  return {
    name,
    recipe: "r",
    tags: [],
    volumes: [],
    links: [],
    publish: [],
    secretFiles: [],
    disks: [],
    blocked: undefined,
    ...parts,
    effective: [
      ...(parts.reads === undefined
        ? []
        : [granted("in", [{ kind: "bind", source: parts.reads, target: "/in", access: "read" }])]),
      ...(parts.writes === undefined
        ? []
        : [granted("out", [{ kind: "bind", source: parts.writes, target: "/out", access: "write" }])]),
      ...(parts.net === undefined ? [] : [granted("internet", [{ kind: "network", zones: [] }])]),
    ],
  };
}

const shown = ({ app: who, verb, target }: Right) =>
  `${who} ${verb} ${target.kind === "folder" ? target.path : target.kind === "app" ? target.to : target.kind}`;

const HOST_RULE = (port: number, answer: "real" | "ask" | "deny" = "real"): NetworkRule => ({
  ...{ text: `host:${port}`, target: { kind: "zone", zone: "host" }, protocol: "tcp", port, answer },
  ...{ sameName: false, private: false, bytesPerDay: undefined, bytesPerSecond: undefined },
});

function withRules(one: WiredApp, ...rules: readonly NetworkRule[]): WiredApp {
  const contributions = [{ kind: "named-network", request: "net", rules } as const];
  const granted = { request: "net", service: "network", answer: "subset", gets: "", warnings: [] } as const;
  return { ...one, effective: [...one.effective, { ...granted, because: "answered", contributions }] };
}

test("what an app reads gets to a network over a folder that another one reads, and the way is shown", () => {
  const apps = [
    app("sums", { reads: "/home/ada/taxes", writes: "/home/ada/share" }),
    app("mail", { reads: "/home/ada/share/out", net: true }),
    app("chess", { net: true }),
  ];
  const { holds: held, findings } = verdict(apps, "no app that reads folder ~/taxes/2024 can reach network");
  assert.equal(held, false);
  const way = findings[0]?.way;
  assert.equal(way?.app, "sums");
  assert.deepEqual(way?.meant.map(shown), ["sums read /home/ada/taxes"]);
  assert.deepEqual(way?.rights.map(shown), [
    "sums write /home/ada/share",
    "mail read /home/ada/share/out",
    "mail reach network",
  ]);
  assert.ok(holds(apps, "no app that reads folder ~/letters can reach network"));
  assert.ok(holds(apps, "mail can read folder ~/taxes and not chess can read folder ~/taxes"));
});

test("a pattern reads its folder partly: what matches, what may match one day, and nothing else", () => {
  const pick: Contribution = {
    kind: "pick",
    source: "/home/ada/docs",
    files: ["*.pdf", "20??/*.csv", "one"],
    found: [],
    target: "/in",
  };
  const [granted] = app("x", { reads: "/x" }).effective;
  assert.ok(granted !== undefined);
  const reader: WiredApp = { ...app("reader", {}), effective: [{ ...granted, contributions: [pick] }] };
  for (const read of ["~/docs", "~/docs/new.pdf", "~/docs/2026", "~/docs/2031/a.csv", "~/docs/one", "~/"])
    assert.ok(holds([reader], `reader can read folder ${read}`), read);
  const others = [
    "~/docs/a.txt",
    "~/docs/sub",
    "~/docs/.pdf",
    "~/docs/2026/deep/a.csv",
    "~/docs/20x/a.csv",
    "~/letters",
  ];
  for (const not of others) assert.ok(holds([reader], `no reader can read folder ${not}`), not);
  // Who can write where something matches can hand on what it reads.
  for (const [writes, can] of [
    ["~/docs/2026", true],
    ["~/docs/2026/deep", false],
    ["~/docs/other", false],
    ["~/", true],
  ] as const) {
    const writer = app("writer", { reads: "/home/ada/letters", writes: writes.replace("~", HOME).replace(/\/$/, "") });
    assert.equal(holds([reader, writer], "reader can read folder ~/letters"), can, writes);
  }
});

test("over a link with a port both sides hear of each other; one without a port is about the order alone", () => {
  const link = (port: number | undefined) => [{ to: "db", port, as: undefined }];
  const apps = (port: number | undefined) => [
    app("web", { links: link(port), net: true }),
    app("db", { volumes: ["data"], reads: "/srv/seed" }),
  ];
  assert.ok(holds(apps(5432), "web can reach app db and web can read volume db/data and web can write volume db"));
  assert.ok(holds(apps(5432), "db can reach network and web can read folder /srv/seed"));
  assert.ok(holds(apps(undefined), "not (web can reach app db or db can reach network)"));
});

test("a port that is published is reached by who may go to this host there, and both hear of each other", () => {
  const web = app("web", {
    reads: "/srv/web",
    publish: [{ port: 1, at: { kind: "loopback", address: "127.0.0.1", port: 8080 } }],
  });
  const guest = (...rules: readonly NetworkRule[]) => withRules(app("guest", { reads: "/srv/guest" }), ...rules);
  const reached = [web, guest(HOST_RULE(8080))];
  assert.ok(holds(reached, "guest can reach app web and web can read folder /srv/guest"));
  const { findings } = verdict(reached, "no app that is guest can read folder /srv/web");
  assert.deepEqual(findings[0]?.way?.rights.map(shown), [
    "web read /srv/web",
    "web publish place",
    "guest reach network",
  ]);
  for (const apart of [
    [web, guest(HOST_RULE(8081))],
    [web, guest()],
    [web, guest(HOST_RULE(8080, "deny"))],
    [web, app("guest", { net: true })],
  ])
    assert.ok(holds(apart, "no app that is guest can reach app web"));
  // The owner is asked, and may say no.
  const asked = [web, guest(HOST_RULE(8080, "ask"))];
  assert.ok(!holds(asked, "no app that is guest can reach app web"));
  assert.ok(!holds(asked, "guest can reach app web"));
});

test("a published socket is reached by who is granted a folder that it lies in", () => {
  const web = app("web", { publish: [{ port: 1, at: { kind: "socket", path: "/srv/run/web.sock" } }] });
  assert.ok(holds([web, app("guest", { reads: "/srv/run" })], "guest can reach app web"));
  assert.ok(holds([web, app("guest", { reads: "/srv" })], "guest can reach app web"));
  assert.ok(holds([web, app("guest", { reads: "/srv/other", net: true })], "no app that is guest can reach app web"));
});

test("the file of a disk is read, and where it is the disk itself also written", () => {
  const disk = (name: string, path: string, writable: boolean): WiredApp => ({
    ...app(name, {}),
    disks: [{ disk: "system", path, writable }],
  });
  const apps = [disk("itself", "/vms/one.qcow2", true), disk("below", "/vms/two.qcow2", false)];
  assert.ok(holds(apps, "itself can write folder /vms/one.qcow2"));
  assert.ok(holds(apps, "below can read folder /vms/two.qcow2"));
  assert.ok(holds(apps, "not below can write folder /vms/two.qcow2"));
  const seen = [...apps, app("mail", { reads: "/vms", net: true })];
  assert.equal(holds(seen, "no app that reads folder /vms/one.qcow2 can reach network"), false);
  assert.ok(holds(apps, "no app that reads folder /vms can reach network"));
});

test("every, tags and conditions mean what they say", () => {
  const apps = [
    app("one", { tags: ["work"], reads: "/srv/work" }),
    app("two", { tags: ["work", "loud"], net: true }),
    app("bank", { tags: ["bank"], reads: "/home/ada/money" }),
  ];
  const { holds: held, findings } = verdict(apps, "every tag:work can read folder /srv/work");
  assert.equal(held, false);
  assert.deepEqual(findings[0]?.cannot, ["two"]);
  assert.ok(holds(apps, "every app that is tag:work and not tag:loud can read folder /srv/work"));
  assert.ok(holds(apps, "no tag:bank can reach network"));
  assert.ok(holds(apps, "no app that reads folder ~/ can reach app two"));
  assert.ok(!holds(apps, "no app that reaches network or reads folder ~/ can read folder ~/money"));
});

test("an app that cannot be started counts against a claim, and never for it", () => {
  const apps = [app("sums", { reads: "/t", net: true, blocked: "it has no folder" })];
  const { holds: held, notes } = verdict(apps, "no app can reach network");
  assert.equal(held, false);
  assert.deepEqual(notes, ["sums cannot be started as things are: it has no folder"]);
  assert.equal(holds(apps, "sums can reach network"), false);
  assert.equal(holds(apps, "every app can reach network"), false);
  assert.equal(holds(apps, "not sums can reach network"), false);
});

test("a claim about nobody says so, and a name that nothing has is no proof", () => {
  const apps = [app("sums", { reads: "/t", volumes: ["data"], tags: ["work"] })];
  assert.match(verdict(apps, "no app that reads folder /u can reach network").notes.join(), /nobody is meant/);
  const complaint = (text: string) => {
    const claim = parseClaim(text, { home: HOME });
    assert.ok(claim.ok);
    const weighed = evaluateClaim(claim.value, apps, { real: (path) => path });
    assert.ok(!weighed.ok, text);
    return `${weighed.problem.at} ${weighed.problem.message}`;
  };
  assert.equal(complaint("no sum can reach network"), '3 no deployment is named "sum". Did you mean "sums"?');
  assert.equal(complaint("no tag:wrok can reach network"), '3 no deployment has the tag "wrok". Did you mean "work"?');
  assert.equal(
    complaint("no app can read volume sums/dat"),
    '23 no volume of sums is named "dat". Did you mean "data"?',
  );
  assert.match(complaint("sums can reach app mail"), /^19 no deployment is named "mail"/);
  assert.match(complaint("not no app that is summs can reach network"), /^19 /);
});

test("what hides a part of a folder hides it from claims and channels, too", () => {
  const masked = app("shell", { writes: "/home/ada" });
  const [bind] = masked.effective;
  assert.ok(bind !== undefined);
  const hiding = {
    ...masked,
    effective: [
      { ...bind, contributions: [...bind.contributions, { kind: "empty-folder" as const, target: "/out/.skerry" }] },
    ],
  };
  const apps = [hiding, app("reader", { reads: "/home/ada/.skerry/x" })];
  assert.ok(holds(apps, "no app that is shell can write folder ~/.skerry"));
  assert.ok(holds(apps, "not shell can reach app reader"));
  assert.ok(holds([masked, ...apps.slice(1)], "shell can reach app reader"));
});

/** Paths that match, with every name that any folder here has, and one that none has. */
function instancesOf(path: string, pattern: readonly string[]): readonly string[] {
  const names = [...new Set([...FOLDERS.flatMap((folder) => folder.split("/")), "new"])].filter((name) => name !== "");
  return pattern.reduce<readonly string[]>(
    (paths, part) =>
      paths.flatMap((at) => (part === "*" ? names : [part]).map((name) => `${at === "/" ? "" : at}/${name}`)),
    [path],
  );
}

/** Every pair of rights is looked at, and every way that meets no app twice is walked. */
function bruteForce(
  apps: readonly WiredApp[],
  from: (name: string) => boolean,
  verb: "read" | "write" | "reach",
  folder: string | undefined,
  sure: boolean,
): boolean {
  const { rights } = buildGraph(apps);
  const goesTo = ({ target, because }: Right, there: Right["target"]) => {
    if (there.kind !== "place") return false;
    const { at } = there;
    if (target.kind === "folder" && at.kind === "socket")
      return (
        target.pattern === undefined &&
        isWithin(at.path, target.path) &&
        !target.except.some((one) => isWithin(at.path, one)) &&
        (!sure || (because.kind === "answer" && because.answer === "real"))
      );
    if (target.kind !== "network" || at.kind !== "loopback") return false;
    const { part } = target;
    if (part.kind === "everything") return part.zones.includes("host") && !sure;
    // Of all rules for this host that fit, one with the port, or else the first.
    const fitting = part.beside.filter(({ port }) => port === undefined || port === at.port);
    const decides = fitting.find(({ port }) => port === at.port) ?? fitting[0];
    return decides === part.rule && (part.rule.answer === "real" || !sure);
  };
  const common = (left: Right["target"], right: Right["target"]) => {
    if (left.kind !== "folder" || right.kind !== "folder") return false;
    const [some, other] = left.pattern === undefined ? [right, left] : [left, right];
    if (some.pattern !== undefined)
      return instancesOf(some.path, some.pattern).some(
        (path) => isWithin(path, other.path) && !other.except.some((one) => isWithin(path, one)),
      );
    return (
      (isWithin(left.path, right.path) && !right.except.some((one) => isWithin(left.path, one))) ||
      (isWithin(right.path, left.path) && !left.except.some((one) => isWithin(right.path, one)))
    );
  };
  const next = (one: string, other: string) =>
    rights.some(
      (right) =>
        (right.target.kind === "app" &&
          ((right.app === one && right.target.to === other) || (right.app === other && right.target.to === one))) ||
        (right.app === one &&
          right.verb === "write" &&
          rights.some((two) => two.app === other && two.verb === "read" && common(right.target, two.target))) ||
        rights.some(
          (two) => right.app === one && two.app === other && (goesTo(right, two.target) || goesTo(two, right.target)),
        ),
    );
  const does = (name: string) =>
    rights.some(
      (right) =>
        right.app === name &&
        right.verb === verb &&
        (folder === undefined
          ? right.target.kind === "network" &&
            !(sure && right.target.part.kind === "rule" && right.target.part.rule.answer === "ask")
          : common(right.target, { kind: "folder", path: folder, except: [] })),
    );
  const names = apps.map(({ name }) => name);
  const walk = (at: string, seen: readonly string[], there: (name: string) => boolean): boolean =>
    there(at) || names.some((name) => !seen.includes(name) && next(at, name) && walk(name, [...seen, name], there));
  const [starts, there] = verb === "read" ? [does, from] : [from, does];
  return names.some((name) => starts(name) && walk(name, [name], there));
}

test("on small wirings of all kinds the answer is that of looking at every way", () => {
  const question = fc.constantFrom(
    ...FOLDERS.flatMap((folder) =>
      (["read", "write"] as const).map((verb) => ({ verb, folder, words: `folder ${folder}` })),
    ),
    { verb: "reach" as const, folder: undefined, words: "network" },
  );
  fc.assert(
    fc.property(
      anyApps,
      question,
      fc.constantFrom("any", "tag:work", "first"),
      (apps, { verb, folder, words }, who) => {
        const first = apps[0]?.name ?? "";
        if (who === "tag:work" && !apps.some(({ tags }) => tags.includes("work"))) return;
        const subject = who === "first" ? first : who;
        const isMeant = (name: string) =>
          who === "any" ||
          (who === "first" ? name === first : apps.find((one) => one.name === name)?.tags.includes("work") === true);
        const startable = apps.filter(({ blocked }) => blocked === undefined);
        assert.equal(
          holds(apps, `no ${subject} can ${verb} ${words}`),
          !bruteForce(apps, isMeant, verb, folder, false),
        );
        assert.equal(
          holds(apps, `${subject} can ${verb} ${words}`),
          bruteForce(startable, isMeant, verb, folder, true),
        );
        const all = apps.filter(({ name }) => isMeant(name));
        assert.equal(
          holds(apps, `every ${subject} can ${verb} ${words}`),
          all.every(
            ({ name, blocked }) =>
              blocked === undefined && bruteForce(startable, (one) => one === name, verb, folder, true),
          ),
        );
      },
    ),
    { numRuns: 1000 },
  );
});

test("a way that is shown can be walked: each right is there, and each is followed by one that takes it up", () => {
  fc.assert(
    fc.property(anyApps, (apps) => {
      const { holds: held, findings } = verdict(apps, "no app that reads folder /x can reach network");
      const way = findings[0]?.way;
      assert.equal(held, way === undefined);
      if (way === undefined) return;
      const { rights } = buildGraph(apps);
      for (const right of [...way.meant, ...way.rights]) assert.ok(rights.some((one) => shown(one) === shown(right)));
      assert.equal(way.rights.at(-1)?.target.kind, "network");
      let at = way.app;
      for (let index = 0; index < way.rights.length; index += 1) {
        const right: Right | undefined = way.rights[index];
        const next: Right | undefined = way.rights[index + 1];
        assert.ok(right !== undefined);
        const who: string = right.app;
        const { verb, target } = right;
        const toPlace = next !== undefined && next.verb === "publish" && next.app !== who;
        if (target.kind === "app") at = who === at ? target.to : who;
        else if (next !== undefined && (verb === "publish" || toPlace)) {
          // One goes to where the other is published; the two rights are one step.
          assert.equal(who, at);
          at = next.app;
          index += 1;
        } else if (verb === "read") at = who;
        else assert.equal(who, at);
      }
    }),
    { numRuns: 500 },
  );
});
