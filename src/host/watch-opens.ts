/** Watch opens: what is opened, written, made and removed below a folder. Not served by this version. */
import { type Result, refusal } from "../result.ts";

export interface OpensWatch {
  /** Once all that has happened until now was told. */
  readonly finish: () => Promise<void>;
  readonly close: () => void;
}

export interface WatchHears {
  readonly event: (event: { readonly kind: "read" | "list" | "change"; readonly path: string }) => void;
  /** From now on not all is known. */
  readonly unsure: (because: string) => void;
}

interface CannotWatch {
  readonly kind: "cannot-watch";
  readonly because: string;
  readonly fix: string;
}

export function watchOpens(_folder: string, _hears: WatchHears): Promise<Result<OpensWatch, CannotWatch>> {
  const fix = "learn a network without --folder";
  return Promise.resolve(refusal({ kind: "cannot-watch", because: "this version cannot", fix }));
}
