/**
 * gRPC over a machine's channel: a server beside the control end, which a stream that the host opened leads to by its label
 * (`dial ADDRESS PORT`), and a client on the host whose HTTP/2 session is that stream. Both of our ends are those of a machine;
 * what lies between them there, a port of the VMM's, is a pair of sockets here.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import { connect, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { AgentService } from "../src/contract/skerry/agent/v1/agent_pb.ts";
import { openStreamOn } from "../src/host/channel/open-stream.ts";
import { Channel } from "../src/host/monitor/channel.ts";
import { listenForClients } from "../src/host/monitor/clients.ts";
import { WINDOW_BYTES } from "../src/host/monitor/mux.ts";
import { closeGuests, openLine } from "./guest.fixture.ts";
import { closeWorkshop, missing, openWorkshop, until } from "./helper.fixture.ts";

/** Many windows of a stream, so that leave is given again and again both ways. */
const BIG_BYTES = 12 * WINDOW_BYTES;

const MANY = 5_000;

/** A server of HTTP/2 on the loopback; what it does follows from the name that it is asked about. */
async function serve() {
  const aborted: string[] = [];
  const handler = connectNodeAdapter({
    readMaxBytes: 2 * BIG_BYTES,
    routes: (router) => {
      router.service(AgentService, {
        info: () => ({ version: "in a machine" }),
        /** Says what it was told. */
        enter: ({ command }) => ({ argv: command }),
        /** Never answers. */
        wait: async ({ name }, { signal }) => {
          await once(signal, "abort");
          aborted.push(name);
          throw new ConnectError("nobody waits any more", Code.Canceled);
        },
        /** So many messages; without end where it is asked for `endless`. */
        async *build({ name }, { signal }) {
          try {
            for (let index = 0; name === "endless" || index < Number(name); index += 1) {
              if (signal.aborted) return;
              yield { progress: { text: `message ${index}` } };
            }
          } finally {
            if (name === "endless") aborted.push(name);
          }
        },
      });
    },
  });
  const server: Http2Server = createServer(handler);
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session.once("close", () => sessions.delete(session))));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { server, sessions, aborted, port: address.port };
}

describe("a gRPC server in a machine", { skip: missing(["/usr/bin/cc"]) }, () => {
  const workshop = openWorkshop();
  let server: Awaited<ReturnType<typeof serve>>;
  let listening: Server;
  let cannot: string | undefined;

  before(async () => {
    server = await serve();
    const status = join(workshop.folder, "status");
    // The network that is dialled in is that of the app's first process; here it is ours.
    writeFileSync(status, `{ "child-pid": ${process.pid} }`);
    const { port } = openLine(workshop, ["--status", status], ["/bin/false"]);
    const { promise: linked, resolve } = Promise.withResolvers<Channel>();
    const made = new Channel(port, { linked: () => resolve(made), astray: (because) => assert.fail(because) });
    listening = await listenForClients(join(workshop.folder, "channel"), linked);
    const tried = await openStreamOn(connect(join(workshop.folder, "channel")), `dial 127.0.0.1 ${server.port}`);
    if (tried.ok) tried.value.socket.destroy();
    else if (tried.problem.because === "the app has no network") cannot = "cannot here: no right to enter a network";
    else assert.fail(tried.problem.because);
  });

  after(async () => {
    for (const session of server.sessions) session.destroy();
    server.server.close();
    listening.close();
    await closeGuests();
    closeWorkshop(workshop);
  });

  /** One stream of the channel, and a client whose session is that stream. */
  async function reach() {
    const opened = await openStreamOn(connect(join(workshop.folder, "channel")), `dial 127.0.0.1 ${server.port}`);
    assert.ok(opened.ok, JSON.stringify(opened));
    const { socket } = opened.value;
    const streams: Socket[] = [socket];
    const transport = createGrpcTransport({
      // Nobody is looked up by it: the stream leads to one server.
      baseUrl: "http://machine",
      readMaxBytes: 2 * BIG_BYTES,
      nodeOptions: { createConnection: () => streams.pop() ?? assert.fail("one stream is one session") },
    });
    return { client: createClient(AgentService, transport), socket };
  }

  test("answers a client over a stream that the host has opened, with messages of any size", async (context) => {
    if (cannot !== undefined) return context.skip(cannot);
    const { client, socket } = await reach();
    assert.equal((await client.info({})).version, "in a machine");
    const word = randomBytes(BIG_BYTES / 2).toString("hex");
    const { argv } = await client.enter({ name: "big", command: [word, "second"] });
    assert.ok(argv[0] === word && argv[1] === "second");
    socket.destroy();
  });

  test("says many messages in their order, to several who ask at the same time", async (context) => {
    if (cannot !== undefined) return context.skip(cannot);
    const { client, socket } = await reach();
    const heard = async (count: number) => {
      let index = 0;
      for await (const { progress } of client.build({ name: String(count) }))
        assert.equal(progress?.text, `message ${index++}`);
      return index;
    };
    assert.deepEqual(await Promise.all([heard(MANY), heard(MANY), heard(3)]), [MANY, MANY, 3]);
    socket.destroy();
  });

  test("is not waited for beyond a deadline, which it hears of, and answers the next one", async (context) => {
    if (cannot !== undefined) return context.skip(cannot);
    const { client, socket } = await reach();
    // The way stands before the time runs: else nothing of the question is sent.
    await client.info({});
    await assert.rejects(
      client.wait({ name: "late" }, { timeoutMs: 200 }),
      (error) => ConnectError.from(error).code === Code.DeadlineExceeded,
    );
    await until(() => server.aborted.includes("late"));
    assert.equal((await client.info({})).version, "in a machine");
    socket.destroy();
  });

  test("a stream that is reset ends what is asked on it, on both sides, and no other stream", async (context) => {
    if (cannot !== undefined) return context.skip(cannot);
    const [one, other] = [await reach(), await reach()];
    assert.equal((await other.client.info({})).version, "in a machine");
    let heard = 0;
    const asking = (async () => {
      for await (const { progress } of one.client.build({ name: "endless" })) if (progress !== undefined) heard += 1;
    })();
    await until(() => heard > MANY);
    const sessions = server.sessions.size;
    one.socket.destroy();
    await assert.rejects(asking, (error) =>
      [Code.Aborted, Code.Unavailable, Code.Canceled, Code.Internal].includes(ConnectError.from(error).code),
    );
    await until(() => server.sessions.size === sessions - 1 && server.aborted.includes("endless"));
    assert.equal((await other.client.info({})).version, "in a machine");
    // The server's end of it, told to the host.
    const waiting = assert.rejects(other.client.wait({ name: "cut" }));
    for (const session of server.sessions) session.destroy();
    await waiting;
    await until(() => other.socket.destroyed || other.socket.readableEnded);
  });
});
