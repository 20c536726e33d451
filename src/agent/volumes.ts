/** Volumes of an instance as they are shown: each with its place inside and on this host. */
import { volumePath } from "../compartment/index.ts";
import type { Deployment, Places, Recipe } from "../model/index.ts";

/** What lives for one run has no folder on the host. */
export function volumesOf({ name: instance }: Deployment, recipe: Recipe, places: Places) {
  return Object.entries(recipe.volumes).map(([name, volume]) => ({
    name,
    class: volume.class,
    inside: volume.inside,
    folder: volume.class === "temp" ? "" : volumePath(places, instance, name),
  }));
}
