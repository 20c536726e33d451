/**
 * A stand-in for a machine's monitor, as far as a program that is attached knows it: `FOLDER ORDER`, with a socket in
 * FOLDER. What each order does to the streams, and when, stands in the table below.
 */
import { createServer, type Socket } from "node:net";

const [folder = "", order = ""] = process.argv.slice(2);

type Kind = "exec" | "in" | "out" | "err";
type Act = (streams: Readonly<Record<Kind, Socket>>) => void;

/** Before the others are asked for. */
const AT_ONCE: Readonly<Record<string, (control: Socket) => void>> = {
  "exits before the others stand": (control) => control.end("exit 5\n"),
  "closes before the others stand": (control) => {
    control.write("exit 5\n");
    control.destroySoon();
  },
  "is gone before the others stand": (control) => {
    control.end();
    server.close();
    process.exit();
  },
};

/** Each as soon as it stands. */
const EACH: Readonly<Record<string, Partial<Record<Kind, (stream: Socket) => void>>>> = {
  "says it and ends at once": { out: (out) => out.end("said\n"), err: (err) => err.end() },
  "says nothing and closes at once": { out: (out) => out.destroy(), err: (err) => err.destroy() },
};

/** Once all stand. */
const LATER: Readonly<Record<string, Act>> = {
  "the code first": ({ exec, out, err }) => {
    exec.end("exit 5\n", () => setTimeout(() => [out.end("said\n"), err.end()], 50));
  },
  "the code last": ({ exec, out, err }) => {
    err.end();
    out.end("said\n", () => setTimeout(() => exec.end("exit 5\n"), 50));
  },
  "half a code": ({ exec, out, err }) => [out.end("said\n"), err.end(), exec.end("exit ")],
  "all closed, no code": (all) => Object.values(all).forEach((one) => one.destroy()),
  "gone with what it was told": () => process.exit(),
};

const streams: Partial<Record<Kind, Socket>> = {};
let number = 0;

const server = createServer({ allowHalfOpen: true }, (socket) => {
  let said = Buffer.alloc(0);
  socket.on("error", () => {});
  const more = (piece: Buffer) => {
    said = Buffer.concat([said, piece]);
    if (said.length < 4 || said.length < 4 + said.readUInt32BE()) return;
    // Nothing more is read: at our end it is lost, which the other end hears of.
    socket.off("data", more).pause();
    serve(socket, kindOf(said.subarray(4).toString("latin1")));
  };
  socket.on("data", more);
});

function kindOf(label: string): Kind {
  const kind = /^(exec|in|out|err) /.exec(label)?.[1];
  if (kind === "exec" || kind === "in" || kind === "out" || kind === "err") return kind;
  throw new Error(`not a label: ${label}`);
}

function serve(socket: Socket, kind: Kind): void {
  streams[kind] = socket;
  if (order === "no answer") return void socket.end();
  if (order === "turned down") return void socket.end("-too many programs\n");
  socket.write(`+${++number}\n`, () => {
    if (kind === "exec") AT_ONCE[order]?.(socket);
    else if (order in AT_ONCE && kind !== "in") socket.end();
    EACH[order]?.[kind]?.(socket);
    const { exec, out, err } = streams;
    if (exec === undefined || streams.in === undefined || out === undefined || err === undefined) return;
    if (order in EACH) exec.end("exit 5\n");
    LATER[order]?.({ exec, in: streams.in, out, err });
  });
}

server.listen(`${folder}/channel`, () => process.stdout.write("listens\n"));
