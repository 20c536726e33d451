/**
 * Pending: a lock and an image that are made beside those in use, to be shown, built, and only then put in their place.
 *
 * What is not there yet is read from what is in use, so that a new lock begins from the old one.
 */
import type { ImageContext } from "./resolve.ts";
import type { Store } from "./store.ts";

/** The same context, with locks and records of images in a folder of their own. Layers and packages are shared. */
export function pendingContext(context: ImageContext): ImageContext {
  const { store, performer } = context;
  const aside = (path: string) => store.pending + path.slice(store.data.length);
  const pending: Store = {
    ...store,
    baseLock: (base) => aside(store.baseLock(base)),
    componentLock: (base, component, key) => aside(store.componentLock(base, component, key)),
    recipeLock: (recipe) => aside(store.recipeLock(recipe)),
    image: (recipe) => aside(store.image(recipe)),
    sbom: (recipe) => aside(store.sbom(recipe)),
  };
  return {
    ...context,
    store: pending,
    performer: {
      ...performer,
      async readText(path) {
        const text = await performer.readText(path);
        if (text !== undefined || !path.startsWith(`${store.pending}/`)) return text;
        return await performer.readText(store.data + path.slice(store.pending.length));
      },
    },
  };
}
