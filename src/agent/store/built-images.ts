/** Built images: the records of what is built, and what each takes on the disk. */
import { type Image, type LayerRecord, readImage, readLayerRecord } from "../../image/index.ts";
import { type Result, success } from "../../result.ts";
import type { Measured, StepProblem } from "../../step/index.ts";
import { type AgentContext, imageContext, QUIET } from "../context.ts";

export interface ImageSize {
  readonly image: Image;
  readonly packages: number;
  /** Bytes on disk that only this image uses; a file with many names counts once. */
  readonly ownBytes: number;
  /** Bytes on disk that other images use as well. */
  readonly sharedBytes: number;
}

/** A record that cannot be read is none: the next build makes it anew. */
export async function builtImages({ performer, store }: AgentContext): Promise<readonly Image[]> {
  const images: Image[] = [];
  for (const name of await performer.list(store.images)) {
    if (!name.endsWith(".json") || name.endsWith(".spdx.json")) continue;
    const image = readImage((await performer.readText(`${store.images}/${name}`)) ?? "");
    if (image !== undefined) images.push(image);
  }
  return images;
}

/** Own bytes of all images and shared ones, counted once, are what the images' layers take in all. */
export async function imageSizes(
  context: AgentContext,
): Promise<Result<{ readonly images: readonly ImageSize[]; readonly allBytes: number }, StepProblem>> {
  const images = await builtImages(context);
  const { store, performer } = context;
  const groups = images.map(({ layers }) => layers.map((key) => store.layer(key)));
  const done = await performer.perform(
    { kind: "work-on-tree", why: "measure images", task: { kind: "measure", groups } },
    QUIET,
  );
  if (!done.ok) return done;
  const measured: Measured = JSON.parse(done.value.output);
  const sizes: ImageSize[] = [];
  for (const [index, image] of images.entries()) {
    const { own = 0, shared = 0 } = measured.groups[index] ?? {};
    sizes.push({ image, packages: await packagesOf(image, context), ownBytes: own, sharedBytes: shared });
  }
  return success({ images: sizes, allBytes: measured.all });
}

async function packagesOf({ layers }: Image, context: AgentContext): Promise<number> {
  const within = imageContext(context, QUIET);
  const records = await Promise.all(
    layers.map(async (key): Promise<LayerRecord | undefined> => await readLayerRecord(key, within)),
  );
  return records.reduce((total, record) => total + (record?.packages.length ?? 0), 0);
}
