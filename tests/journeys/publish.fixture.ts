/** What tests of published ports share: servers inside, and a look at them from this host. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { commandOf, done, until } from "./life.fixture.ts";
import type { Trial } from "./trial.fixture.ts";

/** Two servers on the loopback of their compartment; each says who it is, then all that it is told. */
export const SERVERS = `
import socket, threading
def answer(taken, said):
    taken.sendall(said)
    while True:
        piece = taken.recv(65536)
        if piece == b"":
            break
        taken.sendall(piece)
    taken.close()
def serve(listener, said):
    while True:
        taken, _ = listener.accept()
        threading.Thread(target=answer, args=(taken, said)).start()
for family, address, port, said in ((socket.AF_INET, "127.0.0.1", 8080, b"web\\n"), (socket.AF_INET, "127.0.0.1", 8081, b"admin\\n"), (socket.AF_INET6, "::1", 8086, b"six\\n")):
    listener = socket.create_server((address, port), family=family)
    threading.Thread(target=serve, args=(listener, said)).start()
print("serving", flush=True)
`;

export function deployShell(trial: Trial, name: string, more: string): void {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  writeFileSync(
    `${trial.home}/config/deployments/${name}.yaml`,
    `skerry: deployment/1\nrecipe: dev-shell\nisolation: container\n${more}`,
  );
}

export async function serveIn(trial: Trial, name: string): Promise<void> {
  await done(trial, ["start", "-q", name, "--", "-c", `exec python3 -c '${SERVERS}'`]);
  await until("it serves", async () => (await done(trial, ["logs", name])).stdout.includes("serving"));
}

/** Ports of this host that nothing listens on a moment before, and none that connections are given from (ip(7)). */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(20_000, 32_000);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
      ports.add(port);
    } catch {
      // Somebody listens there: another one will do.
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  }
  return [...ports];
}

type Place = { readonly host: string; readonly port: number } | { readonly path: string };

/** What a server says first, or the name of the error; `closed` where it says nothing. */
export async function greeting(place: Place): Promise<string> {
  const socket = connect({ ...place, timeout: 30_000 });
  const said = await firstWords(socket);
  socket.destroy();
  return said;
}

export async function firstWords(socket: Socket): Promise<string> {
  return await new Promise((resolve) => {
    socket.once("data", (piece) => resolve(String(piece).trim()));
    socket.once("end", () => resolve("closed"));
    socket.once("timeout", () => resolve("silent"));
    socket.once("error", (error) => resolve("code" in error ? String(error.code) : error.message));
  });
}

export async function killAgentOf(trial: Trial): Promise<void> {
  const info = await trial.client.call<{ readonly pid?: number }>("Info", {});
  assert.ok(info.ok && info.value.pid !== undefined);
  const { pid } = info.value;
  process.kill(pid, "SIGKILL");
  await until("the agent is gone", () => (commandOf(pid) === "" ? true : undefined));
}
