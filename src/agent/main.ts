/**
 * The agent's program: one per user, started on demand by the first command that needs it.
 *
 * That there is one only is seen to by flock(1), through which the client starts it. It ends by itself when it was not
 * asked anything for a while and nothing runs; compartments never depend on it.
 */
import { chmodSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { AuditLog } from "../audit/index.ts";
import { type Complaint, parseMirrors, parseSettings, type Settings, showComplaint } from "../descriptor/index.ts";
import { claimFolder, HelperCare, readTextIfThere, realOrSelf, realPerformer } from "../host/index.ts";
import { storeOf } from "../image/index.ts";
import { type Places, placesFrom, sessionEnvironment, sessionPlacesFrom } from "../model/index.ts";
import type { Mirrors } from "../package-engines/index.ts";
import { Agent } from "./agent.ts";
import { screenRoutes } from "./display/screen-routes.ts";
import { asksRoutes } from "./asks/asks-routes.ts";
import { readAnswers } from "./asks/asks-world.ts";
import { answerQuickEntry, offerQuickEntry } from "./entry/quick-entry.ts";
import { answerQuickStart } from "./entry/quick-start.ts";
import { readFacts } from "./facts.ts";
import { grantRoutes } from "./grants/grant-routes.ts";
import { Idle } from "./idle.ts";
import { learnRoutes } from "./learn/learn-routes.ts";
import { diskRoutes } from "./disks/disk-routes.ts";
import { machineRoutes } from "./machines/machine-routes.ts";
import { snapshotRoutes } from "./machines/snapshot-routes.ts";
import { agentRoutes } from "./routes.ts";
import { settingsMark } from "./settings-mark.ts";
import { storeRoutes } from "./store/store-routes.ts";
import { socketPath } from "./socket.ts";
import { BUNDLED, programVersion } from "./version.ts";
import { wiringRoutes } from "./wiring/wiring-routes.ts";

/** Without a call, without work and without a compartment for so long, the agent ends. */
const IDLE_MS = 15 * 60_000;

const CLAIMED_FOR_MS = 20_000;

const DAY_MS = 24 * 60 * 60 * 1000;

const LOOK_EVERY_MS = 5_000;

/** Somebody else (systemd) sees to it that there is an agent: it does not end because it has nothing to do. */
const STAYS = process.argv.includes("--stay");

const PROGRAM = dirname(dirname(import.meta.dirname));

/** What this user can mend: said in its words alone, without places in our own program. */
class Unusable extends Error {}

const EXIT = { unusable: 78, fault: 70 } as const;

async function main(): Promise<void> {
  const places = placesFrom(process.env, process.getuid?.() ?? -1, PROGRAM);
  await claimFolders(places);
  // Before they are read: what is written meanwhile makes this agent stale, and not the mark wrong.
  const settings = settingsMark(places);
  const facts = await readFacts(process.env, places);
  if (!facts.ok) throw new Unusable(facts.problem.text);
  const mirrors = await mirrorsOf(places);
  const { dns, auditKeepDays } = await settingsOf(places);
  const keepMs = auditKeepDays === undefined ? undefined : auditKeepDays * DAY_MS;
  const audit = await openAudit(`${places.state}/audit`, keepMs);
  if (!audit.ok) throw new Error(`the audit log cannot be opened: ${JSON.stringify(audit.problem)}`);
  const version = BUNDLED || programVersion(PROGRAM);
  const session = {
    places: sessionPlacesFrom(process.env, process.getuid?.() ?? -1),
    environment: sessionEnvironment(process.env),
  };
  const performer = realPerformer({ facts: facts.value, places, proxy: mirrors.proxy, session: session.places });
  const home = realOrSelf(process.env["HOME"] ?? "/");
  const helper = new HelperCare(PROGRAM, facts.value.programs["cc"]?.path, (line) => {
    process.stderr.write(`${line}\n`);
  });
  const agent = new Agent({
    places,
    facts: facts.value,
    performer,
    audit: audit.value,
    mirrors,
    dns,
    answers: await readAnswers(places),
    store: storeOf(places),
    home,
    version,
    settings,
    session,
    helper,
  });
  // An update of the sources may have left an old one; what starts meanwhile waits for it.
  offerQuickEntry(agent).catch(() => {});
  await agent.life.adopt();
  await agent.suspended.sweep();
  await audit.value.append({ kind: "agent-started", pid: process.pid, version });

  const asked = new Idle(performance.now());
  const handler = connectNodeAdapter({
    routes: (router) => {
      agentRoutes(agent, () => void shutdown("asked to"))(router);
      storeRoutes(agent)(router);
      asksRoutes(agent.asks)(router);
      screenRoutes(agent)(router);
      machineRoutes(agent)(router);
      grantRoutes(agent)(router);
      learnRoutes(agent)(router);
      snapshotRoutes(agent.snapshots, agent.suspended)(router);
      diskRoutes(agent.disks)(router);
      wiringRoutes(agent)(router);
    },
    readMaxBytes: 4 * 1024 * 1024,
  });
  const server = createServer((request, response) => {
    const answered = asked.begin();
    response.once("close", () => answered(performance.now()));
    const isQuick = answerQuickEntry(agent, request, response) || answerQuickStart(agent, request, response);
    if (!isQuick) handler(request, response);
  });
  // `wait` may take as long as an app runs.
  server.requestTimeout = 0;
  const socketFile = socketPath(places);
  if (!socketFile.ok) throw new Unusable(socketFile.problem.text);
  const socket = socketFile.value;
  rmSync(socket, { force: true });
  // Nobody else can open it even for the moment until its mode is set: the folder is this user's alone.
  let inode: number | undefined;
  server.listen(socket, () => {
    chmodSync(socket, 0o600);
    inode = statSync(socket).ino;
  });
  const isOurs = () => inode === statSync(socket, { throwIfNoEntry: false })?.ino;

  const shutdown = async (because: string) => {
    clearInterval(idle);
    agent.life.close();
    await audit.value.append({ kind: "agent-stopped", because });
    if (isOurs()) rmSync(socket, { force: true });
    process.exit(0);
  };
  const idle = setInterval(() => {
    // Nobody can ask it any more: its folders were removed. To write there would make them again.
    if (inode !== undefined && !isOurs()) process.exit(0);
    if (!STAYS && !agent.life.busy && asked.forMs(performance.now()) > IDLE_MS) void shutdown("idle");
  }, LOOK_EVERY_MS);
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => void shutdown(name));
}

/** Every folder of Skerry's own is there before anything else: a grant can only hide what exists. */
async function claimFolders(places: Places): Promise<void> {
  // When root runs it, apps are other users, who must pass the store and the runtime folder.
  const open = process.getuid?.() === 0 ? 0o711 : 0o700;
  const wanted = [
    [places.runtime, open],
    [places.config, 0o700],
    [places.data, process.getuid?.() === 0 ? 0o711 : 0o700],
    [places.state, open],
    [places.cache, 0o700],
    [`${places.runtime}/compartments`, open],
  ] as const;
  for (const [path, mode] of wanted) {
    if (!(await claimFolder(path, mode)))
      throw new Unusable(`${path} belongs to somebody else; Skerry does not use it`);
  }
}

/** An agent that was killed can hold the audit for as long as the kernel takes to clear it up. */
async function openAudit(folder: string, keepMs: number | undefined): ReturnType<typeof AuditLog.open> {
  for (const deadline = performance.now() + CLAIMED_FOR_MS; ; await pause(50)) {
    const audit = await AuditLog.open(folder, { keepMs });
    if (audit.ok || audit.problem.kind !== "audit-claimed" || performance.now() > deadline) return audit;
  }
}

async function mirrorsOf(places: Places): Promise<Mirrors> {
  const file = `${places.config}/mirrors.yaml`;
  const text = await readTextIfThere(file, { links: "followed" });
  const environment = process.env["http_proxy"] || undefined;
  if (text === undefined) return { mirrors: {}, proxy: environment, snapshot: undefined };
  const mirrors = parseMirrors(text, { file, name: "mirrors" });
  if (!mirrors.ok) throw unreadable(mirrors.problem.complaints);
  return { ...mirrors.value, proxy: mirrors.value.proxy ?? environment };
}

async function settingsOf(places: Places): Promise<Settings> {
  const file = `${places.config}/settings.yaml`;
  const text = await readTextIfThere(file, { links: "followed" });
  const settings = text === undefined ? undefined : parseSettings(text, { file, name: "settings" });
  if (settings?.ok === false) throw unreadable(settings.problem.complaints);
  return settings?.value ?? { dns: [], auditKeepDays: undefined };
}

function unreadable(complaints: readonly Complaint[]): Unusable {
  return new Unusable(complaints.map((complaint) => showComplaint(complaint)).join("\n  "));
}

// No await up here: a bundle has none.
main().catch((error: unknown) => {
  const unusable = error instanceof Unusable;
  const fault = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${unusable ? error.message : fault}\n`);
  process.exit(unusable ? EXIT.unusable : EXIT.fault);
});
