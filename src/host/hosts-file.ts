/**
 * Hosts file: names that this host's owner has written down with their addresses (hosts(5)). They come before any name
 * server, as everywhere on the host.
 *
 * Invariants
 * - A line counts only whole: an address in its one form, and names behind it.
 * - What was looked up is known until the file changes; lists of hundreds of thousands of names are searched, not kept.
 */
import { readFile, stat } from "node:fs/promises";
import { ipText, parseIp } from "../model/index.ts";

/** A longer file is none: its owner hears of it, and names are asked of name servers. */
const BYTES_MOST = 16 * 1024 * 1024;

/** Names whose answers are kept. */
const KEPT_MOST = 4096;

/** Of one name. */
const ADDRESSES_MOST = 16;

export class HostsFile {
  readonly #path: string;
  readonly #known = new Map<string, readonly string[]>();
  #version = "";

  /** @param path - /etc/hosts, but for tests */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * @param name - lower case, no dot at the end
   * @returns empty where the file says nothing of it
   */
  async addressesOf(name: string): Promise<readonly string[]> {
    const found = await stat(this.#path, { bigint: true }).catch(() => undefined);
    if (found === undefined || !found.isFile()) return [];
    const version = [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(" ");
    const known = version === this.#version ? this.#known.get(name) : undefined;
    if (known !== undefined) return known;
    if (version !== this.#version || this.#known.size >= KEPT_MOST) this.#known.clear();
    if (version !== this.#version && found.size > BYTES_MOST)
      process.stderr.write(`${this.#path} is not read: it has more than ${BYTES_MOST} bytes\n`);
    this.#version = version;
    const text = found.size > BYTES_MOST ? "" : await readFile(this.#path, "latin1").catch(() => "");
    const addresses = addressesIn(text, name);
    this.#known.set(name, addresses);
    return addresses;
  }
}

/** In the order of the file, each once. */
export function addressesIn(text: string, name: string): readonly string[] {
  const found = new Set<string>();
  const lower = text.toLowerCase();
  // From one place where the name stands to the next: most lines of a long file are never looked at.
  for (let at = lower.indexOf(name); at >= 0 && name !== "" && found.size < ADDRESSES_MOST; ) {
    const end = lower.indexOf("\n", at);
    const line = lower.slice(lower.lastIndexOf("\n", at) + 1, end < 0 ? undefined : end);
    const [address = "", ...names] = (line.split("#", 1)[0] ?? "").split(/[ \t\r]+/);
    const ip = parseIp(address);
    if (ip !== undefined && names.includes(name)) found.add(ipText(ip));
    at = end < 0 ? -1 : lower.indexOf(name, end);
  }
  return [...found];
}
