/**
 * Programs: which program of an app wanted something of its network, for the record of it. A few are looked for in a second;
 * of all others the record says none, as where nothing is found in time.
 */
import type { Socket } from "node:net";
import { inodeOfSocket, type ProcessName, programWith, type SocketEnd } from "../../host/index.ts";

const LOOKS_PER_SECOND = 4;

/** Asked for once the record is begun, while the socket is still there. */
export type Asker = () => string | undefined;

export class Programs {
  #of: ProcessName | undefined;
  #second = 0;
  #looks = 0;

  /** @param of - a process in the network */
  listen(of: ProcessName): void {
    this.#of = of;
  }

  /** @param app - as the app's connection arrived */
  behind(app: Socket): Asker {
    return () => {
      const { remoteAddress, remotePort = 0, localAddress, localPort = 0 } = app;
      return this.#look(
        "tcp",
        { address: remoteAddress, port: remotePort },
        { address: localAddress, port: localPort },
      );
    };
  }

  /** @param port - from which the datagram came */
  sending(port: number): Asker {
    return () => this.#look("udp", { address: undefined, port }, undefined);
  }

  #look(protocol: "tcp" | "udp", near: SocketEnd, far: SocketEnd | undefined): string | undefined {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) [this.#second, this.#looks] = [second, 0];
    if (this.#of === undefined || ++this.#looks > LOOKS_PER_SECOND) return undefined;
    const inode = inodeOfSocket(this.#of, protocol, near, far);
    return inode === undefined ? undefined : programWith(inode, this.#of);
  }
}
