/**
 * Hub: the ports of a provider's machine, in the provider's own monitor: one Unix socket for each station, and one stream of
 * frames to the provider's card.
 *
 * A station is known by the socket that it came through, never by what it says. There is no way from one station to
 * another here; whether the provider hands something on is the provider's own matter. The hub begins and ends with the
 * provider's machine, and needs no agent; stations look for it again (wire.ts).
 *
 * Invariants
 * - What a station sends reaches the provider only as frames.ts lets it; what is dropped is counted, and said now and then.
 * - Nothing waits without a limit.
 */
import { randomBytes } from "node:crypto";
import { renameSync, watch, writeFileSync } from "node:fs";
import { readFile, unlink } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { checkSent, type Drop, FrameReader, type Station, stationFor } from "./frames.ts";
import { readStations } from "./stations.ts";
import { listenOnce } from "./streams.ts";
import { offer } from "./wire.ts";

/** Where changes of the list are not told by the kernel. */
const LOOK_EVERY_MS = 1_000;

export interface HubPlaces {
  /** Where the VMM connects. */
  readonly card: string;
  /** Text of the stations, written by the agent and replaced whole. */
  readonly list: string;
  /** In it is a folder for each station. */
  readonly ports: string;
}

interface Port {
  readonly station: Station;
  readonly server: Server;
  /** Of several that came, the last one: a machine that was started anew. */
  socket: Socket | undefined;
  readonly drops: Map<Drop, number>;
  passed: number;
}

/** @param say - a line for the provider's log */
export async function openHub({ card, list, ports: folder }: HubPlaces, say: (line: string) => void): Promise<void> {
  const ports = new Map<string, Port>();
  const { connected } = await listenOnce(card);
  let provider: { readonly socket: Socket; readonly mac: Buffer } | undefined;
  const writeCounts = countsOf(folder, ports);
  let text = "";
  let mac: Buffer = Buffer.alloc(6);
  let looking = Promise.resolve();
  const look = () => {
    looking = looking.then(async () => {
      const now = await readFile(list, "utf8").catch(() => text);
      if (now === text) return;
      text = now;
      const read = readStations(now);
      if (read === undefined) return say("the list of stations makes no sense; those that were there stay");
      mac = read.provider;
      await settle(ports, read.stations, folder, { provider: () => provider?.socket, mac: () => mac, say });
    });
  };
  look();
  watch(list.slice(0, list.lastIndexOf("/")), look).on("error", () => {});
  setInterval(() => {
    look();
    writeCounts();
  }, LOOK_EVERY_MS);
  // What was dropped in the last moment counts, too.
  process.once("exit", writeCounts);
  await looking;
  void connected.then((socket) => {
    provider = { socket, mac };
    const reader = new FrameReader();
    socket.on("error", () => {});
    socket.on("data", (piece) => {
      const frames = reader.read(piece);
      if (frames === undefined) socket.destroy();
      for (const frame of frames ?? []) {
        const station = stationFor(frame, stationsOf(ports), mac);
        if (station !== undefined) offer(frame, ports.get(station.name)?.socket);
      }
    });
  });
}

function* stationsOf(ports: ReadonlyMap<string, Port>): Generator<Station> {
  for (const { station } of ports.values()) yield station;
}

interface Provider {
  readonly provider: () => Socket | undefined;
  readonly mac: () => Buffer;
  readonly say: (line: string) => void;
}

/** Opens and shuts ports until they are those of the list. */
async function settle(
  ports: Map<string, Port>,
  stations: readonly Station[],
  folder: string,
  provider: Provider,
): Promise<void> {
  for (const [name, port] of ports) {
    const still = stations.find((one) => one.name === name);
    if (still?.mac.equals(port.station.mac) && still.ipv4.equals(port.station.ipv4)) continue;
    port.server.close();
    port.socket?.destroy();
    ports.delete(name);
  }
  for (const station of stations) {
    if (ports.has(station.name)) continue;
    const path = `${folder}/${station.name}/socket`;
    // Of a provider that ran before.
    await unlink(path).catch(() => {});
    const server = createServer();
    const port: Port = { station, server, socket: undefined, drops: new Map(), passed: 0 };
    server.on("connection", (socket) => take(socket, port, provider));
    server.on("error", (error) => provider.say(`the port of ${station.name} does not open: ${error.message}`));
    ports.set(station.name, port);
    await new Promise<void>((resolve) => {
      server.once("error", () => resolve());
      server.listen(path, resolve);
    });
  }
}

function take(socket: Socket, port: Port, { provider, mac, say }: Provider): void {
  port.socket?.destroy();
  port.socket = socket;
  const reader = new FrameReader();
  socket.on("error", () => {});
  socket.once("close", () => {
    if (port.socket === socket) port.socket = undefined;
  });
  socket.on("data", (piece) => {
    const frames = reader.read(piece);
    if (frames === undefined) socket.destroy();
    for (const frame of frames ?? []) {
      const drop = checkSent(frame, port.station, mac());
      if (drop !== undefined) count(port, drop, say);
      else if (offer(frame, provider())) port.passed += 1;
      else if (provider() !== undefined) count(port, "queue-full", say);
    }
  });
}

/** Said at the first, the second, the fourth and so on: a flood must not fill the log. */
function count({ station, drops }: Port, drop: Drop, say: (line: string) => void): void {
  const now = (drops.get(drop) ?? 0) + 1;
  drops.set(drop, now);
  if (Number.isInteger(Math.log2(now))) say(`${station.name}: frame dropped (${drop}), ${now} so far`);
}

/** What passed and what was dropped since we began, for whoever asks. @returns writes it where it has changed */
function countsOf(folder: string, ports: ReadonlyMap<string, Port>): () => void {
  // By it, who reads knows that counts begin anew.
  const run = randomBytes(8).toString("hex");
  let written = "";
  return () => {
    const rows = [...ports.values()].map(({ station, passed, drops }) => ({
      ...{ name: station.name, passed, dropped: Object.fromEntries(drops) },
    }));
    const text = JSON.stringify({ run, ports: rows });
    if (text === written) return;
    try {
      writeFileSync(`${folder}/counts.new`, text);
      renameSync(`${folder}/counts.new`, `${folder}/counts.json`);
      written = text;
    } catch {
      // No room, or the folder is gone: frames go on.
    }
  };
}
