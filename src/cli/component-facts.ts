/** Which components of any base depend on which fact. Read from the files, since `facts` works without an agent. */
import { readdir } from "node:fs/promises";
import { parseComponent } from "../descriptor/index.ts";
import { readTextIfThere } from "../host/files.ts";
import { NAME_PATTERN, type Places } from "../model/index.ts";

/** More than any descriptor may have. */
const LIMIT_BYTES = 1024 * 1024;

/** @returns names of components by the name of a fact; a component that cannot be read depends on none */
export async function componentsByFact({ config, program }: Places): Promise<ReadonlyMap<string, readonly string[]>> {
  const uses = new Map<string, Set<string>>();
  for (const place of [config, program]) {
    for (const base of await namesIn(`${place}/os-bases`)) {
      const folder = `${place}/os-bases/${base}/components`;
      for (const file of await namesIn(folder)) {
        const name = file.replace(/\.yaml$/, "");
        if (!NAME_PATTERN.test(name) || name === file) continue;
        const text = await readTextIfThere(`${folder}/${file}`, { limitBytes: LIMIT_BYTES, links: "followed" }).catch(
          () => undefined,
        );
        const component = text === undefined ? undefined : parseComponent(text, { file, name });
        if (component?.ok !== true) continue;
        for (const fact of component.value.facts) uses.set(fact, (uses.get(fact) ?? new Set()).add(name));
      }
    }
  }
  return new Map([...uses].map(([fact, names]) => [fact, [...names].toSorted()]));
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch(() => []);
}
