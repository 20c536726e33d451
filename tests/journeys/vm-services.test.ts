/** Services of the catalogue in a virtual machine, by changing one word of their deployment. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, until } from "./life.fixture.ts";
import { lacksForMachines, makeTrial, VM_DEPLOYMENT } from "./trial.fixture.ts";

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

const trial = makeTrial();
after(async () => await trial.close());

test("a calendar server runs in a machine by one word, keeps its data in its volume, and ends when it is asked to", {
  skip: lacksForMachines(),
}, async () => {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  const file = `${trial.home}/config/deployments/calendar.yaml`;
  writeFileSync(file, VM_DEPLOYMENT.replace("dev-shell", "radicale"));
  await done(trial, ["start", "-q", "calendar"], { timeoutMs: LIMIT_MS });
  const logged = async () => (await done(trial, ["logs", "calendar"])).stdout;
  await until("it serves", async () => /ready/i.test(await logged()), LIMIT_MS);
  assert.ok(existsSync(`${trial.home}/data/volumes/calendar/data`));
  await done(trial, ["stop", "calendar"], { timeoutMs: LIMIT_MS });
});
