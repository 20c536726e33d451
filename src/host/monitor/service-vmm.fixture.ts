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

const [control, output, console] = await Promise.all((["control", "out", "console", "qmp"] as const).map(port));

switch (act) {
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
