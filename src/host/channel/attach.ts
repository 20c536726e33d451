/**
 * Attach: one more program in a machine, with our own terminal and streams: `attach.ts PID TICKS -- COMMAND…`, where PID
 * and TICKS name the first process behind the machine's wall, and COMMAND is what the machine's control end starts.
 *
 * A program of its own, in the place that the helper's `enter` has for containers. Its exit code is the command's.
 */
import { spawnSync } from "node:child_process";
import { createWriteStream, fstatSync } from "node:fs";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { openStream, type Stream } from "./open-stream.ts";

/** Ours, when there is no exit code of the command's: the same as the helper's. */
const FAILED = 125;

/** What fits into one frame. */
const LABEL_BYTES_LIMIT = 65_000;

/** The command gets them where they are sent to us. SIGUSR1 is Node's own. */
const PASSED_ON = { SIGTERM: 15, SIGINT: 2, SIGHUP: 1, SIGQUIT: 3, SIGUSR2: 12 } as const;

const { stdin, stdout, stderr } = process;
const [pid = "", startTicks = "", , ...command] = process.argv.slice(2);
const machine = { pid: Number(pid), startTicks };

const modes = [
  stdin.isTTY ? "t" : fstatSync(0).isCharacterDevice() ? "n" : "p",
  stdout.isTTY ? "t" : "p",
  stderr.isTTY ? "t" : "p",
].join("");

const label = `exec ${modes} ${size()}\0${command.map((word) => `${word}\0`).join("")}`;
if (Buffer.byteLength(label) > LABEL_BYTES_LIMIT) fail("the command and its environment are longer than 65,000 bytes");
const { socket: control, id } = await stream(label);
for (const [name, number] of Object.entries(PASSED_ON)) process.on(name, () => tell(`signal ${id} ${number}`));
stdout.on("resize", () => tell(`size ${id} ${size()}`));

const written: Promise<void>[] = [];
if (modes[0] === "t") handKeysOver();
if (modes[0] !== "n") {
  const { socket } = await stream(`in ${id}`);
  socket.on("error", () => {}).resume();
  stdin.on("error", () => socket.end());
  stdin.pipe(socket);
}
if (modes[1] === "p") written.push(writeTo(stdout, (await stream(`out ${id}`)).socket));
if (modes[2] === "p") written.push(writeTo(stderr, (await stream(`err ${id}`)).socket));
if (modes.includes("t")) {
  const seen = stdout.isTTY ? stdout : stderr.isTTY ? stderr : createWriteStream("", { fd: 0, autoClose: false });
  written.push(writeTo(seen, (await stream(`tty ${id}`)).socket));
}

let said = "";
for await (const piece of control) said = (said + String(piece)).slice(0, 64);
const code = /^exit (\d{1,3})\n$/.exec(said)?.[1];
await Promise.all(written);
if (code === undefined) fail("the machine has ended");
process.exit(Number(code));

async function stream(of: string): Promise<Stream> {
  const opened = await openStream(machine, of);
  return opened.ok ? opened.value : fail(opened.problem.because);
}

/** Resolves at the end of what is said. When who reads it has gone, so has the stream. */
async function writeTo(target: Writable, socket: Socket): Promise<void> {
  target.on("error", () => socket.destroy());
  socket.on("error", () => {});
  await new Promise<void>((resolve) => {
    const flush = () => target.write("", () => resolve());
    socket.once("end", flush).once("close", flush);
    socket.pipe(target, { end: false });
  });
}

/** Nothing depends on it: what it is about may have ended. */
function tell(of: string): void {
  void openStream(machine, of).then((opened) => (opened.ok ? opened.value.socket.destroy() : undefined));
}

function size(): string {
  const { rows = 24, columns = 80 } = stdout.isTTY ? stdout : {};
  return `${rows} ${columns}`;
}

function fail(because: string): never {
  if (stdin.isTTY) stdin.setRawMode(false);
  stderr.write(`skerry: ${because.replaceAll(/[^\x20-\x7e]/g, "?")}\n`);
  process.exit(FAILED);
}

/** To a terminal in the machine, which makes lines of them; ours then changes nothing. Node puts it back at our end. */
function handKeysOver(): void {
  stdin.setRawMode(true);
  // Node leaves ends of lines to be made of what comes out.
  spawnSync("/usr/bin/stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
}
