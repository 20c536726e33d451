import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { auditFiles, auditHead, followAudit, readAudit, verifyAudit } from "./audit-files.ts";
import { AuditLog, type AuditLogOptions } from "./audit-log.ts";
import type { AuditEvent } from "./event.ts";
import { describeBroken } from "./verify.ts";

function folderFor(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "skerry-audit-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function openLog(folder: string, options: AuditLogOptions = {}): Promise<AuditLog> {
  const opened = await AuditLog.open(folder, options);
  assert.ok(opened.ok, opened.ok ? "" : JSON.stringify(opened.problem));
  return opened.value;
}

async function append(log: AuditLog, ...events: readonly AuditEvent[]): Promise<void> {
  for (const answer of await Promise.all(events.map((event) => log.append(event)))) assert.ok(answer.ok);
}

function stop(instance: string): AuditEvent {
  return { kind: "stop", instance, id: `${instance}.00000000` };
}

function kindsIn(folder: string): readonly string[] {
  return [...readAudit(folder)].map(({ kind }) => kind);
}

function assertWhole(folder: string) {
  const verdict = verifyAudit(folder);
  assert.ok(verdict.ok, verdict.ok ? "" : describeBroken(verdict.problem));
  return verdict.value;
}

test("records are kept in the order of the calls, over closing and opening", async (context) => {
  const folder = folderFor(context);
  const first = await openLog(folder);
  await append(first, stop("a"), stop("b"), stop("c"));
  await first.close();
  const second = await openLog(folder);
  await append(second, stop("d"));
  assert.deepEqual(
    [...readAudit(folder)].map(({ instance }) => instance),
    ["a", "b", "c", "d"],
  );
  assert.equal(assertWhole(folder).records, 4);
  assert.deepEqual(second.head(), auditHead(folder));
  await second.close();
});

test("what is entered is in the log at once, in the order of the calls", async (context) => {
  const folder = folderFor(context);
  const log = await openLog(folder);
  const first = log.append(stop("a"));
  assert.ok((await log.enter(stop("b"))).ok);
  assert.deepEqual(
    [...readAudit(folder)].map(({ instance }) => instance),
    ["a", "b"],
  );
  assert.ok((await first).ok);
  await log.close();
  assertWhole(folder);
});

test("a second writer is refused while the first one lives, and let in afterwards", async (context) => {
  const folder = folderFor(context);
  const first = await openLog(folder);
  assert.deepEqual(await AuditLog.open(folder), {
    ok: false,
    problem: { kind: "audit-claimed", folder, pid: process.pid },
  });
  await first.close();
  await (await openLog(folder)).close();
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith("writer.")),
    [],
  );
});

test("a full file is followed by a new one, and the chain goes on", async (context) => {
  const folder = folderFor(context);
  const log = await openLog(folder, { maxFileBytes: 500 });
  for (let count = 0; count < 10; count++) await append(log, stop(`app-${count}`));
  await log.close();
  assert.ok(auditFiles(folder).length >= 4);
  assert.equal(assertWhole(folder).records, 10);
});

test("retention removes the oldest files and says from where the rest can be verified", async (context) => {
  const folder = folderFor(context);
  const log = await openLog(folder, { maxFileBytes: 500, keepFiles: 3 });
  for (let count = 0; count < 30; count++) await append(log, stop(`app-${count}`));
  await log.close();
  assert.equal(auditFiles(folder).length, 3);
  const verified = assertWhole(folder);
  assert.ok(verified.from > 20);
  assert.ok(kindsIn(folder).includes("trimmed"));
  rmSync(join(folder, auditFiles(folder)[0] ?? ""));
  const cut = verifyAudit(folder);
  assert.equal(cut.ok ? "whole" : cut.problem.what, "start-missing");
});

test("what is older than it may be goes with its file, is said, and leaves a whole chain", async (context) => {
  const folder = folderFor(context);
  let day = 0;
  const now = () => new Date(Date.UTC(2026, 0, 1 + day));
  const keepMs = 30 * 24 * 60 * 60 * 1000;
  const first = await openLog(folder, { keepMs, now });
  for (; day < 99; day++) await append(first, stop(`day-${day}`));
  const kept = [...readAudit(folder, { kinds: ["stop"] })].map(({ instance }) => instance);
  // A file is begun each fourth day or so, and goes when all that is in it is too old.
  assert.ok(kept.includes("day-70") && kept.includes("day-98"));
  assert.ok(!kept.includes("day-60"));
  assert.ok(assertWhole(folder).from > 60);
  await first.close();
  // The next writer goes on with the same file, and knows when that began.
  const files = auditFiles(folder);
  const second = await openLog(folder, { keepMs, now });
  await append(second, stop("again"));
  assert.deepEqual(auditFiles(folder), files);
  day += 200;
  await append(second, stop("much-later"));
  await second.close();
  assertWhole(folder);
  // What came last before the pause is in the file that ended a moment ago.
  assert.ok([...readAudit(folder)].some(({ instance }) => instance === "again"));
  assert.ok(![...readAudit(folder)].some(({ instance }) => instance === "day-71"));
});

test("without a limit of age nothing goes because it is old", async (context) => {
  const folder = folderFor(context);
  let day = 0;
  const log = await openLog(folder, { now: () => new Date(Date.UTC(2026, 0, 1 + day)) });
  for (; day < 1000; day += 100) await append(log, stop(`day-${day}`));
  await log.close();
  assert.equal(assertWhole(folder).from, 1);
  assert.equal(auditFiles(folder).length, 1);
});

test("a missing file in the middle is found", async (context) => {
  const folder = folderFor(context);
  const log = await openLog(folder, { maxFileBytes: 500 });
  for (let count = 0; count < 10; count++) await append(log, stop(`app-${count}`));
  await log.close();
  rmSync(join(folder, auditFiles(folder)[1] ?? ""));
  const verdict = verifyAudit(folder);
  assert.equal(verdict.ok ? "whole" : verdict.problem.what, "missing");
});

test("an end cut at any byte is moved aside, recorded, and the chain goes on", async (context) => {
  const folder = folderFor(context);
  const log = await openLog(folder);
  await append(log, stop("a"), stop("b"));
  await log.close();
  const file = join(folder, "00000001.jsonl");
  const whole = readFileSync(file);
  const secondLine = whole.indexOf(0x0a) + 1;
  for (let size = secondLine + 1; size < whole.length; size += 7) {
    writeFileSync(file, whole);
    truncateSync(file, size);
    assert.deepEqual(assertWhole(folder).torn, { file: "00000001.jsonl", line: 2 });
    const again = await openLog(folder);
    await append(again, stop("c"));
    await again.close();
    assert.deepEqual(kindsIn(folder), ["stop", "torn", "stop"]);
    assertWhole(folder);
    assert.ok(readFileSync(join(folder, "00000001.torn")).includes(whole.subarray(secondLine, size)));
    rmSync(join(folder, "00000001.torn"));
  }
});

test("garbage at the end is moved aside as well, and a file of nothing else does not hide the one before", async (context) => {
  const folder = folderFor(context);
  const log = await openLog(folder, { maxFileBytes: 100 });
  await append(log, stop("a"));
  await append(log, stop("b"));
  await log.close();
  appendFileSync(join(folder, "00000001.jsonl"), Buffer.from([0xff, 0x00, 0x0a]));
  writeFileSync(join(folder, "00000002.jsonl"), Buffer.alloc(5000));
  const again = await openLog(folder);
  await again.close();
  assert.deepEqual(kindsIn(folder), ["stop", "torn", "torn"]);
  assertWhole(folder);
});

test("kill -9 in the middle of appends loses no answered record and leaves a whole chain", async (context) => {
  const folder = folderFor(context);
  const answered = new Map<number, string>();
  const rounds = Number(process.env["SKERRY_KILL_ROUNDS"] ?? 6);
  for (let round = 0; round < rounds; round++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, "append-forever.fixture.ts"), folder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    // On a slow disk it may come no further than its first words: the last one is let to say some more.
    const lines = round === rounds - 1 ? 2 : 1;
    while (said.split("\n").length <= lines) await once(child.stdout, "data");
    await sleep(Math.random() * 120);
    child.kill("SIGKILL");
    await once(child, "close");
    // What was printed last may be half a line.
    for (const line of said.split("\n").slice(1, -1)) {
      const [seq, hash = ""] = line.split(" ");
      answered.set(Number(seq), hash);
    }
  }
  await (await openLog(folder)).close();
  const { from } = assertWhole(folder);
  const kept = new Map([...readAudit(folder)].map(({ seq, hash }) => [seq, hash]));
  assert.ok(answered.size > 0);
  // Retention went on meanwhile: what it removed is not lost.
  for (const [seq, hash] of answered) if (seq >= from) assert.equal(kept.get(seq), hash);
});

test("a device in a file's place is not read and not written", async (context) => {
  const folder = folderFor(context);
  symlinkSync("/dev/zero", join(folder, "00000001.jsonl"));
  const opened = await AuditLog.open(folder);
  assert.ok(!opened.ok && opened.problem.kind === "audit-unwritable");
  assert.match(opened.problem.because, /is not a regular file/);
  const verdict = verifyAudit(folder);
  assert.equal(verdict.ok ? "whole" : verdict.problem.what, "unreadable");
});

test("a full disk is a problem with the system's words, leaves nothing half, and the log works on when there is room", async (context) => {
  const folder = folderFor(context);
  const mountAndRun = 'mount -t tmpfs -o size=64k none "$1" && exec "$2" "$3" "$1"';
  const fixture = join(import.meta.dirname, "fill-disk.fixture.ts");
  const inside = ["sh", "-c", mountAndRun, "sh", folder, process.execPath, fixture];
  const run = spawnSync("unshare", ["--user", "--map-root-user", "--mount", ...inside], { encoding: "utf8" });
  if (/unshare failed|not permitted|permission denied/i.test(run.stderr ?? "") || run.error !== undefined) {
    context.skip("cannot here: no tmpfs can be mounted in a user namespace");
    return;
  }
  assert.equal(run.stderr, "");
  assert.deepEqual(JSON.parse(run.stdout), { because: "ENOSPC: no space left on device, write", whole: true, lost: 0 });
});

test("a reader filters by instance, kind and time", async (context) => {
  const folder = folderFor(context);
  let minute = 0;
  const log = await openLog(folder, { now: () => new Date(Date.UTC(2026, 0, 1, 0, minute++)) });
  await append(log, stop("a"), { kind: "kill", instance: "a", id: "a.1" }, stop("b"));
  await log.close();
  const seqs = (filter: Parameters<typeof readAudit>[1]) => [...readAudit(folder, filter)].map(({ seq }) => seq);
  assert.deepEqual(seqs({ instance: "a" }), [1, 2]);
  assert.deepEqual(seqs({ kinds: ["stop"] }), [1, 3]);
  assert.deepEqual(seqs({ since: new Date(Date.UTC(2026, 0, 1, 0, 1)) }), [2, 3]);
  assert.deepEqual(seqs({ instance: "a", kinds: ["stop"], since: new Date(Date.UTC(2026, 0, 1, 0, 1)) }), []);
});

test("a follower gets what is there and then what is written, over the end of a file, until its signal", async (context) => {
  const folder = folderFor(context);
  const log = await openLog(folder, { maxFileBytes: 300 });
  await append(log, stop("a"));
  const ending = new AbortController();
  const seen: number[] = [];
  const following = (async () => {
    for await (const { seq } of followAudit(folder, {}, ending.signal)) {
      seen.push(seq);
      if (seq === 6) ending.abort();
    }
  })();
  for (let count = 0; count < 5; count++) {
    await sleep(5);
    await append(log, stop("b"));
  }
  await following;
  await log.close();
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6]);
});
