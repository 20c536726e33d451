import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { Tail } from "./streams.ts";

const HERE = import.meta.dirname;

const HEAP_MIB = 48;

interface Ended {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

interface Opened {
  readonly socket: Socket;
  readonly line: string;
}

async function openAt(path: string, label: string): Promise<Opened> {
  const socket = connect({ path, allowHalfOpen: true });
  const refused = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(false)).on("error", () => resolve(true));
  });
  // It is made, and nobody listens yet.
  if (refused) return await pause(10).then(async () => await openAt(path, label));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(label.length);
  // In two pieces: a label may come in any.
  socket.write(length.subarray(0, 3));
  setImmediate(() => socket.write(Buffer.concat([length.subarray(3), Buffer.from(label)])));
  let line = "";
  while (!line.endsWith("\n")) {
    const byte: unknown = socket.read(1);
    if (byte instanceof Buffer) line += byte.toString("latin1");
    else if (socket.readableEnded) throw new Error(`${label} is not answered`);
    else await Promise.race([once(socket, "readable"), once(socket, "end")]);
  }
  return { socket, line };
}

/** The monitor with a stand-in for a VMM. */
async function monitor(
  act: string,
  input: string,
  signal?: NodeJS.Signals,
  meanwhile?: (open: (label: string) => Promise<Opened>) => Promise<void>,
): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), "skerry-monitor-"));
  const node = [process.execPath, "--disable-warning=ExperimentalWarning"] as const;
  const vmm = [...node, join(HERE, "vmm.fixture.ts"), folder, act];
  // What a machine can make us keep is little, so little is given.
  const words = [...node.slice(1), `--max-old-space-size=${HEAP_MIB}`, join(HERE, "main.ts"), folder, ...vmm];
  const child = spawn(node[0], words, { timeout: 60_000 });
  const pieces: Buffer[] = [];
  let stderr = "";
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  // Its first words say that it is up.
  if (signal !== undefined) child.stdout.once("data", () => child.kill(signal));
  child.stderr.on("data", (piece) => (stderr += String(piece)));
  child.stdin.end(input);
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  if (meanwhile !== undefined) {
    while (!existsSync(`${folder}/channel`)) await pause(10);
    await meanwhile(async (label) => await openAt(`${folder}/channel`, label));
  }
  const code = await closed;
  rmSync(folder, { recursive: true });
  return { code, stdout: Buffer.concat(pieces), stderr };
}

test("streams and exit code are the app's", async () => {
  const { code, stdout, stderr } = await monitor("cat", "one\ntwo\n");
  assert.deepEqual([code, String(stdout), stderr], [7, "one\ntwo\n", "done\n"]);
});

test("output is passed on whole, however much has come before the exit code", async () => {
  const { code, stdout } = await monitor("flood", "");
  assert.deepEqual([code, stdout.length], [0, 20 * 1024 * 1024]);
});

test("a signal goes to the app, whose exit code counts", async () => {
  const { code, stdout } = await monitor("signal", "", "SIGTERM");
  assert.deepEqual([code, String(stdout)], [143, "up\nsignal 15\n"]);
});

for (const act of ["astray", "noise"])
  test(`a machine that says what none of ours says is ended (${act})`, async () => {
    const { code, stderr } = await monitor(act, "");
    assert.equal(code, 125);
    assert.match(stderr, /it said what no machine of ours says/);
  });

test("a machine that asks for streams of its own gets none, however often it asks, and goes on", async () => {
  const { code } = await monitor("open-flood", "", undefined, async (open) => {
    const { socket, line } = await open("done");
    assert.match(line, /^\+\d+\n$/);
    socket.destroy();
  });
  assert.equal(code, 9);
});

for (const act of ["deaf-open", "deaf-hello"])
  test(`a machine that asks and reads no answer is ended (${act})`, async () => {
    const { code, stderr } = await monitor(act, "");
    assert.equal(code, 125, stderr);
    assert.match(stderr, act === "deaf-open" ? /no machine of ours says \(it does not read\)/ : /began anew/);
  });

test("a console that is flooded keeps nobody from the app's end", async () => {
  const { code, stdout, stderr } = await monitor("console-flood", "");
  assert.deepEqual([code, String(stdout), stderr], [5, "", ""]);
});

test("an exit code of a mebibyte is none", async () => {
  const { code, stderr } = await monitor("endless-word", "");
  assert.equal(code, 125);
  assert.match(stderr, /it said no exit code/);
});

test("a machine that is killed, and one that this host has no memory for, end with what can be done", async () => {
  const killed = await monitor("killed", "");
  assert.equal(killed.code, 125);
  assert.match(
    killed.stderr,
    /ended before the app did \(SIGKILL\)\nsomebody killed it, or this host had no memory left/,
  );
  const none = await monitor("no-memory", "");
  assert.equal(none.code, 125);
  assert.match(none.stderr, /this host has not the memory for it: .*limits\.memory\n.*Cannot allocate memory\n/);
});

test("an exit code that is none is a failure", async () => {
  const { code, stderr } = await monitor("wrong-code", "");
  assert.equal(code, 125);
  assert.match(stderr, /it said no exit code/);
});

test("why an app is not started is said, escaped", async () => {
  const { code, stderr } = await monitor("refuse", "");
  assert.equal(code, 125);
  assert.match(stderr, /it could not run the app \(no \?\[2J room\)/);
});

test("whoever reaches the socket opens streams beside the app's, each refused or taken up with its number", async () => {
  const { code } = await monitor("clients", "", undefined, async (open) => {
    const refused = await open("nothing");
    assert.match(refused.line, /^-not \? known\n$/);
    const echo = await open("echo");
    assert.match(echo.line, /^\+\d+\n$/);
    const sent = Buffer.alloc(3_000_000, "abc");
    echo.socket.end(sent);
    const pieces: Buffer[] = [];
    echo.socket.on("data", (piece: Buffer) => pieces.push(piece));
    await once(echo.socket, "end");
    assert.ok(Buffer.concat(pieces).equals(sent));
    const { socket } = await open("done");
    socket.destroy();
  });
  assert.equal(code, 9);
});

test("a machine that dies leaves the end of its console, escaped", async () => {
  const { code, stderr } = await monitor("panic", "");
  assert.equal(code, 125);
  assert.match(stderr, /ended before the app did \(exit code 1\)\nKernel panic \\x1b\[2J\n$/);
});

test("of a console the end is kept, and nothing that a terminal would act on", () => {
  const tail = new Tail(16);
  tail.add(Buffer.from(`${"x".repeat(1000)}\r\npanic \x1b[31m\xff`, "latin1"));
  assert.match(tail.text(), /panic \\x1b\[31m\\xff$/);
});
