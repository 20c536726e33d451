/**
 * System: stands beside a machine with a system of its own for as long as it runs: `system.ts FOLDER [TPM…] -- VMM…`.
 *
 * It makes the machine's sockets and its console in FOLDER, starts the TPM where there is one, then the VMM, and leads the
 * console to our standard streams. Where the machine has a network card, its frames pass through us (card.ts), and of its
 * screen it gives its owner pictures (picture.ts). Who asks us to end asks the system inside to switch itself off, as by the
 * button of a machine; what does not do that in time is switched off. Our exit code is 0 where the system has switched
 * itself off. A program of its own, behind the same wall as the VMM; it may be started from its sources, so it imports
 * nothing but its neighbours.
 *
 * Invariants
 * - Nothing that the machine says is believed: its console is passed on as it is, and its VMM's words are one of a few.
 * - The TPM is there before the machine is, and ends with it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { attachCard } from "./card.ts";
import { openConsole } from "./console.ts";
import { MachineReader, PICTURE } from "./machine-control.ts";
import { Pictures } from "./picture.ts";
import { listenOnce, passOn, Tail } from "./streams.ts";

/** Ours, when the machine could not run: the same as the helper's. */
const FAILED = 125;

/** Of a machine that was switched off: as after SIGTERM. */
const SWITCHED_OFF = 143;

const TAIL_BYTES = 4096;

/** A system that is asked may have much to write. */
const OFF_WITHIN_MS = 180_000;

/** One that has just begun does not hear the button. */
const PRESS_EVERY_MS = 5_000;

/** What a VMM that was told to end may take. */
const ENDS_WITHIN_MS = 5_000;

const LOOK_EVERY_MS = 20;
const TPM_WITHIN_MS = 30_000;

/** How often one looks whether there is room again. */
const ROOM_EVERY_MS = 5_000;

/** In the machine's own folder, since what is in memory here is small. */
const DRAWN = "/vm/own/picture";

/** Ctrl-]: on a terminal all other keys are the system's. */
const AWAY = 0x1d;

const [folder = "", ...words] = process.argv.slice(2);
const cut = words.indexOf("--");
const [tpmProgram, ...tpmWords] = words.slice(0, cut);
const [program = "", ...vmmWords] = words.slice(cut + 1);

const control = await listenOnce(`${folder}/control`);
const console = openConsole(`${folder}/console`);
const programWords = new Tail(TAIL_BYTES);
if (tpmProgram !== undefined) await startTpm(tpmProgram, tpmWords);

const cardWords = process.env["SKERRY_CARD"];
if (cardWords !== undefined) await (await attachCard(`${folder}/card`, cardWords)).begin();
const pictures = new Pictures(DRAWN, (filename) => {
  const drawing = { execute: "screendump", arguments: { filename, format: "png" }, id: PICTURE };
  return toMachine?.write(`${JSON.stringify(drawing)}\n`) !== undefined;
});
await pictures.listen(`${folder}/picture`);

// In a session of its own: Ctrl-C is for us, and would end the machine.
const vmm = started(program, vmmWords);
const ended = new Promise<{ readonly code: number | null; readonly how: string }>((resolve) => {
  vmm.once("error", (error) => resolve({ code: null, how: error.message }));
  vmm.once("exit", (code, signal) => resolve({ code, how: signal ?? `exit code ${code}` }));
});

let order: ((name: string) => void) | undefined;
let toMachine: Socket | undefined;
let asked = 0;
let byItself = false;
let told = false;
let held = "";
for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, ask);
// The agent's word that nobody waits any more.
process.on("SIGPWR", () => {
  asked += 1;
  switchOff();
});

void control.connected.then((socket) => {
  const reader = new MachineReader();
  socket.on("error", () => {});
  socket.on("data", (piece) => {
    const heard = reader.read(piece);
    if (heard === undefined) {
      vmm.kill("SIGKILL");
      return;
    }
    for (const one of heard) {
      if (one.kind === "greeting") begin(socket);
      else if (one.kind === "shutdown") byItself = one.guest;
      else if (one.kind === "disk-fault") diskFault(one.full);
      else if (one.kind === "picture") void pictures.drawn(one.drawn);
    }
  });
});
const output = join();

const { code, how } = await ended;
console.over();
await Promise.race([output, pause(ENDS_WITHIN_MS)]);
if (process.stdin.isTTY) process.stdin.setRawMode(false);
if (code === 0 && byItself) process.exit(0);
if (asked > 0) process.exit(SWITCHED_OFF);
const text = ["skerry: the virtual machine failed:", `it ended by itself (${how})`, programWords.text()];
process.stderr.write(`${text.filter((line) => line !== "").join("\n")}\n`, () => process.exit(FAILED));

function started(name: string, rest: readonly string[]): ChildProcess {
  const child = spawn(name, rest, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  child.stderr?.on("data", (piece: Buffer) => programWords.add(piece));
  return child;
}

async function startTpm(name: string, rest: readonly string[]): Promise<void> {
  const tpm = started(name, rest);
  let gone: string | undefined;
  tpm.once("error", (error) => (gone = error.message));
  tpm.once("exit", (code, signal) => (gone = signal ?? `exit code ${code}`));
  const deadline = performance.now() + TPM_WITHIN_MS;
  while (!existsSync(`${folder}/tpm`)) {
    if (gone !== undefined || performance.now() > deadline) {
      const text = `skerry: the TPM of the virtual machine did not start: ${gone ?? "it took too long"}\n${programWords.text()}\n`;
      process.stderr.write(text, () => process.exit(FAILED));
      await pause(ENDS_WITHIN_MS);
    }
    await pause(LOOK_EVERY_MS);
  }
}

/** It takes no order before this one. */
function begin(socket: Socket): void {
  const send = (name: string) => void socket.write(`${JSON.stringify({ execute: name })}\n`);
  send("qmp_capabilities");
  order = send;
  toMachine = socket;
  if (asked > 0) send("system_powerdown");
}

/** The first time as by the button; who asks again does not want to wait. */
function ask(): void {
  asked += 1;
  if (asked > 1) {
    switchOff();
    return;
  }
  order?.("system_powerdown");
  setInterval(() => order?.("system_powerdown"), PRESS_EVERY_MS).unref();
  setTimeout(switchOff, OFF_WITHIN_MS).unref();
}

/** What is under way to its disks is still written. */
function switchOff(): void {
  if (order === undefined) vmm.kill("SIGTERM");
  else order("quit");
  setTimeout(() => vmm.kill("SIGKILL"), ENDS_WITHIN_MS).unref();
}

/** The machine stands still, so nothing is lost; it goes on when there is room. */
function diskFault(full: boolean): void {
  if (!told) {
    const because = full
      ? "this host's disk is full, so it stands still until there is room"
      : "a disk's file has a fault";
    process.stderr.write(`skerry: the virtual machine: ${because}\n`);
  }
  told = true;
  if (full) setTimeout(() => order?.("cont"), ROOM_EVERY_MS).unref();
}

/** A console's lines end with two characters; a log's, and what programs read, with one. */
function asLines(piece: Buffer): Buffer {
  const text = `${held}${piece.toString("latin1")}`;
  held = text.endsWith("\r") ? "\r" : "";
  return Buffer.from(text.slice(0, text.length - held.length).replaceAll("\r\n", "\n"), "latin1");
}

/** Both ways. What we read may end, and the system goes on without it. */
async function join(): Promise<void> {
  const { stdin, stdout } = process;
  const { said, typed } = console;
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    process.stderr.write("skerry: this is the system's console; Ctrl-] asks it to switch itself off\r\n");
  }
  stdin.on("error", () => {});
  typed.on("error", () => {});
  stdin.on("data", (piece: Buffer) => {
    const away = stdin.isTTY ? piece.indexOf(AWAY) : -1;
    if (away !== -1) ask();
    if (!typed.write(away === -1 ? piece : piece.subarray(0, away))) {
      stdin.pause();
      typed.once("drain", () => stdin.resume());
    }
  });
  await passOn(said, stdout, stdout.isTTY ? undefined : asLines);
}
