/**
 * Doors: programs that look and try from inside a compartment, and what a test needs outside to be looked for.
 *
 * The programs lie in fixtures/ and go in through standard input, so nothing is granted for them.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { endOf, type Trial } from "./trial.fixture.ts";

/** For all waiting here: far above what is needed, so that only a hang meets it. */
export const DEADLINE_MS = 60_000;

const FIXTURES = join(import.meta.dirname, "fixtures");

/** Which of fixtures/ to run, with one argument, in which instance. */
export interface Look {
  readonly script: string;
  readonly argument?: unknown;
  readonly instance?: string;
  readonly flags?: readonly string[];
}

/** Runs a Python program inside, and answers what it printed as JSON. */
export async function lookInside<Seen>(trial: Trial, look: Look): Promise<Seen> {
  const { script, argument = {}, instance = "dev-shell", flags = [] } = look;
  const ended = await trial.skerry(
    ["run", "--quiet", ...flags, instance, "--", "-c", 'exec python3 - "$1"', "look", JSON.stringify(argument)],
    { input: readFileSync(join(FIXTURES, script), "utf8") },
  );
  assert.equal(ended.code, 0, ended.stderr);
  // What the program prints is its own, and each test knows the shape of it.
  const seen: Seen = JSON.parse(ended.stdout);
  return seen;
}

/** Runs a line of bash inside an instance of dev-shell. */
export async function bashInside(trial: Trial, line: string, flags: readonly string[] = [], instance = "dev-shell") {
  return await trial.skerry(["run", "--quiet", ...flags, instance, "--", "-c", line]);
}

export type Endpoint = readonly [kind: "tcp" | "udp" | "abstract", address: string, port: number];

export interface Listeners {
  readonly endpoints: readonly Endpoint[];
  /** What each of them answers. */
  readonly greeting: string;
  close(): Promise<void>;
}

/** Every address of this host. */
export function addressesOfHost(): readonly string[] {
  return Object.values(networkInterfaces())
    .flat()
    .flatMap((entry) => (entry === undefined || entry.address.startsWith("fe80:") ? [] : [entry.address]));
}

/** Listens on every address of this host, on TCP and UDP, and on an abstract socket. */
export async function listenOutside(): Promise<Listeners> {
  const greeting = "somebody outside";
  const endpoints: Endpoint[] = [];
  const closing: (() => void)[] = [];
  for (const address of addressesOfHost()) {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end(greeting);
    });
    server.listen(0, address);
    await once(server, "listening");
    const bound = server.address();
    assert.ok(typeof bound === "object" && bound !== null);
    endpoints.push(["tcp", address, bound.port]);
    closing.push(() => server.close());
    const datagrams = createSocket(address.includes(":") ? "udp6" : "udp4");
    datagrams.on("message", (_, from) => datagrams.send(greeting, from.port, from.address));
    datagrams.bind(0, address);
    await once(datagrams, "listening");
    endpoints.push(["udp", address, datagrams.address().port]);
    closing.push(() => datagrams.close());
  }
  const name = `skerry-outside-${process.pid}`;
  const local = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(greeting);
  });
  local.listen(`\0${name}`);
  await once(local, "listening");
  endpoints.push(["abstract", name, 0]);
  closing.push(() => local.close());
  return {
    endpoints,
    greeting,
    async close() {
      for (const close of closing) close();
    },
  };
}

/** Asks again until there is an answer. A deadline ends it, and nothing else is decided by time. */
export async function until<Answer>(what: string, ask: () => Promise<Answer | undefined>): Promise<Answer> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    assert.ok(Date.now() < deadline, `waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const KNOCK = `
import socket, sys
kind, address, port = sys.argv[1:]
family = socket.AF_UNIX if kind == "abstract" else socket.AF_INET6 if ":" in address else socket.AF_INET
client = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
client.settimeout(20)
client.connect("\\0" + address if kind == "abstract" else (address, int(port)))
if kind == "udp": client.send(b"knock")
print(client.recv(100).decode(), end="")
`;

/** The same from the host itself: shows that there is something to be reached. */
export async function knockFromOutside(endpoint: Endpoint): Promise<string> {
  return (await endOf(spawn("/usr/bin/python3", ["-c", KNOCK, ...endpoint.map(String)]), DEADLINE_MS)).stdout;
}

/** A folder of the owner's with two files, and a folder with a file, which every user may pass. */
export function projectIn(trial: Pick<Trial, "files">, name: string): string {
  const folder = `${trial.files}/${name}`;
  mkdirSync(`${folder}/sub`, { recursive: true });
  for (const file of ["one.txt", "two.txt", "sub/three.txt"]) writeFileSync(`${folder}/${file}`, `${file} is here\n`);
  for (const path of [folder, `${folder}/sub`]) chmodSync(path, 0o755);
  return folder;
}

/** What was tried, and what came of it: the name of an error, or another word. */
export type Answers = Readonly<Record<string, string>>;

/** Every answer is a refusal. @param few - so many were tried at least */
export function allRefused(answers: Answers, few: number): void {
  assert.ok(Object.keys(answers).length >= few, "so many were tried");
  const open = Object.entries(answers).filter(([, answer]) => !/^E[A-Z]+$/.test(answer));
  assert.deepEqual(open, []);
}

/** A terminal of its own around a program, as a terminal emulator makes one; prints what the program wrote. */
export const IN_TERMINAL = `
import os, pty, sys
status = pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 4096))
sys.exit(os.waitstatus_to_exitcode(status))
`;
