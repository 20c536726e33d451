/** Concerns: is a single right one to do this to that? */
import { type Right, foldersMeet } from "../graph/graph.ts";
import { meets } from "../graph/network.ts";
import { unreachable } from "../../result.ts";
import type { ClaimVerb, Thing } from "./claim.ts";

/** `perhaps`: all that cannot be ruled out counts; `surely`: only what is certain does. */
export type Sureness = "perhaps" | "surely";

export function concerns(
  { app, verb: may, target }: Right,
  verb: ClaimVerb,
  thing: Thing,
  sureness: Sureness,
): boolean {
  if (verb !== may || target.kind !== thing.kind) return false;
  switch (target.kind) {
    case "folder":
      return thing.kind === "folder" && foldersMeet(target, { ...thing, except: [] });
    case "volume":
      return (
        thing.kind === "volume" && thing.app === app && (thing.volume === undefined || thing.volume === target.volume)
      );
    case "network": {
      const meeting = thing.kind === "network" ? meets(target.part, thing.asked) : "never";
      return meeting === "surely" || (meeting === "perhaps" && sureness === "perhaps");
    }
    case "app":
      return thing.kind === "app" && thing.name === target.to;
    default:
      return unreachable(target);
  }
}
