import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, afterEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import * as fc from "fast-check";
import { WINDOW_BYTES } from "../src/host/monitor/mux.ts";
import { FRAME_BYTES_LIMIT, FRAME_TYPES, frame } from "../src/host/monitor/mux-frames.ts";
import {
  childrenOf,
  closeGuests,
  closedByZeros,
  credit,
  exec,
  greeting,
  newEpoch,
  openGuest,
  opening,
  openRaw,
  type RawGuest,
  SILENCE,
} from "./guest.fixture.ts";
import { closeWorkshop, missing, openWorkshop, refused, startTicks, until } from "./helper.fixture.ts";

const { hello, data, end, reset, credit: leave } = FRAME_TYPES;
const SLEEP = exec("nnn", ["/bin/sleep", "60"]);

/** All that it has said since the last greeting, in short. */
function said(guest: RawGuest): readonly string[] {
  const since = guest.heard.findLastIndex(({ type }) => type === hello);
  return guest.heard
    .slice(since + 1)
    .map(({ type, stream, payload }) => `${type} ${stream} ${payload.toString("latin1")}`);
}

const MET = (id: number) => [`${leave} ${id} \0\x04\0\0`, `${end} ${id} `];

async function answersPing(guest: RawGuest, id = 4_000_001): Promise<void> {
  guest.say(opening(id, "ping"), frame(end, id));
  await until(() => guest.heard.some(({ type, stream }) => type === end && stream === id));
}

describe("the guest's end of the channel", {
  skip: missing(["/usr/bin/cc", "/bin/sh", "/bin/sleep", "/bin/cat", "/usr/bin/stty"]),
}, () => {
  const workshop = openWorkshop();
  after(() => closeWorkshop(workshop));
  afterEach(closeGuests);

  test("greets, is linked to who knows its epoch, and ends with its port", async () => {
    const guest = await openRaw(workshop);
    const ours = newEpoch();
    assert.deepEqual(guest.heard[0]?.payload.subarray(16), Buffer.of(0, 0, 0, 0, 0, 0, 0, 0, 1));
    guest.say(greeting(ours, Buffer.alloc(8, 9)), opening(1, "ping"));
    await until(() => guest.heard.length === 2);
    assert.deepEqual(guest.heard[1]?.payload.subarray(8), Buffer.concat([guest.epoch(), ours, Buffer.of(1)]));
    guest.say(greeting(ours, guest.epoch()), opening(3, "ping"));
    await until(() => guest.heard.length >= 4);
    assert.deepEqual(said(guest), MET(3));
    guest.port.end();
    assert.equal(await guest.ended, 0);
  });

  test("a new epoch ends all streams and what runs for them, the same one ends nothing", async () => {
    const guest = await openRaw(workshop);
    const ours = newEpoch();
    guest.say(greeting(ours, guest.epoch()), opening(1, SLEEP), opening(3, "ping"));
    await until(() => childrenOf(guest) === 1);
    guest.say(greeting(ours, guest.epoch()));
    await answersPing(guest);
    assert.equal(childrenOf(guest), 1);
    guest.say(greeting(newEpoch(), guest.epoch()), opening(1, "ping"), opening(3, "ping"));
    await until(() => said(guest).length === 4);
    assert.deepEqual(said(guest), [...MET(1), ...MET(3)]);
    await until(() => childrenOf(guest) === 0);
  });

  test("understands bytes wherever they are cut", async () => {
    const guest = await openRaw(workshop);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(230), { maxLength: 8 }), async (cuts) => {
        const bytes = Buffer.concat([
          greeting(newEpoch(), guest.epoch()),
          opening(1, "ping"),
          frame(data, 1, Buffer.from("nobody reads this")),
          opening(3, "what"),
          frame(end, 1),
          opening(1, "ping"),
          opening(5, exec("nnn", ["/bin/true"])),
        ]);
        let from = 0;
        for (const to of [...cuts, bytes.length].toSorted((a, b) => a - b)) {
          guest.port.write(bytes.subarray(from, to));
          from = Math.max(from, to);
          await pause(1);
        }
        await until(() => said(guest).length === 8);
        const expected = [
          ...MET(1),
          `${reset} 3 not understood`,
          ...MET(1),
          MET(5)[0],
          `${data} 5 exit 0\n`,
          MET(5)[1],
        ];
        assert.deepEqual(said(guest), expected);
      }),
      { numRuns: 15 },
    );
  });

  test("finds its place behind any noise", async () => {
    const guest = await openRaw(workshop);
    const start = greeting(Buffer.alloc(8), Buffer.alloc(8));
    const parts = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(16).map((length) => start.subarray(0, length)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(parts, { maxLength: 6 }),
        fc.array(parts, { maxLength: 6 }),
        async (before, between) => {
          // Not in place: whatever came before, it needs no more than the greeting itself.
          guest.say(SILENCE, ...before, greeting(newEpoch(), guest.epoch()), opening(1, "ping"));
          await until(() => said(guest).includes(`${end} 1 `));
          assert.deepEqual(said(guest), MET(1));
          // In place: noise may look like the beginning of a frame.
          guest.say(...between, SILENCE, greeting(newEpoch(), guest.epoch()), opening(7, "ping"));
          await until(() => said(guest).includes(`${end} 7 `));
          assert.deepEqual(said(guest), MET(7));
        },
      ),
      { numRuns: 12 },
    );
  });

  test("what is malformed ends all streams, and the next greeting begins anew", async () => {
    const guest = await openRaw(workshop);
    const tooLong = frame(data, 1);
    tooLong.writeUInt32BE(FRAME_BYTES_LIMIT + 1, 5);
    const noMagic = greeting(newEpoch(), guest.epoch()).fill(0, 9, 17);
    const malformed: readonly (readonly [string, Buffer])[] = [
      ["a frame that is too long", tooLong],
      ["type 0", frame(0, 1)],
      ["type 7", frame(7, 1)],
      ["type 255", frame(255, 1, Buffer.from("text"))],
      ["a greeting that is too short", frame(hello, 0, Buffer.alloc(24))],
      ["a greeting on a stream", frame(hello, 1, Buffer.alloc(25))],
      ["a greeting without its magic", noMagic],
      ["an even stream", opening(2, "ping")],
      ["stream 0", opening(0, "ping")],
      ["a stream that is open", opening(1, "ping")],
      ["data behind the end", Buffer.concat([frame(end, 3), frame(data, 3, Buffer.from("more"))])],
    ];
    for (const [what, bytes] of malformed) {
      guest.begin();
      guest.say(opening(1, SLEEP), opening(5, exec("pnn", ["/bin/sleep", "60"])), opening(3, "in 5"));
      await until(() => childrenOf(guest) === 2 && said(guest).length >= 3);
      guest.say(
        frame(data, 3, Buffer.alloc(FRAME_BYTES_LIMIT)),
        frame(data, 3, Buffer.alloc(FRAME_BYTES_LIMIT)),
        bytes,
      );
      await until(() => childrenOf(guest) === 0);
      const heard = guest.heard.length;
      guest.say(opening(9, "ping"));
      guest.begin();
      await answersPing(guest);
      assert.ok(!guest.heard.slice(heard).some(({ stream }) => stream === 9), what);
    }
  });

  test("what comes for a stream that is over or never was is nobody's, and harms none", async () => {
    const guest = await openRaw(workshop);
    guest.begin();
    guest.say(opening(1, SLEEP));
    for (const id of [0, 2, 77, 0xffffffff])
      for (const type of [data, end, reset, leave]) guest.say(frame(type, id, Buffer.from("four")));
    guest.say(frame(leave, 1), frame(leave, 1, Buffer.alloc(5)), frame(leave, 1, Buffer.alloc(FRAME_BYTES_LIMIT)));
    await answersPing(guest);
    assert.equal(childrenOf(guest), 1);
  });

  test("a host that sends more than it has leave for loses all streams", async () => {
    const guest = await openRaw(workshop);
    guest.begin();
    guest.say(opening(1, exec("pnn", ["/bin/sleep", "60"])), opening(3, "in 1"), opening(5, SLEEP));
    await until(() => childrenOf(guest) === 2);
    // Half a window more, for a pipe takes some of it.
    for (let sent = 0; sent < WINDOW_BYTES * 1.5; sent += FRAME_BYTES_LIMIT)
      guest.say(frame(data, 3, Buffer.alloc(FRAME_BYTES_LIMIT)));
    await until(() => childrenOf(guest) === 0);
    guest.begin();
    await answersPing(guest);
  });

  test("leave for more than a window is leave for a window", async () => {
    const guest = await openRaw(workshop);
    const bytes = () => guest.heard.reduce((sum, { type, payload }) => sum + (type === data ? payload.length : 0), 0);
    guest.begin();
    guest.say(opening(1, exec("npn", ["/bin/cat", "/dev/zero"])), opening(3, "out 1"));
    for (const windows of [1, 2, 3]) {
      await until(() => bytes() >= windows * WINDOW_BYTES);
      await answersPing(guest, 100 + windows * 2 + 1);
      await pause(20);
      assert.equal(bytes(), windows * WINDOW_BYTES);
      guest.say(credit(3, 0xffffffff), credit(3, 0xffffffff));
    }
  });

  test("has places for 256 streams, and takes one more when one is over", async () => {
    const guest = await openRaw(workshop);
    guest.begin();
    for (let place = 0; place < 257; place++) guest.say(opening(place * 2 + 1, "ping"));
    await until(() => said(guest).length === 513);
    assert.equal(said(guest).at(-1), `${reset} 513 too many streams`);
    guest.say(frame(end, 255), opening(515, "ping"));
    await until(() => said(guest).length === 515);
    assert.deepEqual(said(guest).slice(-2), MET(515));
  });

  test("has places for 32 programs, and takes one more when one is over", async () => {
    const guest = await openGuest(workshop);
    const running = await Promise.all(Array.from({ length: 32 }, () => guest.get(SLEEP)));
    assert.equal(await guest.word(SLEEP), "too many programs");
    assert.equal(childrenOf(guest), 32);
    guest.mux.reset(running[7]?.id ?? 0);
    await until(() => childrenOf(guest) === 31);
    await guest.get(SLEEP);
  });

  test("turns down what it does not understand", async () => {
    const guest = await openGuest(workshop);
    const program = await guest.get(exec("pnn", ["/bin/cat"]));
    const short = exec("nnn", ["/bin/true"]);
    for (const label of [
      ...[
        "",
        "hello",
        "pings",
        "ping ",
        "\0ping",
        "exec",
        "exec nnn 0 0",
        "exec nnn 0 0\0",
        "signal",
        "signal 1",
        "size 1 2",
      ],
      ...[
        short.replace("nnn", "nn"),
        short.replace("nnn", "nnnn"),
        short.replace("nnn", "xyz"),
        short.replace("0 0", "0"),
      ],
      ...[
        "dial",
        "dial 127.0.0.1",
        "in 4294967295",
        "in 2",
        `abcd ${program.id}`,
        "%n%n%s 1",
        "a".repeat(FRAME_BYTES_LIMIT),
      ],
    ])
      assert.equal(await guest.word(label), "not understood", label.slice(0, 80));
    for (const name of ["out", "err", "tty", "abc", "i"])
      assert.equal(await guest.word(`${name} ${program.id}`), "no such stream, or it is taken", name);
    assert.equal(
      await guest.word(
        exec(
          "nnn",
          Array.from({ length: 9000 }, () => "/x"),
        ),
      ),
      "too many words",
    );
    assert.equal(await guest.word("ping"), undefined);
  });

  test("a label without an end ends with its frame", async () => {
    const guest = await openGuest(workshop);
    // A word of before must not be taken for its end.
    const before = guest.ask("x".repeat(60_000));
    await until(() => before.reset !== undefined);
    const program = await guest.get("exec npn 0 0\0/bin/sh\0-c\0read a; echo $0 $1\0one\0two");
    const out = await guest.get(`out ${program.id}`);
    assert.equal(await guest.end(program), "exit 0\n");
    assert.equal(await guest.end(out), "one two\n");
  });

  test("a program's streams are whole, and its end is told", async () => {
    const guest = await openGuest(workshop);
    const program = await guest.get(exec("ppp", ["/bin/sh", "-c", "cat; echo done >&2; exit 7"]));
    const [input, out, err] = await Promise.all(["in", "out", "err"].map((name) => guest.get(`${name} ${program.id}`)));
    assert.ok(input !== undefined && out !== undefined && err !== undefined);
    const text = Buffer.from(Array.from({ length: 3 * 131_072 }, (_, index) => String(index).padStart(8)).join(""));
    await guest.send(input, text);
    assert.ok(!program.ended);
    guest.mux.end(input.id);
    assert.equal(await guest.end(program), "exit 7\n");
    await until(() => out.ended && err.ended);
    assert.ok(out.text === text.toString("latin1"), `${out.bytes} of ${text.length}`);
    assert.equal(err.text, "done\n");
    assert.equal(await guest.word(`out ${program.id}`), "not understood");
  });

  test("a program that is not there says why, as a failure of ours", async () => {
    const guest = await openGuest(workshop);
    const program = await guest.get(exec("nnp", ["/nowhere/to be\nfound"]));
    const err = await guest.get(`err ${program.id}`);
    assert.equal(await guest.end(program), "exit 125\n");
    assert.equal(await guest.end(err), "skerry-helper: guest: /nowhere/to be?found: No such file or directory\n");
  });

  test("a program has a terminal of the size that was asked for, and hears its keys", async () => {
    const guest = await openGuest(workshop);
    const script =
      "trap 'stty size' WINCH; trap 'echo stopped; exit 3' INT; stty -echo; stty size; read line; echo got $line; while :; do sleep 0.02; done";
    const program = await guest.get(exec("ttt", ["/bin/sh", "-c", script], "24 80"));
    const [shown, keys] = await Promise.all([guest.get(`tty ${program.id}`), guest.get(`in ${program.id}`)]);
    await until(() => shown.text.includes("24 80\r\n"));
    await guest.send(keys, Buffer.from("a line\r"));
    await until(() => shown.text.includes("got a line\r\n"));
    assert.equal(await guest.word(`size ${program.id} 50 132`), undefined);
    await until(() => shown.text.includes("50 132\r\n"));
    assert.equal(await guest.word(`abc ${program.id}`), "no such stream, or it is taken");
    assert.equal(await guest.word(`signal ${program.id} 2`), undefined);
    assert.equal(await guest.end(program), "exit 3\n");
    await until(() => shown.ended);
    assert.match(shown.text, /stopped\r\n$/);
  });

  test("a signal reaches the program, and words to none are turned down", async () => {
    const guest = await openGuest(workshop);
    const program = await guest.get(SLEEP);
    for (const id of [0, 2, program.id + 100, 4_294_967_294, 4_294_967_295]) {
      assert.equal(await guest.word(`signal ${id} 9`), "no such program", String(id));
      assert.equal(await guest.word(`size ${id} 1 1`), "no such terminal", String(id));
    }
    assert.equal(await guest.word(`size ${program.id} 1 1`), "no such terminal");
    assert.equal(await guest.word(`signal ${program.id} 4000000000`), "Invalid argument");
    assert.equal(await guest.word(`signal ${program.id} 9`), undefined);
    assert.equal(await guest.end(program), "exit 137\n");
    assert.equal(await guest.word(`signal ${program.id} 9`), "no such program");
  });

  test("a hang-up ends what runs, also before it has begun", async () => {
    const guest = await openGuest(workshop);
    for (const hangUp of ["end", "reset"] as const) {
      for (let round = 0; round < 15; round++) {
        const programs = [SLEEP, SLEEP].map((label) => guest.ask(label));
        if (round % 3 === 0) await until(() => programs.every(({ stands }) => stands));
        for (const { id } of programs) guest.mux[hangUp](id);
      }
      await until(() => childrenOf(guest) === 0);
    }
    const waiting = await guest.get(exec("nnn", ["/bin/echo", "{child}"]));
    guest.mux.end(waiting.id);
    await until(() => childrenOf(guest) === 0);
  });

  test("a program that never reads stops only itself", async () => {
    const guest = await openGuest(workshop);
    const deaf = await guest.get(exec("ppn", ["/bin/sleep", "60"]));
    const into = await guest.get(`in ${deaf.id}`);
    assert.equal(guest.mux.write(into.id, Buffer.alloc(WINDOW_BYTES)), WINDOW_BYTES);
    const cat = await guest.get(exec("ppn", ["/bin/cat"]));
    const [input, out] = await Promise.all([guest.get(`in ${cat.id}`), guest.get(`out ${cat.id}`)]);
    await guest.send(input, Buffer.from("x".repeat(WINDOW_BYTES * 2)));
    await until(() => out.bytes === WINDOW_BYTES * 2);
    assert.ok(!deaf.ended && into.reset === undefined);
    guest.mux.end(deaf.id);
    await until(() => into.reset !== undefined);
  });

  test("many programs that speak at the same time are all heard to their end", async () => {
    const guest = await openGuest(workshop);
    const script = "head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2";
    const programs = await Promise.all(
      Array.from({ length: 32 }, () => guest.get(exec("npp", ["/bin/sh", "-c", `(${script}) & (${script}); wait`]))),
    );
    await pause(100); // until their pipes are full
    const outs = programs.flatMap(({ id }) => [guest.ask(`out ${id}`), guest.ask(`err ${id}`)]);
    await until(() => outs.every(({ ended, reset }) => ended || reset !== undefined));
    assert.deepEqual(
      outs.filter(({ bytes }) => bytes !== 200_000),
      [],
    );
  });

  test("a program's output ends with it, whoever else holds it open, also when nobody waits for its exit code", async () => {
    const guest = await openRaw(workshop);
    guest.begin();
    const script = "sleep 15 & head -c 300000 /dev/zero";
    guest.say(opening(1, exec("npn", ["/bin/sh", "-c", script])), opening(3, "out 1"));
    await until(() => said(guest).includes(`${data} 1 exit 0\n`));
    guest.say(frame(end, 1), opening(5, SLEEP), credit(3, WINDOW_BYTES));
    await until(() => said(guest).includes(`${end} 3 `));
  });

  test("the app is started once, names itself to others, and its end is the guest's", async () => {
    const status = join(workshop.folder, "status");
    const guest = await openGuest(workshop, ["--status", status], ["/bin/sh", "-c", "read word; exit 5"]);
    const app = await guest.get("main pnn 0 0");
    assert.equal(await guest.word("main pnn 0 0"), "not understood");
    const program = await guest.get(exec("npn", ["/bin/echo", "{child}", "{ticks}", "{ticks"]));
    const out = await guest.get(`out ${program.id}`);
    writeFileSync(status, `{ "child-pid": ${process.pid} }`);
    await until(() => out.ended);
    assert.equal(out.text, `${process.pid} ${startTicks(process.pid)} {ticks\n`);
    guest.mux.end((await guest.get(`in ${app.id}`)).id);
    assert.equal(await guest.end(app), "exit 5\n");
    assert.equal(await guest.ended, 0);
  });

  test("begins by no file but one of words that all end", () => {
    const file = join(workshop.folder, "words");
    const words = closedByZeros(["--", "/bin/true"]);
    for (const content of ["", words.slice(0, -1), "/bin/true", "\0".repeat(20_000), "x".repeat(2_200_000)]) {
      writeFileSync(file, content);
      refused(workshop, ["begin", file], /no words that end|too many words/);
    }
    writeFileSync(file, closedByZeros(["--unknown", "--", "/bin/true"]));
    refused(workshop, ["begin", file], /unknown option/);
    refused(workshop, ["begin", `${file}-none`], /no words that end/);
    refused(workshop, ["begin"], /usage/);
    refused(workshop, ["begin", file, file], /usage/);
  });

  test("connects to nobody where there is no app", async () => {
    const guest = await openGuest(workshop);
    for (const where of ["127.0.0.1 80", "::1 80", "nowhere 80", "127.0.0.1 0"])
      assert.equal(await guest.word(`dial ${where}`), "the app has no network");
  });

  test("connects to a server in the app's network", async (context) => {
    const status = join(workshop.folder, "network-status");
    writeFileSync(status, `{ "child-pid": ${process.pid} }`);
    const guest = await openGuest(workshop, ["--status", status]);
    if ((await guest.word("dial nowhere 80")) === "the app has no network")
      return context.skip("cannot here: no right to enter a network");
    assert.equal(await guest.word("dial nowhere 80"), "not an address and a port");
    assert.equal(await guest.word("dial 127.0.0.1 65536"), "not an address and a port");
    const server = createServer({ allowHalfOpen: true }, (socket) => void socket.pipe(socket)).listen(0, "127.0.0.1");
    await until(() => server.listening);
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const stream = await guest.get(`dial 127.0.0.1 ${address.port}`);
    await guest.send(stream, Buffer.from("z".repeat(1_000_000)));
    guest.mux.end(stream.id);
    await until(() => stream.ended);
    assert.equal(stream.bytes, 1_000_000);
    server.close();
    await until(() => !server.listening);
    assert.equal(await guest.word(`dial 127.0.0.1 ${address.port}`), "Connection refused");
  });

  test("takes no seed but 64 bytes in hex", async () => {
    const guest = await openGuest(workshop);
    for (const hex of [
      "",
      "zz",
      "abc",
      "0".repeat(127),
      "0".repeat(129),
      "g".repeat(128),
      " 1".repeat(64),
      "+1".repeat(64),
    ])
      assert.equal(await guest.word(`seed ${hex}`), "not a seed", hex);
  });

  test("a host that asks and never reads costs a buffer and no more", async () => {
    const guest = await openRaw(workshop);
    guest.begin();
    guest.say(opening(1, SLEEP));
    await until(() => childrenOf(guest) === 1);
    guest.port.pause();
    for (let id = 3; id < 160_000; id += 2) guest.say(opening(id, "what"));
    await until(() => childrenOf(guest) === 0);
    guest.port.resume();
    // Until all is read, and there is room for its greeting.
    for (let heard = -1; heard !== guest.heard.length; await pause(50)) heard = guest.heard.length;
    guest.begin();
    await answersPing(guest);
  });
});
