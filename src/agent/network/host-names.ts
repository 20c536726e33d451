/**
 * Host names: which addresses a granted name has. What the host's own file of names says comes first; then its name servers
 * are asked, or those that the owner names.
 *
 * Nothing that an app sends goes out: the question is made anew, of a name that a rule allows.
 */
import { Resolver } from "node:dns/promises";
import type { HostsFile } from "../../host/index.ts";

/** Answers are kept as long as their servers say, within these bounds. */
const KEPT_LEAST_S = 5;
const KEPT_MOST_S = 300;

/** A name that is not there is asked for again after this time. */
const ABSENT_S = 5;

/** Of one name; who has more is asked again soon enough. */
const ADDRESSES_MOST = 16;

/** Beyond them, what was asked first is forgotten. */
const NAMES_MOST = 4096;

const TRY_MS = 2_000;
const TRIES = 2;

interface Known {
  readonly addresses: Promise<readonly string[]>;
  until: number;
}

export class HostNames {
  readonly #servers: readonly string[];
  readonly #hosts: HostsFile;
  readonly #known = new Map<string, Known>();

  /** @param servers - `address:port`; empty for those of /etc/resolv.conf */
  constructor(servers: readonly string[], hosts: HostsFile) {
    this.#servers = servers;
    this.#hosts = hosts;
  }

  /** @returns empty where the name has none, or nobody answers */
  async addressesOf(name: string): Promise<readonly string[]> {
    const written = await this.#hosts.addressesOf(name);
    if (written.length > 0) return written;
    const known = this.#known.get(name);
    if (known !== undefined && known.until > performance.now()) return await known.addresses;
    this.#known.delete(name);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size < NAMES_MOST) break;
      this.#known.delete(oldest);
    }
    const asked = this.#ask(name);
    const entry: Known = { addresses: asked.then(({ addresses }) => addresses), until: Number.POSITIVE_INFINITY };
    this.#known.set(name, entry);
    const { seconds } = await asked;
    entry.until = performance.now() + seconds * 1000;
    return await entry.addresses;
  }

  async #ask(name: string): Promise<{ readonly addresses: readonly string[]; readonly seconds: number }> {
    // A new one each time reads the host's servers anew: a laptop changes them as it moves.
    const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
    if (this.#servers.length > 0) resolver.setServers(this.#servers);
    const none: readonly { readonly address: string; readonly ttl: number }[] = [];
    const [four, six] = await Promise.all([
      resolver.resolve4(name, { ttl: true }).catch(() => none),
      resolver.resolve6(name, { ttl: true }).catch(() => none),
    ]);
    const found = [...four, ...six];
    const seconds = found.length === 0 ? ABSENT_S : Math.min(...found.map(({ ttl }) => ttl));
    return {
      addresses: found.map(({ address }) => address).slice(0, ADDRESSES_MOST),
      seconds: Math.min(KEPT_MOST_S, Math.max(KEPT_LEAST_S, seconds)),
    };
  }
}
