import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { Allowance } from "../../broker/index.ts";
import { Lender } from "./lender.ts";
import { bufferedAgain, connectBuffered, readInto } from "./reading.ts";
import { type Relayed, relay } from "./relay.ts";

/** Beyond the number of large buffers. */
const MANY = 24;

interface World {
  /** Connects as an app does. */
  readonly connect: () => Promise<Socket>;
  readonly relayed: readonly Promise<Relayed>[];
  readonly taking: Server;
}

/** A server, and a relay to it. */
async function worldOf(
  context: TestContext,
  serve: (socket: Socket) => void,
  allowance?: Allowance,
  adopt = bufferedAgain,
): Promise<World> {
  const relayed: Promise<Relayed>[] = [];
  const apps: Socket[] = [];
  const lender = new Lender();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    serve(socket);
  });
  const to = await portOf(server);
  const taking = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (accepted) => {
    const app = adopt(accepted);
    app.on("error", () => {});
    const out = connectBuffered({ port: to, host: "127.0.0.1", allowHalfOpen: true });
    out.on("error", () => {});
    out.once("connect", () => relayed.push(relay(app, out, { allowance, lender })));
  });
  const port = await portOf(taking);
  context.after(() => {
    for (const one of [server, taking]) one.close();
    for (const one of apps) one.destroy();
  });
  return {
    relayed,
    taking,
    async connect() {
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      socket.on("error", () => {});
      apps.push(socket);
      await once(socket, "connect");
      return socket;
    },
  };
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  assert.ok(typeof bound === "object" && bound !== null);
  return bound.port;
}

const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** @returns the digest of all that came */
async function swallow(socket: Socket, slowly: boolean): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of socket as AsyncIterable<Buffer>) {
    hash.update(piece);
    if (slowly) for (let turns = 0; turns < 20; turns++) await turn();
  }
  return hash.digest("hex");
}

for (const [how, adopt] of [
  ["", bufferedAgain],
  [", also where Node keeps its handles elsewhere", (socket: Socket) => socket],
] as const)
  test(`many streams at once arrive both ways as they were sent, to fast and slow readers${how}`, async (context) => {
    const said = Array.from({ length: MANY }, (_, index) => randomBytes(1_000_003 + 100_000 * index));
    const heard: Promise<string>[] = [];
    const world = await worldOf(
      context,
      (socket) => {
        // Who is served first is told by its first byte, and is answered with all that it has sent.
        const pieces: Buffer[] = [];
        socket.on("data", (piece) => pieces.push(piece));
        socket.on("end", () => socket.end(Buffer.concat(pieces)));
      },
      undefined,
      adopt,
    );
    for (const [index, bytes] of said.entries()) {
      const socket = await world.connect();
      heard.push(swallow(socket, index % 2 === 0));
      socket.end(bytes);
    }
    assert.deepEqual(await Promise.all(heard), said.map(digest));
    for (const [index, { sent, received }] of (await Promise.all(world.relayed)).entries())
      assert.equal(sent, received, String(index));
  });

test("what is on its way to one app is not overwritten while others are read", async (context) => {
  const first = randomBytes(8_000_000);
  const second = Buffer.alloc(8_000_000, 7);
  let served = 0;
  const world = await worldOf(context, (socket) => socket.end((served += 1) === 1 ? first : second));
  const slow = await world.connect();
  // It does not read yet: buffers of the kernel and of the relay fill up.
  for (let turns = 0; turns < 200; turns++) await turn();
  await Promise.all(Array.from({ length: MANY }, async () => await swallow(await world.connect(), false)));
  assert.equal(await swallow(slow, false), digest(first));
});

test("under a rate and a quota bytes arrive as they were sent, and are counted", async (context) => {
  const bytes = randomBytes(300_000);
  const allowance = new Allowance({ bytesPerDay: 1_000_000, bytesPerSecond: 400_000 });
  const world = await worldOf(context, (socket) => socket.end(bytes), allowance);
  const app = await world.connect();
  assert.equal(await swallow(app, false), digest(bytes));
  app.end();
  const [passed] = await Promise.all(world.relayed);
  assert.deepEqual(passed, { sent: 0, received: 300_000, usedUp: false });
  assert.equal(allowance.usedInADay(Date.now()), 300_000);
});

test("the end of what an app says reaches the server, and its answer the app", async (context) => {
  const world = await worldOf(context, (socket) => {
    socket.resume();
    socket.on("end", () => socket.end("all of it"));
  });
  const app = await world.connect();
  app.end("some");
  assert.equal(await swallow(app, false), digest(Buffer.from("all of it")));
});

test("a reset of the server is a reset for the app, and nothing is left of the connection", async (context) => {
  const world = await worldOf(context, (socket) => socket.once("data", () => socket.resetAndDestroy()));
  const app = await world.connect();
  app.write("x");
  const [error] = await once(app, "error");
  assert.equal(error.code, "ECONNRESET");
  await Promise.all(world.relayed);
  const open = await new Promise((resolve) => world.taking.getConnections((_, count) => resolve(count)));
  assert.equal(open, 0);
});

test("a server that speaks first is heard from its first byte on, however late it is read", async (context) => {
  const server = createServer((socket) => socket.end("first"));
  const port = await portOf(server);
  context.after(() => server.close());
  const socket = connectBuffered({ port, host: "127.0.0.1" });
  await once(socket, "connect");
  for (let turns = 0; turns < 50; turns++) await turn();
  assert.equal(socket.bytesRead, 0);
  let heard = "";
  const take = (bytes: Uint8Array) => {
    heard += Buffer.from(bytes).toString();
    return undefined;
  };
  readInto(socket, take, { lender: new Lender() });
  await once(socket, "end");
  socket.destroy();
  assert.equal(heard, "first");
});

test("one instance is lent few large buffers, all together some more, and what is given back is lent again", () => {
  const all = (lender: Lender) => Array.from({ length: 10 }, () => lender.lend()).filter((one) => one !== undefined);
  const lenders = Array.from({ length: 10 }, () => new Lender());
  const lent = lenders.map((lender) => all(lender));
  assert.deepEqual(
    lent.map(({ length }) => length),
    [4, 4, 4, 4, 4, 4, 4, 4, 0, 0],
  );
  for (const [index, buffers] of lent.entries()) for (const one of buffers) lenders[index]?.takeBack(one, true);
  assert.equal(lenders[9]?.lend()?.length, 1024 * 1024);
});

test("a side that was ended before ends the other one", async (context) => {
  const server = createServer((socket) => socket.on("error", () => {}));
  const port = await portOf(server);
  context.after(() => server.close());
  for (const gone of [0, 1]) {
    const sides = [0, 1].map(() => connectBuffered({ port, host: "127.0.0.1", allowHalfOpen: true }));
    await Promise.all(sides.map(async (side) => await once(side, "connect")));
    const [app, other] = sides;
    assert.ok(app !== undefined && other !== undefined);
    sides[gone]?.destroy();
    await relay(app, other, { allowance: undefined, lender: new Lender() });
    assert.ok(sides.every(({ destroyed }) => destroyed));
  }
});
