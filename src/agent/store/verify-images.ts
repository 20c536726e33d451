/** Verify images: every layer of every image that is asked for is read once, and what differs is named. */
import {
  builtLayers,
  type Image,
  type LayerCheck,
  readLayerRecord,
  readLockFile,
  verifyLayer,
} from "../../image/index.ts";
import { type Result, success } from "../../result.ts";
import type { Progress, StepProblem } from "../../step/index.ts";
import { type AgentContext, imageContext, type Work } from "../context.ts";

export interface ImageCheck {
  readonly recipe: string;
  readonly whole: boolean;
  readonly bytes: number;
  readonly layers: readonly LayerCheck[];
}

export async function verifyImages(
  images: readonly Image[],
  context: AgentContext,
  work: Work,
): Promise<Result<readonly ImageCheck[], StepProblem>> {
  const keys = new Map<string, string | undefined>();
  for (const image of images) for (const [key, digest] of await lockedDigests(image, context)) keys.set(key, digest);
  const total = await bytesOf([...keys.keys()], context, work);
  const checks = new Map<string, LayerCheck>();
  let done = 0;
  for (const [key, digest] of keys) {
    const report = (event: Progress) => {
      if (event.kind !== "amount") work.report(event);
      else
        work.report({
          ...event,
          text: "reading files",
          done: done + event.done,
          total: Math.max(total, done + event.done),
        });
    };
    const checked = await verifyLayer(key, digest, imageContext(context, { ...work, report }));
    if (!checked.ok) return checked;
    done += checked.value.bytes;
    checks.set(key, checked.value);
  }
  const results: ImageCheck[] = [];
  for (const { recipe, layers } of images) {
    const those = layers.flatMap((key) => checks.get(key) ?? []);
    const whole = those.every(({ state }) => state === "whole");
    const differences = those.reduce((sum, layer) => sum + layer.differences.length + layer.more, 0);
    await context.audit.append({ kind: "verify", recipe, whole, differences });
    results.push({ recipe, whole, bytes: those.reduce((sum, { bytes }) => sum + bytes, 0), layers: those });
  }
  return success(results);
}

/** The digest that the lock says, by layer. */
async function lockedDigests(
  { recipe, layers, imported }: Image,
  { performer, store }: AgentContext,
): Promise<ReadonlyMap<string, string | undefined>> {
  if (imported !== undefined) return new Map(layers.map((key, index) => [key, imported.digests[index]]));
  const lock = await readLockFile(store.recipeLock(recipe), { performer });
  const locked = lock.ok && lock.value !== undefined ? builtLayers(lock.value) : [];
  return new Map(
    layers.map((key, index) => [key, locked.length === layers.length ? locked[index]?.digest : undefined]),
  );
}

async function bytesOf(keys: readonly string[], context: AgentContext, work: Work): Promise<number> {
  const records = await Promise.all(keys.map(async (key) => await readLayerRecord(key, imageContext(context, work))));
  return records.reduce((sum, record) => sum + (record?.bytes ?? 0), 0);
}
