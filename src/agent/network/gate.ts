/**
 * Gate: where the wall of a start waits until its network is listened in (helper/README.md, `--gate`).
 *
 * The wall connects before it begins, as who has started it, and knocks when its namespaces stand. One that is not
 * answered ends, so no app runs in a network that nobody has made ready; the same when this process is killed.
 */
import { chmodSync, rmSync } from "node:fs";
import { createServer } from "node:net";

export interface Gate {
  close(): void;
}

/**
 * @param path - of the socket; at most 107 bytes, as for every Unix socket
 * @param ready - makes the network ready; what comes after it is let through only if it says so
 */
export async function openGate(path: string, ready: () => Promise<boolean>): Promise<Gate> {
  rmSync(path, { force: true });
  const server = createServer((wall) => {
    wall.on("error", () => {});
    wall.once("data", () => {
      ready().then(
        (is) => (is ? wall.end("g") : wall.destroy()),
        () => wall.destroy(),
      );
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      // Others may pass the folder, not this socket.
      chmodSync(path, 0o600);
      resolve();
    });
  });
  return { close: () => server.close() };
}
