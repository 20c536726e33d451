/**
 * Control: what a virtual machine may say about itself, as lines. The machine is not believed: each line is one of a few
 * forms, and short; anything else ends the conversation. Pure.
 */

export type Said =
  /** The app is about to begin. */
  | { readonly kind: "up" }
  /** The app has ended, with an exit code as a shell counts. */
  | { readonly kind: "exit"; readonly code: number }
  /** It could not be started; a word that guest/init knows. */
  | { readonly kind: "failed"; readonly what: string }
  | { readonly kind: "astray" };

const LINE_BYTES_LIMIT = 64;

export class ControlReader {
  #rest = "";

  /** @returns what has been said so far; after `astray` nothing more is to be read */
  read(piece: Buffer): readonly Said[] {
    const lines = (this.#rest + piece.toString("latin1")).split("\n");
    this.#rest = lines.pop() ?? "";
    const said = lines.map(sayingOf);
    const astray = said.findIndex(({ kind }) => kind === "astray");
    if (astray !== -1) return said.slice(0, astray + 1);
    return this.#rest.length > LINE_BYTES_LIMIT ? [...said, { kind: "astray" }] : said;
  }
}

function sayingOf(line: string): Said {
  if (line === "up") return { kind: "up" };
  const code = /^exit (0|[1-9]\d{0,2})$/.exec(line)?.[1];
  if (code !== undefined && Number(code) <= 255) return { kind: "exit", code: Number(code) };
  const what = /^failed ([a-z-]{1,20})$/.exec(line)?.[1];
  return what === undefined ? { kind: "astray" } : { kind: "failed", what };
}
