/**
 * A stand-in for QEMU, for tests of copies: `FOLDER ACT`. It connects to the sockets in a folder, is commanded by QMP, and
 * as its act says keeps to what it should do, or to how far it comes.
 */
import { randomBytes } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import { Mux } from "./mux.ts";

const [folder = "", act = ""] = process.argv.slice(2);

async function port(name: string): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ path: `${folder}/${name}`, allowHalfOpen: true }, () => resolve(socket)).once(
      "error",
      reject,
    );
  });
}

const copied = act !== "boots";
const [channel, console, qmp] = await Promise.all((["port", "console", "qmp"] as const).map(port));
const go = copied ? await port("go") : undefined;
let migrated = "none";
let waiting = 0;

function app(text: string): void {
  const mux = new Mux("guest", randomBytes(8), (bytes) => channel?.write(bytes));
  let main = 0;
  channel?.on("data", (bytes: Buffer) => {
    for (const event of mux.receive(bytes)) {
      if (event.kind !== "opened") continue;
      const label = String(event.label);
      mux.accept(event.id);
      if (label.startsWith("main ")) main = event.id;
      if (label.startsWith("out ")) waiting = event.id;
      if (label.startsWith("err ")) mux.end(event.id);
    }
    // Its first leave to say something comes with the stream.
    if (waiting === 0 || main === 0) return;
    mux.write(waiting, Buffer.from(text));
    mux.end(waiting);
    mux.write(main, Buffer.from("exit 0\n"));
    mux.end(main);
    waiting = 0;
  });
  mux.greet();
}

function answer(command: string, values: Readonly<Record<string, string>>): void {
  if (command === "migrate-incoming") {
    if (act === "dies") process.exit(3);
    const server = createServer((socket) => {
      let state = "";
      socket.on("data", (piece) => (state += String(piece)));
      // As QEMU does with a state that ends early.
      socket.on("end", () => (migrated = state === "a state" ? "completed" : "failed"));
    });
    server.listen((values["uri"] ?? "").replace("unix:", ""));
  }
  if (command === "migrate" && act === "fails") migrated = "failed";
  else if (command === "migrate") {
    const socket = connect((values["uri"] ?? "").replace("unix:", ""), () => {
      if (act === "floods") flood(socket);
      else socket.end("a state", () => (migrated = "completed"));
    });
    socket.on("error", () => {});
  }
  if (command === "quit") setTimeout(() => process.exit(0), 10);
}

function flood(socket: Socket): void {
  const piece = Buffer.alloc(1024 * 1024);
  while (socket.writable && socket.write(piece));
  if (socket.writable) socket.once("drain", () => flood(socket));
}

qmp?.write('{"QMP": {}}\r\n');
qmp?.on("data", (piece) => {
  for (const line of String(piece).trim().split("\n")) {
    const { execute, arguments: values, id } = JSON.parse(line);
    answer(execute, values);
    const value = execute === "query-migrate" ? { status: migrated } : {};
    qmp.write(`${JSON.stringify({ return: value, id })}\r\n`);
  }
});
if (act === "waits" || act === "floods" || act === "fails") go?.write("waits\n");
if (act === "lies") go?.write("waits for a better offer\n");
if (act === "boots") app("booted\n");
go?.on("data", (piece) => {
  const words = String(piece).trim().split(" ");
  if (act === "silent") return;
  if (act === "goes") go.write("goes\n", () => app(`${words.length} ${words[1]?.length}\n`));
});
console?.resume();
