/** Package engines: how distributions are resolved and installed. */
import type { OsBase } from "../model/index.ts";
import { apt } from "./apt.ts";
import type { PackageEngine } from "./engine.ts";

export * from "./engine.ts";

const ENGINES: Readonly<Record<OsBase["engine"], PackageEngine>> = { apt };

export function engineOf(base: OsBase): PackageEngine {
  return ENGINES[base.engine];
}
