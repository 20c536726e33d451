/** A database in a virtual machine: its files are a shared folder's, and what it has committed outlives a kill. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, until } from "./life.fixture.ts";
import { lacksForMachines, makeTrial, VM_DEPLOYMENT } from "./trial.fixture.ts";

/** Emulated, with a file for each table. */
const LIMIT_MS = 600_000;

const trial = makeTrial();
after(async () => await trial.close());

async function sql(words: string): Promise<string> {
  const client = ["psql", "-h", "/run/postgresql", "-U", "app", "-d", "app", "-Atc", words];
  return (await done(trial, ["exec", "postgresql", "--", ...client], { timeoutMs: LIMIT_MS })).stdout.trim();
}

test("PostgreSQL in a machine keeps what it has committed, also when it is killed", {
  skip: lacksForMachines(),
}, async () => {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  const file = `${trial.home}/config/deployments/postgresql.yaml`;
  writeFileSync(file, VM_DEPLOYMENT.replace("dev-shell", "postgresql"));
  await done(trial, ["start", "-q", "postgresql"], { timeoutMs: LIMIT_MS });
  await sql("create table kept as select generate_series(1, 1000) as number");
  await done(trial, ["kill", "postgresql"]);
  await done(trial, ["start", "-q", "postgresql"], { timeoutMs: LIMIT_MS });
  const said = await until(
    "the end of its recovery",
    async () => await sql("select count(*) from kept").catch(() => undefined),
    LIMIT_MS,
  );
  assert.equal(said, "1000");
  await done(trial, ["stop", "postgresql"], { timeoutMs: LIMIT_MS });
});
