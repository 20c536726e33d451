/**
 * Store: where images and what they are made of lie, below the data folder. Paths only.
 *
 * Invariants
 * - What has its final name is whole: everything is made under `building/` or a temporary name and then renamed.
 * - Names in the store are hashes; nothing that an archive or an app chose becomes part of a path.
 */
import type { Places } from "../model/index.ts";

export function storeOf(places: Places) {
  const store = `${places.data}/store`;
  return {
    data: places.data,
    root: store,
    debs: `${store}/debs`,
    deb: (sha256: string) => `${store}/debs/${sha256}.deb`,
    layers: `${store}/layers`,
    layer: (key: string) => `${store}/layers/${key}`,
    layerFs: (key: string) => `${store}/layers/${key}/fs`,
    layerRecord: (key: string) => `${store}/layers/${key}/layer.json`,
    /** The list of the layer's files, by which `verify` names what differs. */
    layerFiles: (key: string) => `${store}/layers/${key}/files`,
    layerStatus: (key: string) => `${store}/layers/${key}/status`,
    buildings: `${store}/building`,
    building: (key: string) => `${store}/building/${key}`,
    /** Layers that have lost their name and are being removed. */
    going: `${store}/going`,
    allMountPoints: `${store}/mount-points`,
    mountPoints: (key: string) => `${store}/mount-points/${key}`,
    /** Kernel and first root of virtual machines. */
    guests: `${store}/guests`,
    guest: (key: string) => `${store}/guests/${key}`,
    /** Virtual machines that were written down before they knew of any start: a folder for each deployment. */
    templates: `${places.data}/templates`,
    template: (deployment: string, key: string) => `${places.data}/templates/${deployment}/${key}`,
    guestLock: (base: string) => `${places.data}/locks/guest.${base}.json`,
    baseLock: (base: string) => `${places.data}/locks/base.${base}.json`,
    /** @param key - over the stack below, the wishes and the facts: apps whose stacks agree so far share the lock */
    componentLock: (base: string, component: string, key: string) =>
      `${places.data}/locks/components/${base}.${component}.${key}.json`,
    recipeLock: (recipe: string) => `${places.data}/locks/${recipe}.json`,
    images: `${places.data}/images`,
    image: (recipe: string) => `${places.data}/images/${recipe}.json`,
    /** What it is made of, as SPDX. */
    sbom: (recipe: string) => `${places.data}/images/${recipe}.spdx.json`,
    /** Lock and image that the last upgrade replaced. */
    previous: (recipe: string) => `${places.data}/previous/${recipe}.json`,
    /** The owner's word that a recipe's image stands on another base: a setting, and no part of the store. */
    migration: (recipe: string) => `${places.config}/migrations/${recipe}.yaml`,
    /** Locks and images that are being made, and are in use by nobody. */
    pending: `${places.data}/pending`,
    /** Notes of what is being put in place. */
    switching: `${places.data}/switching`,
    /** Notes of what is being written for the owner, outside Skerry's folders. */
    exporting: `${places.data}/exporting`,
    /**
     * The package engine's private root; its lists are a cache.
     *
     * @param repositories - digest of a recipe's own archives; a root that knows them serves nobody else
     */
    engineRoot: (base: string, repositories?: string) =>
      `${places.cache}/package-engines/${base}${repositories === undefined ? "" : `.${repositories}`}`,
  };
}

export type Store = ReturnType<typeof storeOf>;
