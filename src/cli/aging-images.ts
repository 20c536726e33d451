/**
 * Aging images: what is to be said of images whose base is not supported any more, read from the disk, since `doctor`
 * works where no agent can run. What cannot be read says nothing here; the command that needs it will tell.
 */
import { readdir } from "node:fs/promises";
import { parseBase } from "../descriptor/index.ts";
import { readTextIfThere } from "../host/files.ts";
import { agingText, readImage } from "../image/index.ts";
import type { OsBase, Places } from "../model/index.ts";
import { NAME_PATTERN } from "../model/index.ts";

/** @returns one sentence for each such image, with the command that moves it */
export async function agingImages({ data, config, program }: Places): Promise<readonly string[]> {
  const names = await readdir(`${data}/images`).catch(() => []);
  const said: string[] = [];
  for (const name of names.filter((each) => each.endsWith(".json") && !each.endsWith(".spdx.json")).toSorted()) {
    const image = readImage((await textOf(`${data}/images/${name}`)) ?? "");
    const base = image === undefined ? undefined : await baseOf(image.base, [config, program]);
    const text = image === undefined || base === undefined ? undefined : agingText(base, image.recipe);
    if (text !== undefined) said.push(text);
  }
  return said;
}

/** The owner's own stands before the one that comes with Skerry. */
async function baseOf(name: string, folders: readonly string[]): Promise<OsBase | undefined> {
  if (!NAME_PATTERN.test(name)) return undefined;
  for (const folder of folders) {
    const file = `${folder}/os-bases/${name}/base.yaml`;
    const text = await textOf(file);
    const base = text === undefined ? undefined : parseBase(text, { file, name });
    if (base !== undefined) return base.ok ? base.value : undefined;
  }
  return undefined;
}

async function textOf(path: string): Promise<string | undefined> {
  return await readTextIfThere(path, { links: "followed" }).catch(() => undefined);
}
