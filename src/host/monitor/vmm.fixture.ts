/** A stand-in for a VMM, for tests: connects to the sockets in a folder, and does as its second word says. */
import { connect, type Socket } from "node:net";

const [folder = "", act = ""] = process.argv.slice(2);

async function port(name: string): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ path: `${folder}/${name}`, allowHalfOpen: true }, () => resolve(socket)).once(
      "error",
      reject,
    );
  });
}

const [control, input, output, errors, console] = await Promise.all(
  (["control", "in", "out", "err", "console"] as const).map(port),
);

switch (act) {
  case "cat": {
    input?.on("data", (piece) => output?.write(piece));
    input?.on("end", () => {
      errors?.write("done\n");
      control?.write("up\nexit 7\n");
    });
    break;
  }
  case "flood":
    // More than any socket holds, and the exit code at once.
    output?.write(Buffer.alloc(20 * 1024 * 1024, "x"), () => control?.write("exit 0\n"));
    break;
  case "signal":
    output?.write("up\n");
    control?.once("data", (piece) => {
      output?.write(piece);
      control?.write("exit 143\n");
    });
    break;
  case "astray":
    control?.write("exit 0; rm\n");
    break;
  case "panic":
    console?.write("Kernel panic \x1b[2J\n", () => process.exit(1));
    break;
  default:
    throw new Error(`no such act: ${act}`);
}
