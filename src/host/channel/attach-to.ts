/**
 * Attaches our own terminal and streams to one more program in a machine. Its exit code is the command's.
 *
 * The command line does so itself, in the place that the helper's `enter` has for containers; attach.ts is the same as a program.
 * Streams are opened together, since each is a way there and back.
 */
import { spawnSync } from "node:child_process";
import { createWriteStream, fstatSync } from "node:fs";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import type { ProcessName } from "../processes.ts";
import { openStream, type Stream, untilAsked } from "./open-stream.ts";

export { attachedBy } from "./attached-by.ts";

/** Ours, when there is no exit code of the command's: the same as the helper's. */
const FAILED = 125;

/** A machine that begins answers when it is up, for which its monitor waits as long (host/monitor/machine.ts). */
const ANSWERS_WITHIN_MS = 300_000;

/** What fits into one frame. */
const LABEL_BYTES_LIMIT = 65_000;

/** The command gets them where they are sent to us. SIGUSR1 is Node's own. */
const PASSED_ON = { SIGTERM: 15, SIGINT: 2, SIGHUP: 1, SIGQUIT: 3, SIGUSR2: 12 } as const;

const { stdin, stdout, stderr } = process;

/** Why a stream could not be opened. */
class NotAttached extends Error {}

/**
 * @param machine - the first process behind the machine's wall
 * @param command - what the machine's control end starts
 * @returns the exit code of the command, or ours
 */
export async function attachTo(machine: ProcessName, command: readonly string[]): Promise<number> {
  const open = async (of: string) => await stream(machine, of);
  const tell = (of: string) => void hang(machine, of);
  const ends: (() => void)[] = [];
  try {
    await untilAsked(machine);
    return await attach(command, { open, tell, ends });
  } catch (error) {
    if (!(error instanceof NotAttached)) throw error;
    stderr.write(`skerry: ${error.message.replaceAll(/[^\x20-\x7e]/g, "?")}\n`);
    return FAILED;
  } finally {
    for (const end of ends) end();
  }
}

interface Way {
  readonly open: (of: string) => Promise<Stream>;
  /** Nothing depends on it: what it is about may have ended. */
  readonly tell: (of: string) => void;
  /** What is to be taken back. */
  readonly ends: (() => void)[];
}

async function attach(command: readonly string[], { open, tell, ends }: Way): Promise<number> {
  const modes = [
    stdin.isTTY ? "t" : fstatSync(0).isCharacterDevice() ? "n" : "p",
    stdout.isTTY ? "t" : "p",
    stderr.isTTY ? "t" : "p",
  ];
  const label = `exec ${modes.join("")} ${size()}\0${command.map((word) => `${word}\0`).join("")}`;
  if (Buffer.byteLength(label) > LABEL_BYTES_LIMIT)
    throw new NotAttached("the command and its environment are longer than 65,000 bytes");
  const { socket: control, id } = await open(label);
  for (const [name, number] of Object.entries(PASSED_ON)) {
    const pass = () => tell(`signal ${id} ${number}`);
    process.on(name, pass);
    ends.push(() => process.off(name, pass));
  }
  stdout.on("resize", () => tell(`size ${id} ${size()}`));
  if (modes[0] === "t") handKeysOver(ends);
  const [input, output, errors, terminal] = await Promise.all([
    modes[0] === "n" ? undefined : open(`in ${id}`),
    modes[1] === "p" ? open(`out ${id}`) : undefined,
    modes[2] === "p" ? open(`err ${id}`) : undefined,
    modes.includes("t") ? open(`tty ${id}`) : undefined,
  ]);
  if (input !== undefined) {
    const { socket } = input;
    socket.on("error", () => {}).resume();
    stdin.on("error", () => socket.end());
    stdin.pipe(socket);
    // A terminal that nobody types on any more would keep us.
    ends.push(() => stdin.unpipe(socket).pause());
  }
  const seen = stdout.isTTY ? stdout : stderr.isTTY ? stderr : createWriteStream("", { fd: 0, autoClose: false });
  const written: Promise<void>[] = [];
  if (output !== undefined) written.push(writeTo(stdout, output.socket));
  if (errors !== undefined) written.push(writeTo(stderr, errors.socket));
  if (terminal !== undefined) written.push(writeTo(seen, terminal.socket));
  let said = "";
  for await (const piece of control) said = (said + String(piece)).slice(0, 64);
  const code = /^exit (\d{1,3})\n$/.exec(said)?.[1];
  await Promise.all(written);
  if (code === undefined) throw new NotAttached("the machine has ended");
  return Number(code);
}

async function stream(machine: ProcessName, of: string): Promise<Stream> {
  const opened = await openStream(machine, of, ANSWERS_WITHIN_MS);
  if (!opened.ok) throw new NotAttached(opened.problem.because);
  return opened.value;
}

async function hang(machine: ProcessName, of: string): Promise<void> {
  const opened = await openStream(machine, of);
  if (opened.ok) opened.value.socket.destroy();
}

/** Resolves at the end of what is said. When who reads it has gone, so has the stream. */
async function writeTo(target: Writable, socket: Socket): Promise<void> {
  // Who listens otherwise would end us, and the command's own answer to a reader that has gone counts.
  target.removeAllListeners("error").on("error", () => socket.destroy());
  socket.on("error", () => {});
  await new Promise<void>((resolve) => {
    const flush = () => target.write("", () => resolve());
    // One that has said nothing may have ended while the others were opened, and says so once.
    if (socket.readableEnded) flush();
    socket.once("end", flush).once("close", flush);
    socket.pipe(target, { end: false });
  });
}

function size(): string {
  const { rows = 24, columns = 80 } = stdout.isTTY ? stdout : {};
  return `${rows} ${columns}`;
}

/** To a terminal in the machine, which makes lines of them; ours then changes nothing. Node puts it back at our end. */
function handKeysOver(ends: (() => void)[]): void {
  stdin.setRawMode(true);
  ends.push(() => stdin.setRawMode(false));
  // Node leaves ends of lines to be made of what comes out.
  spawnSync("/usr/bin/stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
}
