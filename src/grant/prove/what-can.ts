/** What can: one app and one thing: what it may do there by itself, and what with the help of others. */
import type { Graph, Right } from "../graph/graph.ts";
import type { ClaimVerb, Thing } from "./claim.ts";
import { concerns } from "./concerns.ts";
import { isPerhaps, type Way, wayFrom } from "./ways.ts";

export interface Can {
  readonly verb: ClaimVerb;
  /** Its own rights to do so. */
  readonly own: readonly Right[];
  /** The shortest way, over others where it must be; undefined where there is none. */
  readonly way: Way | undefined;
  /** What it leads to is only perhaps the thing. */
  readonly perhaps: boolean;
}

const VERBS_OF: Readonly<Record<Thing["kind"], readonly ClaimVerb[]>> = {
  folder: ["read", "write"],
  volume: ["read", "write"],
  network: ["reach"],
  app: ["reach"],
};

/** All that cannot be ruled out counts. */
export function whatCan(app: string, object: Thing, graph: Graph): readonly Can[] {
  return VERBS_OF[object.kind].map((verb) => {
    const own = rightsTo(app, verb, object, graph);
    const way = wayFrom(new Map([[app, []]]), { graph, verb, object, sureness: "perhaps" });
    return { verb, own, way, perhaps: way !== undefined && isPerhaps(way, { verb, object }) };
  });
}

/** Those that surely are ones; where there are none, those that perhaps are. */
function rightsTo(app: string, verb: ClaimVerb, object: Thing, graph: Graph): readonly Right[] {
  const own = graph.rightsOf.get(app) ?? [];
  const sure = own.filter((right) => concerns(right, verb, object, "surely"));
  return sure.length > 0 ? sure : own.filter((right) => concerns(right, verb, object, "perhaps"));
}
