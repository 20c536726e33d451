/** Where the agent listens. */
import type { Places } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";

/** sun_path of unix(7) holds 108 bytes with the final zero. */
const PATH_LIMIT = 107;

export interface SocketPathTooLong {
  readonly kind: "socket-path-too-long";
  readonly text: string;
}

export function socketPath(places: Pick<Places, "runtime">): Result<string, SocketPathTooLong> {
  const path = `${places.runtime}/agent.sock`;
  const bytes = Buffer.byteLength(path);
  if (bytes <= PATH_LIMIT) return success(path);
  return refusal({
    kind: "socket-path-too-long",
    text: `${path} is too long for a socket: ${bytes} bytes, at most ${PATH_LIMIT}\n  set SKERRY_HOME (or XDG_RUNTIME_DIR) to a shorter path`,
  });
}
