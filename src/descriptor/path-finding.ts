/** Path finding: what a check across several values found wrong, and where in the file. */
import type { DataPath } from "./read-yaml.ts";

export interface PathFinding {
  readonly path: DataPath;
  /** Which part of the path's last step is meant. */
  readonly part: "key" | "value";
  readonly message: string;
}
