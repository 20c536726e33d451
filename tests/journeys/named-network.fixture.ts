/** A small world for networks by name: a name server, and servers at an address of this host. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { after } from "node:test";
import { addressesOfHost } from "./doors.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

/** An address of this host that is not its loopback, which no name is ever let to. */
const ADDRESS = addressesOfHost().find((address) => /^\d+\./.test(address) && !address.startsWith("127."));

/** Why there can be no such network on this machine, or false. */
export const NO_NAMED_NETWORKS =
  ADDRESS === undefined
    ? "cannot here: this machine has no address but loopback"
    : !existsSync("/usr/sbin/nft") && "cannot here: nft is not installed";

export interface NamedWorld {
  /** Where the servers are. */
  readonly address: string;
  /** Where the name server listens. */
  readonly dns: string;
  /** Names that were asked for; each with how often. */
  readonly asked: Map<string, number>;
  /** From a name to its addresses; others do not exist. */
  readonly names: Map<string, readonly string[]>;
  /** Listens and says what is given to everybody. */
  serve(take: (socket: Socket) => void): Promise<number>;
  /** Answers datagrams. */
  serveDatagrams(greeting: string): Promise<number>;
  close(): Promise<void>;
}

/** A trial and such a world for all tests of a file, gone after the last of them. */
export async function makeNamedTrial(): Promise<{ readonly trial: Trial; readonly world: NamedWorld }> {
  const [trial, world] = [makeTrial(), await makeNamedWorld()];
  after(async () => {
    await trial.close();
    await world.close();
  });
  return { trial, world };
}

export async function makeNamedWorld(): Promise<NamedWorld> {
  const names = new Map<string, readonly string[]>();
  const asked = new Map<string, number>();
  const server = createSocket("udp4");
  server.on("message", (query, from) => server.send(answerTo(query, names, asked), from.port, from.address));
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const closing = [() => server.close()];
  const address = ADDRESS ?? "";
  return {
    address,
    dns: `127.0.0.1:${server.address().port}`,
    asked,
    names,
    async serve(take) {
      const listening = createServer({ allowHalfOpen: true }, (socket) => {
        sockets.add(socket);
        socket.on("error", () => {});
        socket.once("close", () => sockets.delete(socket));
        take(socket);
      });
      servers.push(listening);
      listening.listen(0, address);
      await once(listening, "listening");
      const bound = listening.address();
      assert.ok(typeof bound === "object" && bound !== null);
      return bound.port;
    },
    async serveDatagrams(greeting) {
      const socket = createSocket("udp4");
      socket.on("message", (_, from) => socket.send(greeting, from.port, from.address));
      socket.bind(0, address);
      await once(socket, "listening");
      closing.push(() => socket.close());
      return socket.address().port;
    },
    async close() {
      for (const close of closing) close();
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map(async (one) => await new Promise((resolve) => one.close(resolve))));
    },
  };
}

/** A plain answer with one A record for each address; no record of another type is known. */
function answerTo(query: Buffer, names: ReadonlyMap<string, readonly string[]>, asked: Map<string, number>): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const name = labels.join(".").toLowerCase();
  asked.set(name, (asked.get(name) ?? 0) + 1);
  const addresses = query.readUInt16BE(at + 1) === 1 ? (names.get(name) ?? []) : [];
  const head = Buffer.from(query.subarray(0, 12));
  head.writeUInt16BE(names.has(name) ? 0x8180 : 0x8183, 2);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  const records = addresses.map((address) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, ...address.split(".").map(Number)]),
  );
  return Buffer.concat([head, query.subarray(12, at + 5), ...records]);
}

/** Deploys a shell under that name with these rules for its network, and this world's name server. */
export function deployWithRules(
  trial: Trial,
  world: NamedWorld,
  name: string,
  answer: string,
  isolation: "container" | "vm" = "container",
): void {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  writeFileSync(`${trial.home}/config/settings.yaml`, `skerry: settings/1\ndns: ["${world.dns}"]\n`);
  const text = `skerry: deployment/1\nrecipe: dev-shell\nisolation: ${isolation}\nanswers:\n  network: ${answer}\n`;
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, text);
}

const INSIDE = readFileSync(join(import.meta.dirname, "fixtures/named-network.py"), "utf8");

/** `tcp:HOST:PORT`, `udp:HOST:PORT`, `name:HOST`. */
type Target = string;

/** Tries the targets from inside. @returns for each what came back, or the name of the error */
export async function tryInside(
  trial: Trial,
  name: string,
  targets: readonly Target[],
  timeoutMs?: number,
): Promise<Readonly<Record<Target, string>>> {
  const ended = await trial.skerry(["run", "--quiet", name, "--", "-c", 'exec python3 - "$@"', "try", ...targets], {
    input: INSIDE,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  assert.equal(ended.code, 0, ended.stderr);
  const seen: Readonly<Record<Target, string>> = JSON.parse(ended.stdout);
  return seen;
}
