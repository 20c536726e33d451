/**
 * Machine control: what QEMU says on its control socket (QMP), as lines. Who emulates a stranger's machine is not believed:
 * lines are short, and of each no more is taken than one of a few words. Pure.
 */

export type Heard =
  /** It is there, and takes orders when it has been answered. */
  | { readonly kind: "greeting" }
  /** The machine ends; `guest`: since the system inside has switched it off. */
  | { readonly kind: "shutdown"; readonly guest: boolean }
  /** Something could not be written or read; `full`: there was no room, and the machine stands still. */
  | { readonly kind: "disk-fault"; readonly full: boolean }
  /** The picture that was asked for is there, or there is none. */
  | { readonly kind: "picture"; readonly drawn: boolean }
  | { readonly kind: "other" };

/** By which it says what it answers. */
export const PICTURE = "picture";

const LINE_BYTES_LIMIT = 256 * 1024;

export class MachineReader {
  #rest = "";

  /** @returns what has been said, or undefined where it is no talk of QEMU's */
  read(piece: Buffer): readonly Heard[] | undefined {
    const lines = (this.#rest + piece.toString("latin1")).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LINE_BYTES_LIMIT) return undefined;
    const heard = lines.map(heardIn);
    return heard.some((one) => one === undefined) ? undefined : heard.filter((one) => one !== undefined);
  }
}

function heardIn(line: string): Heard | undefined {
  const said = mapOf(parsed(line));
  if (said === undefined) return undefined;
  if ("QMP" in said) return { kind: "greeting" };
  if (said["id"] === PICTURE) return { kind: "picture", drawn: "return" in said };
  const data = mapOf(said["data"]) ?? {};
  if (said["event"] === "SHUTDOWN") return { kind: "shutdown", guest: data["guest"] === true };
  if (said["event"] === "BLOCK_IO_ERROR")
    return { kind: "disk-fault", full: data["nospace"] === true && data["action"] === "stop" };
  return { kind: "other" };
}

function parsed(line: string): unknown {
  if (line.length > LINE_BYTES_LIMIT) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
