import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FRAME_BYTES_LIMIT, FRAME_TYPES, FrameReader, frame, MAGIC } from "./mux-frames.ts";
import { Mux, type MuxEvent, WINDOW_BYTES } from "./mux.ts";

interface End {
  readonly mux: Mux;
  /** Sent and not yet delivered to the other one. */
  queue: Buffer;
  readonly events: MuxEvent[];
  readonly got: Map<number, Buffer[]>;
  readonly ended: Set<number>;
}

function end(side: "host" | "guest", epoch: number): End {
  const made: End = {
    mux: new Mux(side, Buffer.alloc(8, epoch), (bytes) => (made.queue = Buffer.concat([made.queue, bytes]))),
    ...{ queue: Buffer.alloc(0), events: [], got: new Map(), ended: new Set() },
  };
  return made;
}

/** Gives a part of what one has sent to the other, which takes up all that is opened. */
function deliver(from: End, to: End, bytes = from.queue.length): void {
  const piece = from.queue.subarray(0, bytes);
  from.queue = from.queue.subarray(bytes);
  for (const event of to.mux.receive(piece)) {
    to.events.push(event);
    if (event.kind === "opened") to.mux.accept(event.id);
    if (event.kind === "end") to.ended.add(event.id);
    if (event.kind !== "data") continue;
    to.got.set(event.id, [...(to.got.get(event.id) ?? []), event.bytes]);
    to.mux.taken(event.id, event.bytes.length);
  }
}

function linked(): readonly [End, End] {
  const [host, guest] = [end("host", 1), end("guest", 2)];
  host.mux.greet();
  guest.mux.greet();
  for (let round = 0; round < 3; round++) {
    deliver(host, guest);
    deliver(guest, host);
  }
  assert.ok(host.mux.linked && guest.mux.linked);
  return [host, guest];
}

const astray = (events: readonly MuxEvent[]) => events.some(({ kind }) => kind === "astray");

test("both ends know each other after they have greeted, whoever is first, and are quiet then", () => {
  for (const first of [0, 1]) {
    const ends = [end("host", 1), end("guest", 2)] as const;
    ends[first]?.mux.greet();
    for (let round = 0; round < 4; round++) {
      deliver(ends[0], ends[1]);
      deliver(ends[1], ends[0]);
    }
    assert.ok(ends.every(({ mux, queue }) => mux.linked && queue.length === 0));
  }
});

test("whatever is said on streams comes in whole and in order, however the bytes are cut", () => {
  const act = fc.record({ stream: fc.nat(3), bytes: fc.nat(400_000), cut: fc.nat(90_000), back: fc.nat(90_000) });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 25 }), (acts) => {
      const [host, guest] = linked();
      const ids = [0, 1, 2, 3].map((name) => host.mux.open(Buffer.from(`stream ${name}`)) ?? 0);
      const said = new Map<number, Buffer>();
      const rest = new Map<number, Buffer>();
      const push = () => {
        for (const [id, bytes] of rest) rest.set(id, bytes.subarray(host.mux.write(id, bytes)));
      };
      for (const { stream, bytes, cut, back } of acts) {
        const id = ids[stream] ?? 0;
        const text = Buffer.alloc(bytes, `${stream} ${bytes} `);
        said.set(id, Buffer.concat([said.get(id) ?? Buffer.alloc(0), text]));
        rest.set(id, Buffer.concat([rest.get(id) ?? Buffer.alloc(0), text]));
        push();
        deliver(host, guest, cut);
        deliver(guest, host, back);
      }
      while ([...rest.values()].some(({ length }) => length > 0) || host.queue.length + guest.queue.length > 0) {
        push();
        deliver(host, guest, 70_001);
        deliver(guest, host);
      }
      assert.ok(!astray(host.events) && !astray(guest.events));
      for (const [id, bytes] of said) assert.ok(Buffer.concat(guest.got.get(id) ?? []).equals(bytes));
    }),
    { numRuns: 40 },
  );
});

test("no more is sent than the other end has given leave for", () => {
  const [host, guest] = linked();
  const id = host.mux.open(Buffer.from("x")) ?? 0;
  assert.equal(host.mux.write(id, Buffer.alloc(10)), 0, "before it is taken up, nothing goes");
  deliver(host, guest);
  deliver(guest, host);
  assert.equal(host.mux.write(id, Buffer.alloc(WINDOW_BYTES + 5)), WINDOW_BYTES);
  assert.equal(host.mux.write(id, Buffer.alloc(5)), 0);
});

test("a stream is over when both have ended it, and half-way the other direction goes on", () => {
  const [host, guest] = linked();
  const id = host.mux.open(Buffer.from("x")) ?? 0;
  deliver(host, guest);
  deliver(guest, host);
  host.mux.end(id);
  deliver(host, guest);
  assert.ok(guest.ended.has(id));
  guest.mux.write(id, Buffer.from("late"));
  guest.mux.end(id);
  deliver(guest, host);
  assert.equal(String(host.got.get(id)?.[0]), "late");
  assert.ok(host.ended.has(id));
});

test("who begins anew ends all streams of before", () => {
  const [host, guest] = linked();
  const id = host.mux.open(Buffer.from("x")) ?? 0;
  deliver(host, guest);
  deliver(guest, host);
  const again = end("guest", 3);
  again.mux.greet();
  deliver(again, host);
  assert.ok(host.events.some((event) => event.kind === "reset" && event.id === id));
  assert.ok(!host.mux.linked);
  deliver(host, again);
  deliver(again, host);
  assert.ok(host.mux.linked);
});

test("what was under way to a stream that was reset is no fault", () => {
  const [host, guest] = linked();
  const id = host.mux.open(Buffer.from("x")) ?? 0;
  deliver(host, guest);
  deliver(guest, host);
  guest.mux.write(id, Buffer.from("crossing"));
  host.mux.reset(id);
  deliver(guest, host);
  assert.ok(!astray(host.events));
});

const HOSTILE: readonly (readonly [string, (id: number) => Buffer])[] = [
  ["a type that is none", () => frame(9, 1)],
  ["a frame longer than any", (id) => frame(FRAME_TYPES.data, id, Buffer.alloc(FRAME_BYTES_LIMIT + 1))],
  ["data on a stream that nobody has opened", () => frame(FRAME_TYPES.data, 77, Buffer.from("x"))],
  ["data on a stream of its own that it has not opened", () => frame(FRAME_TYPES.data, 78, Buffer.from("x"))],
  ["an odd stream opened by a machine", () => frame(FRAME_TYPES.open, 79, Buffer.from("x"))],
  ["leave for nothing", (id) => frame(FRAME_TYPES.credit, id, Buffer.alloc(4))],
  ["leave for more than a window", (id) => frame(FRAME_TYPES.credit, id, Buffer.from([0, 0, 0, 1]))],
  ["leave in five bytes", (id) => frame(FRAME_TYPES.credit, id, Buffer.alloc(5, 1))],
  ["a second end", (id) => Buffer.concat([frame(FRAME_TYPES.end, id), frame(FRAME_TYPES.end, id)])],
  ["data behind the end", (id) => Buffer.concat([frame(FRAME_TYPES.end, id), frame(FRAME_TYPES.data, id)])],
  [
    "more than a window",
    (id) => Buffer.concat(Array.from({ length: 5 }, () => frame(FRAME_TYPES.data, id, Buffer.alloc(60_000)))),
  ],
  ["a greeting of another version", () => frame(FRAME_TYPES.hello, 0, Buffer.concat([MAGIC, Buffer.alloc(17, 9)]))],
];

for (const [name, bytes] of HOSTILE)
  test(`a machine goes astray by ${name}`, () => {
    const [host, guest] = linked();
    const id = host.mux.open(Buffer.from("x")) ?? 0;
    deliver(host, guest);
    deliver(guest, host);
    assert.ok(astray(host.mux.receive(bytes(id))));
  });

test("noise before the first greeting is passed over, but not without end", () => {
  const reader = new FrameReader();
  const hello = frame(FRAME_TYPES.hello, 0, Buffer.concat([MAGIC, Buffer.alloc(17)]));
  assert.equal(reader.read(Buffer.concat([Buffer.from("firmware\x01\0\0"), hello]))?.length, 1);
  const { mux } = end("host", 1);
  const said = Array.from({ length: 30 }, () => mux.receive(Buffer.alloc(65_536))).flat();
  assert.ok(astray(said));
});

test("whatever a machine says, nothing is thrown, and little is kept", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), fc.boolean(), (pieces, greeted) => {
      const host = greeted ? linked()[0] : end("host", 1);
      for (const piece of pieces) if (astray(host.mux.receive(Buffer.from(piece)))) return;
      assert.ok(host.queue.length < 100_000);
    }),
  );
});

test("frames of all types with any content end in events or astray", () => {
  const any = fc.record({ type: fc.nat(8), stream: fc.nat(12), payload: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 60 }), (frames) => {
      const [host, guest] = linked();
      for (const name of ["a", "b", "c"]) host.mux.open(Buffer.from(name));
      deliver(host, guest);
      deliver(guest, host);
      for (const { type, stream, payload } of frames)
        if (astray(host.mux.receive(frame(type, stream, payload)))) return;
    }),
  );
});
