/** Live publish: the published ports of a running instance become what its deployment says now, and that is said. */
import { BACKENDS } from "../../backends/index.ts";
import { type Deployment, placeText } from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import type { Start } from "../start-record.ts";
import type { Change } from "./entrance.ts";
import type { Entrances } from "./entrances.ts";

/** @returns a line for each that was opened, closed, or cannot be opened now */
export async function changePublished(
  { record }: Start,
  { publish = [] }: Pick<Deployment, "publish">,
  entrances: Entrances,
): Promise<readonly string[]> {
  if (BACKENDS[record.isolation]?.enforces.has("publish") !== true)
    return publish.length === 0
      ? []
      : [`publish: ${record.isolation} cannot publish ports; ${record.spec.name} has none`];
  const changes = await entrances.change(record, publish);
  return changes.map((change) => liveWords(record.spec.name, change));
}

function liveWords(name: string, { publish, kind, cut, because }: Change): string {
  const place = placeText(publish.at);
  switch (kind) {
    case "opened":
      return `publish: ${place} now leads to port ${publish.port} of ${name}`;
    case "closed": {
      const also = cut === 0 ? "" : `; ${cut === 1 ? "one connection was" : `${cut} connections were`} ended`;
      return `publish: ${place} leads to ${name} no more${also}`;
    }
    case "waits":
      return `publish: ${place} cannot be opened, since ${because}; it is tried again while ${name} runs`;
    default:
      return unreachable(kind);
  }
}
