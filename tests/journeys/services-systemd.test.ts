/** Units in reality: a user manager of systemd reads them, starts in their order, restarts, and leaves alone. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { NO_SERVICE, type Service } from "../../src/model/index.ts";
import { agentUnit, instanceUnit, type UnitWanted } from "../../src/session/index.ts";
import { CACHE, removeFolder } from "./trial.fixture.ts";

const FIXTURES = join(import.meta.dirname, "fixtures");

/** Nobody's. */
const UID = 54_321;

const LIMIT_MS = 120_000;

/** Ends a run that cannot be made here: no control groups of version 2, or a manager that does not start. */
const CANNOT = 77;

function lacks(): string | false {
  if (process.getuid?.() !== 0) return "cannot here: needs root, to give a manager a control group";
  return existsSync("/usr/lib/systemd/systemd") ? false : "cannot here: systemd is not installed";
}

test("a real user manager runs what the units say", { skip: lacks() }, (context) => {
  mkdirSync(CACHE, { recursive: true, mode: 0o755 });
  const home = mkdtempSync(`${CACHE}/manager-`);
  try {
    // A path with all that means something in a unit.
    const folder = `${home}/a b%h$HOME"c'\\d`;
    const units = `${home}/.config/systemd/user`;
    for (const path of [folder, units]) mkdirSync(path, { recursive: true });
    const program = `${folder}/skerry`;
    copyFileSync(`${FIXTURES}/units-program.sh`, program);
    // Where the sources lie may be closed to others.
    const driver = `${home}/driver.sh`;
    copyFileSync(`${FIXTURES}/units-driver.sh`, driver);
    for (const path of [home, `${home}/.config`, `${home}/.config/systemd`, units, folder]) {
      chmodSync(path, 0o755);
      chownSync(path, UID, UID);
    }
    const wanted: UnitWanted = { program, environment: { SKERRY_HOME: folder }, system: false, version: 252 };
    const web: Service = {
      ...NO_SERVICE,
      restart: { when: "on-failure", delayMs: 100, longestDelayMs: 400, most: undefined },
      links: [{ to: "db", port: undefined, as: undefined }],
    };
    const db: Service = {
      ...NO_SERVICE,
      restart: { when: "always", delayMs: 100, longestDelayMs: 100, most: { ends: 2, withinMs: 3_600_000 } },
    };
    writeFileSync(`${units}/skerry-web.service`, instanceUnit("web", web, wanted));
    writeFileSync(`${units}/skerry-db.service`, instanceUnit("db", db, wanted));
    writeFileSync(`${units}/skerry-agent.service`, agentUnit(wanted));
    const ran = spawnSync(`${FIXTURES}/user-manager.sh`, [String(UID), home, driver], {
      encoding: "utf8",
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
    });
    if (ran.status === CANNOT) {
      context.skip("cannot here: no user manager of systemd can be started");
      return;
    }
    assert.deepEqual(ran.stdout.split("\n"), [
      "web is started before db is ready: 0",
      "then web is active, db is active, the agent is active",
      "after a failure web was restarted: 1",
      "stopped by its owner web stays inactive, with success, restarts 1",
      "after too many ends db is failed",
      "",
    ]);
  } finally {
    removeFolder(home);
  }
});
