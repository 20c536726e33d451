/**
 * A Debian archive on the loopback: signed with a throw-away key, served by this process, and broken on request.
 *
 * It holds the real packages of the default base, taken from the cached store, and what a test adds. So nothing is
 * fetched from anywhere, and the cached base layer serves as the bottom of what is built.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request as ask, createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Lock } from "../../../src/model/index.ts";
import { CACHE, makeTrial, type Trial } from "../../journeys/trial.fixture.ts";
import { type Deb, type DebSpec, makeDeb } from "./deb.fixture.ts";

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface Archive {
  readonly uri: string;
  readonly keyring: string;
  /** Text of the same key. */
  readonly armored: string;
  readonly debs: readonly Deb[];
  /** Every path that was asked for, in order. */
  readonly asked: string[];
  /** Answers to a path, in place of the archive's own; the path is without the leading slash. */
  readonly instead: Map<string, Handler>;
  /** The archive as it is now, anew signed. */
  publish(change?: Change): void;
  /** From now on nobody listens at its address. */
  pause(): Promise<void>;
  close(): Promise<void>;
}

export interface Change {
  /** More fields of Release, such as Valid-Until. */
  readonly fields?: Readonly<Record<string, string>>;
  readonly add?: readonly DebSpec[];
  /** Signed by another key than the one in the keyring. */
  readonly wrongKey?: boolean;
  /** No signature at all. */
  readonly unsigned?: boolean;
  /** What Release says of Packages is not so. */
  readonly wrongHash?: boolean;
}

export const NO_GPG = existsSync("/usr/bin/gpg") ? false : "cannot here: gpg is not installed (Debian's package gnupg)";

const HOME = `${CACHE}/home/data`;

/** The lock of the base that prepare.ts has built. */
export function cachedBase(): { readonly lock: Lock; readonly key: string } {
  const lock: Lock = JSON.parse(readFileSync(`${HOME}/locks/base.debian-13.json`, "utf8"));
  const image: { readonly layers: readonly string[] } = JSON.parse(readFileSync(`${HOME}/images/ripgrep.json`, "utf8"));
  return { lock, key: image.layers[0] ?? "" };
}

function basePackages(): string {
  const { lock, key } = cachedBase();
  const locked = new Map(lock.layers[0]?.packages.map((each) => [each.name, each]));
  const status = readFileSync(`${HOME}/store/layers/${key}/status`, "utf8");
  const stanzas = status.split("\n\n").flatMap((stanza) => {
    const about = locked.get(/^Package: (.+)$/m.exec(stanza)?.[1] ?? "");
    if (about === undefined) return [];
    const fields = stanza.replaceAll(/^(?:Status|Conffiles|Config-Version):.*\n(?: .*\n)*/gm, "").trim();
    return [`${fields}\nFilename: pool/base/${about.sha256}.deb\nSize: ${about.size}\nSHA256: ${about.sha256}\n`];
  });
  return stanzas.join("\n");
}

export async function makeArchive(specs: readonly DebSpec[]): Promise<Archive> {
  const folder = mkdtempSync(`${CACHE}/a-`);
  chmodSync(folder, 0o755);
  const keys = [0, 1].map((index) => makeKey(`${folder}/gpg${index}`));
  const keyring = `${folder}/keyring.gpg`;
  writeFileSync(keyring, keys[0]?.exported ?? "", { mode: 0o644 });
  const base = basePackages();
  const debs: Deb[] = [];
  const content = new Map<string, Buffer>();
  const asked: string[] = [];
  const instead = new Map<string, Handler>();

  const publish = (change: Change = {}) => {
    debs.push(...(change.add ?? []).map(makeDeb));
    const own = debs.map(({ control, path, bytes, sha256 }) => {
      content.set(path, bytes);
      return `${control}Filename: ${path}\nSize: ${bytes.length}\nSHA256: ${sha256}\n`;
    });
    const packages = Buffer.from(`${base}\n${own.join("\n")}`);
    const hash = createHash("sha256").update(packages).digest("hex");
    const told = change.wrongHash === true ? hash.replace(/^./, (digit) => (digit === "0" ? "1" : "0")) : hash;
    const fields = { Suite: "trial", Codename: "trial", Architectures: "amd64 arm64 all", Components: "main" };
    const lines = Object.entries({ ...fields, Date: new Date().toUTCString(), ...change.fields });
    const release = [
      ...lines.map(([key, value]) => `${key}: ${value}`),
      "SHA256:",
      ...["amd64", "arm64"].map((name) => ` ${told} ${packages.length} main/binary-${name}/Packages`),
      "",
    ].join("\n");
    for (const name of ["amd64", "arm64"]) content.set(`dists/trial/main/binary-${name}/Packages`, packages);
    content.delete("dists/trial/InRelease");
    content.set("dists/trial/Release", Buffer.from(release));
    if (change.unsigned === true) return;
    const key = keys[change.wrongKey === true ? 1 : 0];
    content.set("dists/trial/InRelease", gpg(key?.home ?? "", ["--clearsign"], release));
  };
  for (const spec of specs) debs.push(makeDeb(spec));
  publish();

  const { server, uri } = await serve((request, response) => {
    const path = decodeURIComponent((request.url ?? "/").slice(1));
    asked.push(path);
    const other = instead.get(path);
    if (other !== undefined) {
      other(request, response);
      return;
    }
    const name = /^pool\/base\/([0-9a-f]{64})\.deb$/.exec(path)?.[1];
    const bytes = name === undefined ? content.get(path) : readFileSync(`${HOME}/store/debs/${name}.deb`);
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  return {
    uri,
    keyring,
    armored: keys[0]?.armored ?? "",
    debs,
    asked,
    instead,
    publish,
    pause: async () => await shut(server),
    async close() {
      if (server.listening) await shut(server);
      for (const { home } of keys) spawnSync("/usr/bin/gpgconf", ["--homedir", home, "--kill", "all"]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An HTTP server on the loopback, at a port of its own. */
export async function serve(handler: Handler): Promise<{ readonly server: Server; readonly uri: string }> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { server, uri: `http://127.0.0.1:${address.port}` };
}

export async function shut(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** A proxy for http, which is asked for whole addresses. */
export async function makeProxy(): Promise<{ readonly uri: string; readonly asked: string[]; close(): Promise<void> }> {
  const asked: string[] = [];
  const { server, uri } = await serve((request, response) => {
    asked.push(request.url ?? "");
    const onward = ask(request.url ?? "", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    onward.end();
  });
  return { uri, asked, close: async () => await shut(server) };
}

function makeKey(home: string): { readonly home: string; readonly exported: Buffer; readonly armored: string } {
  mkdirSync(home, { mode: 0o700 });
  const id = "Skerry's tests <tests@example.org>";
  gpg(home, ["--passphrase", "", "--quick-generate-key", id, "ed25519", "sign", "never"], "");
  return { home, exported: gpg(home, ["--export"], ""), armored: gpg(home, ["--armor", "--export"], "").toString() };
}

function gpg(home: string, words: readonly string[], input: string): Buffer {
  const end = spawnSync("/usr/bin/gpg", ["--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", ...words], {
    input,
  });
  if (end.status !== 0) throw new Error(`gpg ${words.join(" ")}: ${end.stderr.toString()}`);
  return end.stdout;
}

export interface BuildTrial extends Trial {
  /** Adds a recipe of the owner's own. */
  recipe(name: string, packages: readonly string[]): void;
  /** Names under the store's folder. */
  stored(folder: "debs" | "layers" | "building"): readonly string[];
}

/**
 * A trial with a store of its own, whose base `trial` is the archive.
 *
 * @param withBase - the base layer is there already; without it it has to be built
 */
export function makeBuildTrial(archive: Archive, withBase = true): BuildTrial {
  const trial = makeTrial();
  const data = `${trial.home}/data`;
  for (const name of ["store", "locks", "images"]) rmSync(`${data}/${name}`, { recursive: true });
  mkdirSync(`${data}/store/debs`, { recursive: true });
  mkdirSync(`${data}/store/layers`, { recursive: true });
  for (const folder of [`${data}/store`, `${data}/store/layers`]) chmodSync(folder, 0o755);
  const { lock, key } = cachedBase();
  for (const { sha256 } of lock.layers[0]?.packages ?? []) {
    const name = `${sha256}.deb`;
    linkSync(`${HOME}/store/debs/${name}`, `${data}/store/debs/${name}`);
  }
  if (withBase) symlinkSync(`${HOME}/store/layers/${key}`, `${data}/store/layers/${key}`);
  mkdirSync(`${trial.home}/config/os-bases/trial`, { recursive: true });
  mkdirSync(`${trial.home}/config/recipes`);
  writeFileSync(`${trial.home}/config/os-bases/trial/base.yaml`, baseText(archive));
  const ours = new Set(lock.layers[0]?.packages.map(({ sha256 }) => `${sha256}.deb`));
  return {
    ...trial,
    recipe(name, packages) {
      const text = `skerry: recipe/1\nsummary: made for a test\nbase: trial\npackages: [${packages.map((each) => JSON.stringify(each)).join(", ")}]\nprograms: { ${name}: /usr/bin/true }\n`;
      writeFileSync(`${trial.home}/config/recipes/${name}.yaml`, text);
    },
    stored(folder) {
      const path = `${data}/store/${folder}`;
      const names = existsSync(path) ? readdirSync(path) : [];
      return names.filter((name) => !ours.has(name) && !(withBase && name === key)).toSorted();
    },
  };
}

/** One archive and one home for one test, both gone afterwards. */
export async function withArchive(
  packages: Parameters<typeof makeArchive>[0],
  act: (trial: BuildTrial, archive: Archive) => Promise<void>,
): Promise<void> {
  const archive = await makeArchive(packages);
  const trial = makeBuildTrial(archive);
  try {
    await act(trial, archive);
  } finally {
    await trial.close();
    await archive.close();
  }
}

/** A base that is the archive. */
export function baseText({ uri, keyring }: Archive): string {
  return `skerry: base/1
summary: made for a test
engine: apt
state: supported
archives:
  - uri: ${uri}
    suites: [trial]
    components: [main]
    keyring: ${keyring}
    snapshot: trial
packages: ["?essential", "?priority(required)", apt]
merged-usr: [bin, sbin, lib, lib64]
`;
}
