/** A stand-in for a VMM and its machine, for tests: connects to the sockets in a folder, and does as its second word says. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { FRAME_TYPES, frame, MAGIC } from "./mux-frames.ts";
import { Mux } from "./mux.ts";

const [folder = "", act = ""] = process.argv.slice(2);

async function socketOf(name: string): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = connect(`${folder}/${name}`, () => resolve(socket)).once("error", reject);
  });
}

const port = await socketOf("port");
const console = await socketOf("console");
await socketOf("qmp");
const mux = new Mux("guest", randomBytes(8), (bytes) => port.write(bytes));

/** Streams by the first word of their labels. */
const streams = new Map<string, number>();
const waiting = new Map<number, Buffer>();

function say(name: string, text: string | Buffer): void {
  const id = streams.get(name) ?? 0;
  const rest = Buffer.concat([waiting.get(id) ?? Buffer.alloc(0), Buffer.from(text)]);
  waiting.set(id, rest.subarray(mux.write(id, rest)));
}

/** Ends the streams when all is said. */
function exit(code: number): void {
  if (!streams.has("err") || [...waiting.values()].some((rest) => rest.length > 0))
    return void setTimeout(exit, 5, code);
  for (const name of ["out", "err"]) mux.end(streams.get(name) ?? 0);
  say("main", `exit ${code}\n`);
  mux.end(streams.get("main") ?? 0);
}

function endWhenSaid(id: number): void {
  if ((waiting.get(id)?.length ?? 0) > 0) setTimeout(endWhenSaid, 5, id);
  else mux.end(id);
}

let asked = 0;

/** For each that is refused it asks for another. */
function flood(more: number): void {
  for (let count = 0; count < more && asked < 20_000; count++, asked++) mux.open(Buffer.from("x"));
}

/** So many MiB at the console, and then the exit code. */
function floodConsole(more: number): void {
  if (more === 0) return exit(5);
  console.write(Buffer.alloc(1024 * 1024, "\x1b[2Jflood"), () => floodConsole(more - 1));
}

/** Asks without end, and reads no answer. */
function askOnly(kind: "open" | "hello"): void {
  let id = 0;
  const bytes = () =>
    Buffer.concat(
      Array.from({ length: 2000 }, () =>
        kind === "open"
          ? frame(FRAME_TYPES.open, (id += 2), Buffer.from("x"))
          : frame(FRAME_TYPES.hello, 0, Buffer.concat([MAGIC, randomBytes(8), Buffer.alloc(8), Buffer.from([1])])),
      ),
    );
  const more = () => void port.write(bytes(), more);
  port.pause();
  more();
}

function began(): void {
  switch (act) {
    case "flood":
      // More than any window holds, and the exit code at once.
      say("out", Buffer.alloc(20 * 1024 * 1024, "x"));
      return exit(0);
    case "signal":
    case "clients":
      return say("out", "up\n");
    case "astray":
      port.write(frame(99, 1));
      return;
    case "wrong-code":
      say("main", "exit 256\n");
      return mux.end(streams.get("main") ?? 0);
    case "no-memory":
      process.stderr.write("qemu: cannot set up guest memory 'pc.ram': Cannot allocate memory\n", () =>
        process.exit(1),
      );
      return;
    case "killed":
      process.kill(process.pid, "SIGKILL");
      return;
    case "console-flood":
      return floodConsole(64);
    case "deaf-open":
      return askOnly("open");
    case "deaf-hello":
      return askOnly("hello");
    case "endless-word":
      say("main", Buffer.alloc(1024 * 1024, "e"));
      return endWhenSaid(streams.get("main") ?? 0);
    case "panic":
      console.write("Kernel panic \x1b[2J\n", () => process.exit(1));
      return;
    default:
      return;
  }
}

port.on("error", () => process.exit(0)).on("close", () => process.exit(0));
port.on("data", (bytes: Buffer) => {
  for (const event of mux.receive(bytes)) {
    if (act === "open-flood" && (event.kind === "linked" || event.kind === "reset"))
      flood(event.kind === "linked" ? 100 : 1);
    if (event.kind === "opened") {
      const [word = "", ...more] = String(event.label).split(/[ \0]/);
      streams.set(word, event.id);
      if (act === "refuse" && word === "main") {
        mux.reset(event.id, "no \x1b[2J room");
        continue;
      }
      if (word === "nothing") {
        mux.reset(event.id, "not \x1b known");
        continue;
      }
      mux.accept(event.id);
      if (word === "err") began();
      if (word === "signal") {
        say("out", `signal ${more[1]}\n`);
        exit(143);
      }
      if (word === "done") exit(9);
    } else if (event.kind === "data") {
      mux.taken(event.id, event.bytes.length);
      if (event.id === streams.get("in")) say("out", event.bytes);
      if (event.id === streams.get("echo")) say("echo", event.bytes);
    } else if (event.kind === "end") {
      endWhenSaid(event.id);
      if (act === "cat" && event.id === streams.get("in")) {
        say("err", "done\n");
        exit(7);
      }
    } else if (event.kind === "room") {
      const rest = waiting.get(event.id);
      if (rest !== undefined) waiting.set(event.id, rest.subarray(mux.write(event.id, rest)));
    }
  }
});
if (act === "noise") port.write(Buffer.alloc(2 * 1024 * 1024));
mux.greet();
