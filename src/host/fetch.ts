/**
 * Fetches files of known content over HTTP(S) into the store. What has another hash or size never gets its name.
 *
 * Invariants
 * - A file at its place in the store is whole and has the hash that its name says: it is written beside it, synced and
 *   then renamed.
 * - Every wait has a limit, every address a few tries, and the next address is asked when one has nothing.
 */
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import { dirname } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { connect as connectTls } from "node:tls";
import { type Result, refusal, success } from "../result.ts";

export interface Wanted {
  /** Asked in this order. */
  readonly uris: readonly string[];
  /** Where it goes, absolute. */
  readonly path: string;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

export interface FetchOptions {
  readonly signal: AbortSignal;
  /** `http://host:port` of a proxy, or undefined. */
  readonly proxy: string | undefined;
  /** Called with the bytes that came since the last call. */
  readonly onBytes?: (bytes: number) => void;
  /** No byte for so long means the server has died. Whole milliseconds. */
  readonly idleMs?: number;
}

export type FetchProblem =
  | { readonly kind: "fetch-failed"; readonly tried: readonly Attempt[] }
  | { readonly kind: "no-space"; readonly path: string }
  | { readonly kind: "interrupted" };

export interface Attempt {
  readonly uri: string;
  /** `not-found`, `wrong-content`, or the system's word. */
  readonly because: string;
}

const TRIES = 2;
const IDLE_MS = 30_000;
const REDIRECTS = 5;

/**
 * Brings one file into the store, unless it is there already.
 *
 * @returns the address that it came from, or undefined when it was there
 */
export async function fetchFile(
  wanted: Wanted,
  options: FetchOptions,
): Promise<Result<string | undefined, FetchProblem>> {
  if (await isThere(wanted, options.signal)) return success(undefined);
  if (options.signal.aborted) return refusal({ kind: "interrupted" });
  await mkdir(dirname(wanted.path), { recursive: true });
  const tried: Attempt[] = [];
  for (const uri of wanted.uris) {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      if (options.signal.aborted) return refusal({ kind: "interrupted" });
      const because = await fetchOnce(uri, wanted, options);
      if (because === undefined) return success(uri);
      if (because === "ENOSPC" || because === "EDQUOT") return refusal({ kind: "no-space", path: wanted.path });
      tried.push({ uri, because });
      // A file that is not there, or is another one, will not change by asking again.
      if (because === "not-found" || because === "wrong-content") break;
    }
  }
  return options.signal.aborted ? refusal({ kind: "interrupted" }) : refusal({ kind: "fetch-failed", tried });
}

/** Its name alone would be believed for ever; reading it costs less than unpacking it. */
async function isThere({ path, size, sha256 }: Wanted, signal: AbortSignal): Promise<boolean> {
  const there = await stat(path).catch(() => undefined);
  if (there?.isFile() !== true || there.size !== size) return false;
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path), hash, { signal });
  } catch {
    return false;
  }
  return hash.digest("hex") === sha256;
}

/** @returns why it failed, or undefined */
async function fetchOnce(uri: string, wanted: Wanted, options: FetchOptions): Promise<string | undefined> {
  const temporary = `${wanted.path}.${randomBytes(4).toString("hex")}.part`;
  const hash = createHash("sha256");
  let size = 0;
  const measure = new Transform({
    transform(piece: Buffer, _encoding, done) {
      size += piece.length;
      options.onBytes?.(piece.length);
      hash.update(piece);
      done(size > wanted.size ? new Error("wrong-content") : null, piece);
    },
  });
  try {
    const response = await openUri(uri, options, REDIRECTS);
    if (response.statusCode !== 200) {
      response.destroy();
      return response.statusCode === 404 || response.statusCode === 410 ? "not-found" : `HTTP ${response.statusCode}`;
    }
    await pipeline(response, measure, createWriteStream(temporary, { flags: "wx", mode: 0o644 }), {
      signal: options.signal,
    });
    if (size !== wanted.size || hash.digest("hex") !== wanted.sha256)
      throw new Error(size < wanted.size ? "cut-off" : "wrong-content");
    const file = await open(temporary);
    await file.sync();
    await file.close();
    await rename(temporary, wanted.path);
    return undefined;
  } catch (error) {
    options.onBytes?.(-size);
    return codeOf(error);
  } finally {
    await rm(temporary, { force: true });
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

async function openUri(uri: string, options: FetchOptions, redirects: number): Promise<IncomingMessage> {
  const target = new URL(uri);
  const response = await ask(target, options);
  const moved = response.headers.location;
  if (
    response.statusCode !== undefined &&
    response.statusCode >= 301 &&
    response.statusCode <= 308 &&
    moved !== undefined
  ) {
    response.destroy();
    if (redirects === 0) throw new Error("too many redirects");
    return await openUri(redirectTarget(target, moved).href, options, redirects - 1);
  }
  return response;
}

/** Where a redirect may lead: to http and https, and never from the one that hides what is read to the one that shows it. */
export function redirectTarget(from: URL, location: string): URL {
  const next = new URL(location, from);
  if (!/^https?:$/.test(next.protocol)) throw new Error(`redirect to ${next.protocol} refused`);
  if (from.protocol === "https:" && next.protocol === "http:") throw new Error("redirect from https to http refused");
  return next;
}

async function ask(target: URL, options: FetchOptions): Promise<IncomingMessage> {
  const headers = { host: target.host, "user-agent": "skerry" };
  const idleMs = options.idleMs ?? IDLE_MS;
  const proxy = options.proxy === undefined ? undefined : new URL(options.proxy);
  const common = { headers, signal: options.signal, agent: false as const };
  const where = { host: target.hostname, port: target.port, path: target.pathname + target.search };
  return await new Promise((resolve, reject) => {
    const send = (request: ReturnType<typeof requestPlain>) => {
      let answer: IncomingMessage | undefined;
      request.setTimeout(idleMs, () => {
        const silence = new Error(`no answer for ${idleMs / 1000} s`);
        // The answer first, or its reader hears only of a connection that was cut.
        answer?.destroy(silence);
        request.destroy(silence);
      });
      request.once("response", (response) => {
        answer = response;
        resolve(response);
      });
      request.once("error", reject);
      request.end();
    };
    if (proxy === undefined) {
      send(target.protocol === "https:" ? requestTls({ ...common, ...where }) : requestPlain({ ...common, ...where }));
    } else if (target.protocol === "http:") {
      send(requestPlain({ ...common, host: proxy.hostname, port: proxy.port, path: target.href }));
    } else {
      const address = `${target.hostname}:${target.port === "" ? "443" : target.port}`;
      const tunnel = requestPlain({
        signal: options.signal,
        host: proxy.hostname,
        port: proxy.port,
        method: "CONNECT",
        path: address,
      });
      tunnel.setTimeout(idleMs, () => tunnel.destroy(new Error(`no answer for ${idleMs / 1000} s`)));
      tunnel.once("error", reject);
      tunnel.once("connect", (answer, socket) => {
        if (answer.statusCode !== 200) {
          socket.destroy();
          reject(new Error(`proxy: HTTP ${answer.statusCode}`));
          return;
        }
        const createConnection = () => connectTls({ socket, servername: target.hostname });
        send(requestTls({ ...common, ...where, createConnection }));
      });
      tunnel.end();
    }
  });
}
