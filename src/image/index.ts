/** Image: recipe, base and facts → lock → layers. */
export * from "./build-image.ts";
export { readLayerRecord } from "./build-layer.ts";
export * from "./image.ts";
export * from "./lock-file.ts";
export type { ImageContext } from "./resolve.ts";
export * from "./settle-lock.ts";
export * from "./store.ts";
