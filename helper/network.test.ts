import assert from "node:assert/strict";
import { type SendHandle, spawn } from "node:child_process";
import { once } from "node:events";
import { constants, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import {
  bubblewrap,
  CANNOT_HERE,
  closeWorkshop,
  openWorkshop,
  outputOf,
  pullDown,
  runHelper,
  standUp,
  startTicks,
  wall,
} from "./helper.fixture.ts";

describe("a network that somebody else listens in", { skip: CANNOT_HERE }, () => {
  const workshop = openWorkshop();
  after(() => closeWorkshop(workshop));

  /** What the helper hands out, and its last words. */
  const sockets = async (words: readonly string[]) => {
    const child = spawn(workshop.helper, ["sockets", ...words], { stdio: ["ignore", "inherit", "pipe", "ipc"] });
    const handles: SendHandle[] = [];
    let said = "";
    child.stderr?.on("data", (piece) => (said += String(piece)));
    child.on("message", (_, handle) => handles.push(handle));
    const [code] = await once(child, "close");
    return { handles, said, code: Number(code) };
  };

  /** Whether reading from or writing to a socket returns at once, by what the kernel says of its descriptor. */
  const neverWaits = (handle: SendHandle | undefined): boolean => {
    assert.ok(handle && "fd" in handle && typeof handle.fd === "number" && handle.fd > 2);
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${handle.fd}`, "utf8"))?.[1];
    return (Number.parseInt(flags ?? "0", 8) & constants.O_NONBLOCK) !== 0;
  };

  const gated = async (name: string, script: string) => {
    const gate = join(workshop.folder, `${name}.gate`);
    let knocks = 0;
    const server = createServer((wallAtIt) => wallAtIt.once("data", () => (knocks += 1) && wallAtIt.end("g")));
    server.listen(gate);
    await once(server, "listening");
    const standing = await standUp(workshop, name, ["--network-namespace", "--gate", gate], script);
    server.close();
    assert.equal(knocks, 1);
    return standing;
  };

  test("a listener made inside is taken connections by whoever has made it, at whatever address", async () => {
    const standing = await gated("listener", "sleep 60");
    const words = ["--child", String(standing.child), "--start-ticks", standing.ticks, "--"];
    const made = await sockets([...words, "listen", "192.0.2.7", "80", "datagrams", "2001:db8::7", "53"]);
    assert.deepEqual([made.said, made.code, made.handles.length], ["", 0, 2]);
    const server = createServer((socket) => socket.on("error", () => {}).end());
    server.listen(made.handles[0]);
    await once(server, "listening");
    const dialed = await sockets([...words, "dial", "192.0.2.7", "80"]);
    assert.deepEqual([dialed.said, dialed.code, dialed.handles.length], ["", 0, 1]);
    const refused = await sockets([...words, "dial", "192.0.2.7", "81"]);
    assert.equal(refused.said, "skerry-helper: sockets: 192.0.2.7: Connection refused\n");
    const waiting = [...made.handles, ...dialed.handles].filter((handle) => !neverWaits(handle));
    for (const handle of [made.handles[1], dialed.handles[0]])
      if (handle && "close" in handle && typeof handle.close === "function") handle.close();
    server.close();
    await pullDown(standing);
    assert.equal(waiting.length, 0);
  });

  test("a wall whose gate nobody keeps does not stand", () => {
    const gate = join(workshop.folder, "nobody.gate");
    const done = runHelper(workshop, wall(["--network-namespace", "--gate", gate], bubblewrap([], ["/bin/true"])));
    assert.equal(done.status, 125);
    assert.match(done.stderr, /^skerry-helper: gate: the agent does not wait for this start: /);
  });

  test("a wall that is not answered at its gate ends", async () => {
    const gate = join(workshop.folder, "mute.gate");
    const server = createServer((wallAtIt) => wallAtIt.once("data", () => wallAtIt.destroy()));
    server.listen(gate);
    await once(server, "listening");
    const words = wall(["--network-namespace", "--gate", gate], bubblewrap([], ["/bin/echo", "ran"]));
    const child = spawn(workshop.helper, words, { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (said += String(piece)));
    const [code] = await once(child, "close");
    server.close();
    assert.equal(said, "skerry-helper: gate: network: the agent has not connected it\n");
    assert.equal(code, 125);
  });

  test("sockets are made in no network of ours, and for no process that has ended", async () => {
    const own = ["--child", String(process.pid), "--start-ticks", startTicks(process.pid), "--"];
    const ours = await sockets([...own, "listen", "127.0.0.1", "1"]);
    assert.deepEqual([ours.handles.length, ours.code], [0, 125]);
    assert.match(ours.said, /^skerry-helper: sockets: user namespace: /);
    const old = await sockets(["--child", String(process.pid), "--start-ticks", "1", "--", "listen", "127.0.0.1", "1"]);
    assert.match(old.said, /is another one by now/);
  });

  test("words that name no socket are refused", async () => {
    const standing = await gated("words", "sleep 60");
    const words = ["--child", String(standing.child), "--start-ticks", standing.ticks, "--"];
    const wrong = [
      ["listen", "127.0.0.1"],
      ["listen", "example.org", "80"],
      ["listen", "127.0.0.1", "0"],
      ["listen", "127.0.0.1", "65536"],
      ["raw", "127.0.0.1", "80"],
    ];
    for (const one of wrong) assert.equal((await sockets([...words, ...one])).code, 125, one.join(" "));
    await pullDown(standing);
  });

  test("without a gate, addresses that are not loopback's lead nowhere", () => {
    const script = "exec 3<>/dev/tcp/192.0.2.7/80";
    const words = wall(["--network-namespace"], bubblewrap([], ["/bin/bash", "-c", `${script} || echo shut`]));
    assert.match(outputOf(workshop, words), /shut/);
  });
});
