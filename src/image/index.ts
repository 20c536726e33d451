/** Image: recipe, base, components and facts → lock → layers. */
export * from "./build-image.ts";
export { readLayerRecord } from "./build-layer.ts";
export type { Image, LayerRecord } from "./image.ts";
export { type ImageProblem, type ImageWanted, lockImage, readLockFile } from "./lock-image.ts";
export { type ComponentCircle, orderComponents } from "./order-components.ts";
export type { ImageContext } from "./resolve.ts";
export { fits as fitsLock } from "./fits.ts";
export { readLock, writeLock } from "./lock-file.ts";
export * from "./outdated.ts";
export { diffPackages, type PackageChange, securityOnly } from "./package-diff.ts";
export * from "./pending.ts";
export * from "./settle-lock.ts";
export * from "./store.ts";
export * from "./switch-image.ts";
export * from "./verify-layer.ts";
export { type ExportedImage, exportImage, type ExportProblem } from "./oci/export-image.ts";
export * from "./write-sbom.ts";
