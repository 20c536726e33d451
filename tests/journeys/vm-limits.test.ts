/** Limits of virtual machines, seen from inside and from the host: what an app has given back is the host's again. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, listed, until } from "./life.fixture.ts";
import { lacksForMachines, makeTrial, VM_DEPLOYMENT } from "./trial.fixture.ts";

const skip = lacksForMachines();
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const timeoutMs = 240_000;

mkdirSync(`${trial.home}/config/deployments`, { recursive: true });

function deploy(name: string, more: string): void {
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, `${VM_DEPLOYMENT}${more}`);
}

/** Of the VMM behind this wall, which is the largest of its processes. */
async function residentMiB(name: string): Promise<number> {
  const [row] = (await listed(trial)).filter((one) => one.name === name);
  assert.ok(row !== undefined, `${name} runs`);
  const parents = new Map<number, number>();
  for (const pid of readdirSync("/proc").filter((one) => /^\d+$/.test(one)))
    parents.set(Number(pid), Number(/^PPid:\s(\d+)$/m.exec(statusOf(pid))?.[1] ?? 0));
  const above = (pid: number): readonly number[] => (pid === 0 ? [] : [pid, ...above(parents.get(pid) ?? 0)]);
  const sizes = [...parents.keys()]
    .filter((pid) => above(pid).includes(row.pid))
    .map((pid) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(statusOf(pid))?.[1] ?? 0));
  return Math.max(...sizes) / 1024;
}

function statusOf(pid: number | string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}

test("memory that an app in a machine has given back is the host's again", { skip }, async () => {
  deploy("hungry", "limits: { memory: 768 MiB }\n");
  const script = `head -c ${400 << 20} /dev/zero >/tmp/held && echo held; exec sleep 1000`;
  await done(trial, ["start", "-q", "hungry", "--", "-c", script], { timeoutMs });
  const logged = async (text: string) => (await done(trial, ["logs", "hungry"])).stdout.includes(text);
  await until("it holds its memory", async () => await logged("held"), timeoutMs);
  const holding = await residentMiB("hungry");
  assert.ok(holding > 400, `${holding} MiB`);
  await done(trial, ["exec", "hungry", "--", "/bin/rm", "/tmp/held"], { timeoutMs });
  await until("the host has it", async () => (await residentMiB("hungry")) < holding - 300, timeoutMs);
  await done(trial, ["kill", "hungry"]);
});
