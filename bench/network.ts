/**
 * Networks by rules: what a connection and a stream through the agent cost, beside pasta and beside none of both; how soon a
 * change is in force, and what such a network adds to a start and to the agent. Both ends are bench/wire.c.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { client, deployed, ENVIRONMENT, HOME, ownRecipe, SKERRY, skerry } from "./home.ts";
import { type Figure, inTurn, type Measured, medianOf, type Runner, timeOf } from "./measure.ts";
import { agentBytes, inParallel, start, stop } from "./scale.ts";
import { throughAgent } from "./start.ts";

const NAMED = "bench-net";
const SEALED = "bench-sealed";
const REQUESTS = `requests:
  wire: { service: folder, why: the program that measures, need: required, verbs: [read], inside: /wire }
  network: { service: network, why: what is measured, need: optional }
`;

const FOLDER = `${HOME}/wire`;
const WIRE = `${FOLDER}/wire`;

/** Of one stream. */
const MEBIBYTES = 1024;

/** As many as an app may have. */
const HELD = 1_000;

/** At 400 in a second. */
const NEW = 2_000;
const NEW_WITHIN_MS = 1.05 * (NEW / 400) * 1000;

const COMPARTMENTS = 20;

export async function measureNetwork(rounds: number): Promise<readonly Figure[]> {
  mkdirSync(FOLDER, { recursive: true, mode: 0o755 });
  const source = join(import.meta.dirname, "wire.c");
  execFileSync("/usr/bin/cc", ["-O2", "-static", "-o", WIRE, source], { stdio: "inherit" });
  for (const name of [NAMED, SEALED]) {
    ownRecipe(name, ["bash"], REQUESTS);
    deployed(name);
    skerry("grant", name, `wire=real:${FOLDER}`);
  }
  const servers = [await serve(), await serve()] as const;
  const [port, other] = servers.map((one) => one.port);
  if (port === undefined || other === undefined) throw new Error("nothing serves");
  try {
    skerry("grant", NAMED, `network=subset:host:${port}`);
    for (const name of [NAMED, SEALED]) skerry("run", "-q", name, "--", "true");
    const starts = await measureStart(rounds);
    skerry("start", "-q", NAMED, "--", "sleep", "100000");
    const address = skerry("exec", NAMED, "--", "getent", "ahosts", "host").split(/\s/)[0] ?? "";
    const few = Math.max(5, Math.round(rounds / 3));
    return [
      ...(await measureStreams(address, port, few)),
      ...(await measureConnections(address, port, few)),
      ...(await measureChanges(address, [port, other], few)),
      ...starts,
      await measureMemory(),
    ];
  } finally {
    await client().call("Kill", { name: NAMED });
    for (const { process: one } of servers) one.kill();
  }
}

interface Serving {
  readonly process: ChildProcess;
  readonly port: number;
}

async function serve(): Promise<Serving> {
  const finder = createServer().listen(0, "127.0.0.1");
  await once(finder, "listening");
  const found = finder.address();
  finder.close();
  await once(finder, "close");
  if (typeof found !== "object" || found === null) throw new Error("no port is free");
  const server = spawn(WIRE, ["serve", "127.0.0.1", String(found.port)], { stdio: ["ignore", "pipe", "inherit"] });
  await once(server.stdout, "data");
  return { process: server, port: found.port };
}

type Words = readonly [mode: string, address: string, port: number, ...more: readonly number[]];

function inside(...words: Words): string {
  return skerry("exec", NAMED, "--", "/wire/wire", ...words.map(String));
}

function bare(...words: Words): string {
  return execFileSync(WIRE, words.map(String), { encoding: "utf8" });
}

/** What pasta makes of the default gateway is the loopback of this host. Undefined where it does not run. */
function byPasta(mode: string, port: number, more: readonly number[]): number | undefined {
  const gateway = defaultGateway();
  if (gateway === undefined || !existsSync("/usr/bin/pasta")) return undefined;
  const asRoot = process.getuid?.() === 0 ? ["--runas", "0"] : [];
  const words = ["--config-net", "--quiet", ...asRoot, "--", WIRE, mode, gateway, String(port), ...more.map(String)];
  const { stdout, status } = spawnSync("/usr/bin/pasta", words, { encoding: "utf8", timeout: 120_000 });
  return status === 0 ? Number(stdout) : undefined;
}

/** proc(5), `net/route`: addresses are written with their last byte first. */
function defaultGateway(): string | undefined {
  const rows = readFileSync("/proc/net/route", "utf8").split("\n");
  const [, , gateway] = rows.map((row) => row.split("\t")).find(([, to]) => to === "00000000") ?? [];
  const bytes = gateway === undefined ? [] : [...Buffer.from(gateway, "hex")].toReversed();
  return bytes.length === 4 ? bytes.join(".") : undefined;
}

async function measureStreams(address: string, port: number, rounds: number): Promise<readonly Figure[]> {
  const pasta = byPasta("down", port, [1]) !== undefined;
  if (!pasta) process.stderr.write("cannot here: pasta does not run; is /dev/net/tun open to this user?\n");
  const figures: Figure[] = [];
  for (const [mode, what] of [
    ["down", "one stream to the app"],
    ["up", "one stream from the app"],
  ] as const) {
    const theirs: Runner = { name: "pasta", run: () => byPasta(mode, port, [MEBIBYTES]) ?? Number.NaN };
    const [ours, its] = await inTurn(
      [
        { name: "ours", run: () => Number(inside(mode, address, port, MEBIBYTES)) },
        ...(pasta ? [theirs] : []),
        { name: "bare", run: () => Number(bare(mode, "127.0.0.1", port, MEBIBYTES)) },
      ],
      rounds,
    );
    if (ours === undefined || its === undefined) throw new Error("nothing was measured");
    const speed = its.medianMs / ours.medianMs;
    figures.push({
      what: `${what}, speed`,
      value: mebibytesPerSecond(ours),
      against: `${its.name === "pasta" ? "pasta" : "loopback without a compartment"}: ${mebibytesPerSecond(its)}`,
      ratio: speed,
      goal: pasta ? "at least 0.5" : "",
      reached: pasta ? speed >= 0.5 : undefined,
    });
  }
  return figures;
}

const mebibytesPerSecond = ({ medianMs }: Measured) => `${((MEBIBYTES * 1000) / medianMs).toFixed(0)} MiB/s`;

async function measureConnections(address: string, port: number, rounds: number): Promise<readonly Figure[]> {
  const [ours, theirs] = await inTurn(
    [
      { name: "ours", run: () => Number(inside("meet", address, port, 100)) },
      { name: "bare", run: () => Number(bare("meet", "127.0.0.1", port, 100)) },
    ],
    rounds,
  );
  if (ours === undefined || theirs === undefined) throw new Error("nothing was measured");
  const addedMs = (ours.medianMs - theirs.medianMs) / 1000;
  const before = await agentBytes();
  const [holding, lines] = begin("hold", address, port, HELD);
  const held = await next(lines);
  const grown = (await agentBytes()) - before;
  const ended = once(holding, "close");
  holding.stdin?.end();
  await ended;
  const beforeMs = await agentCpuMs();
  const [done = 0, failed = 0, tookMs = 0] = inside("rate", address, port, NEW).split(" ").map(Number);
  const eachMs = ((await agentCpuMs()) - beforeMs) / NEW;
  return [
    {
      ...plain("a new connection and a byte there and back, added", `${addedMs.toFixed(2)} ms`),
      against: `loopback: ${(theirs.medianMs / 1000).toFixed(2)} ms`,
      ...goal(addedMs < 2, "under 2 ms"),
    },
    {
      ...plain(`${HELD} connections at a time`, `all answer; the agent takes ${megabytes(grown)} more`),
      ...goal(held === `held ${HELD}`, "all answer"),
    },
    {
      ...plain(
        `${NEW} new connections, 400 in a second`,
        `${done} in ${(tookMs / 1000).toFixed(1)} s, ${failed} errors; ${eachMs.toFixed(2)} ms of the agent's processor each`,
      ),
      ...goal(done === NEW && tookMs < NEW_WITHIN_MS && eachMs < 5, "200 in a second for a core, no errors"),
    },
  ];
}

/** From the command's start until the app has met what it does. */
async function measureChanges(
  address: string,
  [port, other]: readonly [number, number],
  rounds: number,
): Promise<readonly Figure[]> {
  const granted: number[] = [];
  const revoked: number[] = [];
  const plainly: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const listing = timeOf([SKERRY, "ps"], { environment: ENVIRONMENT });
    if (round > 0) plainly.push(listing);
    for (const [mode, rules, times] of [
      ["knock", `subset:host:${port},host:${other}`, granted],
      ["watch", `subset:host:${port}`, revoked],
    ] as const) {
      const [, lines] = begin(mode, address, other);
      await next(lines);
      const begun = performance.timeOrigin + performance.now();
      const command = spawn(SKERRY, ["grant", NAMED, `network=${rules}`], { env: ENVIRONMENT, stdio: "ignore" });
      const ended = once(command, "exit");
      const met = Number(await next(lines));
      await ended;
      if (round > 0) times.push(met - begun);
    }
  }
  return [
    { what: "a grant, until the app is let through", times: granted },
    { what: "a revoke, until the open connection is cut", times: revoked },
  ].map(({ what, times }) => {
    const tookMs = medianOf(times);
    const against = `\`skerry ps\`: ${medianOf(plainly).toFixed(0)} ms`;
    return { ...plain(what, `${tookMs.toFixed(0)} ms`), against, ...goal(tookMs < 200, "under 200 ms") };
  });
}

async function measureStart(rounds: number): Promise<readonly Figure[]> {
  const [named, sealed] = await inTurn([throughAgent(NAMED), throughAgent(SEALED)], rounds);
  if (named === undefined || sealed === undefined) throw new Error("nothing was measured");
  const addedMs = named.medianMs - sealed.medianMs;
  return [
    {
      ...plain("a start through the agent with a network by rules, added", `${addedMs.toFixed(1)} ms`),
      against: `without a network: ${sealed.medianMs.toFixed(1)} ms`,
      ...goal(addedMs <= 15, "at most 15 ms"),
    },
  ];
}

/** An agent that has just begun, with so many compartments of each kind. */
async function measureMemory(): Promise<Figure> {
  const agent = client();
  await agent.call("Kill", { name: NAMED });
  const names = Array.from({ length: COMPARTMENTS }, (_, index) => `net-${index + 1}`);
  const resident: number[] = [];
  try {
    for (const recipe of [SEALED, NAMED]) {
      for (const name of names) {
        await agent.call("Deploy", { recipe, name });
        skerry("grant", name, `wire=real:${FOLDER}`, ...(recipe === NAMED ? ["network=subset:host:9"] : []));
      }
      await agent.shutdown();
      // Begun by the program and not from here: it runs from other files then, and takes more.
      skerry("ps");
      await inParallel(names, start);
      resident.push(await agentBytes());
      await inParallel(names, stop);
      for (const name of names) await agent.call("Undeploy", { name, withData: true });
    }
  } finally {
    for (const name of names) {
      await agent.call("Kill", { name });
      await agent.call("Undeploy", { name, withData: true });
    }
  }
  const [sealed = 0, named = 0] = resident;
  const each = (named - sealed) / COMPARTMENTS;
  return {
    ...plain(`of the agent for each network by rules, ${COMPARTMENTS} of them`, megabytes(each)),
    against: `agent: ${megabytes(named)}; with as many without a network: ${megabytes(sealed)}`,
    ...goal(each <= 1e6, "at most 1 MB"),
  };
}

/** In the compartment, while it goes on here. */
function begin(...words: Words): readonly [ChildProcess, Interface] {
  const program = spawn(SKERRY, ["exec", NAMED, "--", "/wire/wire", ...words.map(String)], {
    env: ENVIRONMENT,
    stdio: ["pipe", "pipe", "inherit"],
  });
  return [program, createInterface({ input: program.stdout })];
}

async function next(lines: Interface): Promise<string> {
  const [line]: readonly unknown[] = await once(lines, "line");
  return String(line);
}

/** proc(5), `pid/stat`: in ticks of 10 ms on every architecture that Debian has. */
async function agentCpuMs(): Promise<number> {
  const info = await client().call<{ readonly pid?: number }>("Info", {});
  if (!info.ok) throw new Error(info.problem.text);
  const text = readFileSync(`/proc/${info.value.pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

function plain(what: string, value: string): Figure {
  return { what, value, against: "", ratio: undefined, goal: "", reached: undefined };
}

const goal = (reached: boolean, words: string) => ({ goal: words, reached });
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
