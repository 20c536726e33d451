import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import {
  APP,
  bubblewrap,
  CANNOT_HERE,
  closeWorkshop,
  IS_ROOT,
  openWorkshop,
  outputOf,
  refused,
  runHelper,
  wall,
} from "./helper.fixture.ts";

const NEEDS_ROOT = IS_ROOT ? false : "cannot here: needs root";

describe("the mounts of a wall", { skip: CANNOT_HERE }, () => {
  const workshop = openWorkshop();
  after(() => closeWorkshop(workshop));
  const at = (...parts: readonly string[]) => join(workshop.folder, ...parts);
  const sh = (script: string, more: readonly string[] = []) => bubblewrap(more, ["/bin/sh", "-c", script]);

  for (const folder of ["top/etc", "middle", "bottom", "stage", "target", "chosen/deep"])
    mkdirSync(at(folder), { recursive: true });
  writeFileSync(at("top/name"), "top\n");
  writeFileSync(at("bottom/name"), "bottom\n");
  writeFileSync(at("bottom/only"), "bottom\n");
  writeFileSync(at("chosen/one"), "one\n");
  writeFileSync(at("chosen/deep/two"), "two\n");
  writeFileSync(at("chosen/secret"), "secret\n");
  symlinkSync("secret", at("chosen/link"));

  test("stacks layers into one tree that nobody inside can change", () => {
    const options = ["--overlay", `userxattr,lowerdir=${at("top")}:${at("middle")}:${at("bottom")}`, at("target")];
    const script = "cat /image/name /image/only; touch /image/new 2>/dev/null || echo refused; id -u";
    const output = outputOf(workshop, wall(options, sh(script, ["--bind", at("target"), "/image"])));
    assert.equal(output, `top\nbottom\nrefused\n${APP.uid}\n`);
    assert.ok(!existsSync(at("target/name")), "the host sees nothing of it");
  });

  test("shows one layer alone as it is", () => {
    const options = ["--stage", at("stage"), "--overlay", `userxattr,lowerdir=${at("bottom")}`, at("stage/root")];
    const script = "cat /image/name; touch /image/new 2>/dev/null || echo refused";
    assert.equal(
      outputOf(workshop, wall(options, sh(script, ["--bind", at("stage/root"), "/image"]))),
      "bottom\nrefused\n",
    );
  });

  test("stacks sixty layers with long paths", () => {
    const layers = Array.from({ length: 60 }, (_, index) => at("many", "x".repeat(60), String(index)));
    for (const [index, layer] of layers.entries()) {
      mkdirSync(layer, { recursive: true });
      writeFileSync(join(layer, `file${index}`), "");
    }
    const options = ["--overlay", `userxattr,lowerdir=${layers.join(":")}`, at("target")];
    const script = "ls /image | wc -l; grep -c /many/ /proc/self/mountinfo";
    const done = runHelper(workshop, wall(options, sh(script, ["--bind", at("target"), "/image"])));
    assert.equal(done.stdout, "60\n0\n", "and the app does not read where they lie");
  });

  test("refuses layers and options that could be read as something else", () => {
    const cases = [
      ["userxattr,lowerdir=/a b", "/a b: No such file or directory"],
      ["userxattr,lowerdir=relative", "relative: too many layers, or not an absolute path"],
      ["userxattr,lowerdir=/a\\:b", "/a\\: No such file or directory"],
      [
        "userxattr,upperdir=/a",
        "userxattr,upperdir=/a: only userxattr,lowerdir= and at least one layer are understood",
      ],
      ["userxattr,lowerdir=/a,lowerdir=/b", "/a,lowerdir=/b: No such file or directory"],
      ["lowerdir=/a", "lowerdir=/a: only userxattr,lowerdir= and at least one layer are understood"],
      ["userxattr,lowerdir=", "userxattr,lowerdir=: only userxattr,lowerdir= and at least one layer are understood"],
    ] as const;
    for (const [options, complaint] of cases) {
      refused(workshop, wall(["--overlay", options, at("target")], sh("true")), `overlay: ${complaint}`);
    }
  });

  test("shows chosen files and nothing beside them, read-only", () => {
    const options = [
      ...["--stage", at("stage"), "--pick", at("chosen"), "one", at("stage/p/one")],
      ...["--pick", at("chosen"), "deep/two", at("stage/p/sub/two")],
    ];
    const script = "cd /chosen; find . | sort; cat one sub/two; echo x 2>/dev/null >one || echo refused";
    const output = outputOf(workshop, wall(options, sh(script, ["--bind", at("stage/p"), "/chosen"])));
    assert.equal(output, ".\n./one\n./sub\n./sub/two\none\ntwo\nrefused\n");
  });

  test("hands files on as descriptors of their own, which stay read-only however they are opened", () => {
    const picks = ["one", "deep/two"].flatMap((file, index) => [
      ...["--pick", at("chosen"), file, at(`stage/${index}`)],
      ...["--hand", at(`stage/${index}`)],
    ]);
    const look = "cat /proc/self/fd/100 /proc/self/fd/101; true >/proc/self/fd/100 || echo refused; ls /proc/self/fd";
    const output = outputOf(workshop, wall(["--stage", at("stage"), ...picks], sh(`exec 2>/dev/null; ${look}`)));
    const [one, two, write, ...open] = output.trim().split("\n");
    assert.deepEqual([one, two, write], ["one", "two", "refused"]);
    assert.ok(open.includes("100") && open.includes("101") && !open.includes("102"), open.join(" "));
    const missing = wall(["--stage", at("stage"), "--hand", at("stage/none")], sh("true"));
    refused(workshop, missing, `hand: ${at("stage/none")}: No such file or directory`);
  });

  test("picks through no link, out of no folder, and nothing but files", () => {
    const pick = (file: string, target = at("stage/x"), folder = at("chosen")) =>
      wall(["--stage", at("stage"), "--pick", folder, file, target], sh("true"));
    refused(workshop, pick("link"), "pick: link: a link is on the way; give the path that it leads to");
    refused(workshop, pick("../top/name"), "pick: ../top/name: Invalid cross-device link");
    refused(workshop, pick("/etc/passwd"), "pick: /etc/passwd: Invalid cross-device link");
    refused(workshop, pick("deep"), "pick: deep: not a regular file");
    refused(workshop, pick("missing"), "pick: missing: No such file or directory");
    refused(
      workshop,
      pick("one", at("target/x")),
      `pick: ${at("target/x")}: target must lie below the folder given with --stage`,
    );
    refused(workshop, pick("one", `${at("stage")}/a/../../escaped`), /Invalid cross-device link\n$/);
    symlinkSync("chosen", at("chosen-link"));
    refused(
      workshop,
      pick("one", at("stage/x"), at("chosen-link")),
      `pick: ${at("chosen-link")}: a link is on the way; give the path that it leads to`,
    );
    assert.ok(!existsSync(at("escaped")));
  });

  test("works as another owner in that owner's folder, and only with that owner's files", { skip: NEEDS_ROOT }, () => {
    mkdirSync(at("owned"), { mode: 0o700 });
    writeFileSync(at("owned/mine"), "mine\n", { mode: 0o600 });
    writeFileSync(at("owned/other"), "other\n", { mode: 0o646 });
    chownSync(at("owned"), 4321, 4322);
    chownSync(at("owned/mine"), 4321, 4322);
    chownSync(at("owned/other"), 8888, 8888);
    chmodSync(at("owned/other"), 0o646);
    const options = [
      "--stage",
      at("stage"),
      "--idmap",
      at("owned"),
      at("stage/owned"),
      String(APP.uid),
      String(APP.gid),
    ];
    const script =
      "cd /owned; stat -c %u mine; cat mine; echo new >new; (echo x >>other) 2>/dev/null || echo refused; stat -c %u other";
    const output = outputOf(workshop, wall(options, sh(script, ["--bind", at("stage/owned"), "/owned"])));
    assert.equal(output, `${APP.uid}\nmine\nrefused\n65534\n`);
    const made = statSync(at("owned/new"));
    assert.deepEqual([made.uid, made.gid], [4321, 4322]);
    assert.equal(readFileSync(at("owned/other"), "utf8"), "other\n");
  });

  test("shows root's own files to an app that root starts", { skip: NEEDS_ROOT }, () => {
    mkdirSync(at("private"), { mode: 0o700 });
    writeFileSync(at("private/letter"), "letter\n", { mode: 0o600 });
    const options = ["--stage", at("stage"), "--pick", at("private"), "letter", at("stage/letter")];
    assert.equal(
      outputOf(workshop, wall(options, sh("cat /letter", ["--ro-bind", at("stage/letter"), "/letter"]))),
      "letter\n",
    );
    const alone = [
      "--stage",
      at("stage"),
      "--idmap",
      at("private/letter"),
      at("stage/letter"),
      String(APP.uid),
      String(APP.gid),
    ];
    assert.equal(
      outputOf(workshop, wall(alone, sh("cat /letter", ["--ro-bind", at("stage/letter"), "/letter"]))),
      "letter\n",
    );
  });

  test("refuses to change owners for who is not root", { skip: IS_ROOT ? "cannot here: runs as root" : false }, () => {
    refused(
      workshop,
      [
        "wall",
        "--stage",
        at("stage"),
        "--idmap",
        at("chosen"),
        at("stage/x"),
        "5",
        "5",
        "--",
        "/usr/bin/bwrap",
        "--",
        "/bin/true",
      ],
      /needs root/,
    );
    refused(
      workshop,
      ["wall", "--uid", "5", "--gid", "5", "--", "/usr/bin/bwrap", "--", "/bin/true"],
      /only root can become another user/,
    );
  });
});
