/** Store routes: the store's service as it is on the wire. Translates and nothing else. */
import type { ConnectRouter } from "@connectrpc/connect";
import { StoreService } from "../contract/index.ts";
import type { Agent } from "./agent.ts";
import { progressOf, valueOf } from "./routes.ts";
import { withProgress } from "./with-progress.ts";

export function storeRoutes(agent: Agent) {
  const { keeper } = agent;
  return (router: ConnectRouter) =>
    router.service(StoreService, {
      async *verifyImages({ names }, { signal }) {
        for await (const event of withProgress((work) => keeper.verify(names, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else {
            const images = valueOf(event.result).map((image) => ({
              ...image,
              layers: image.layers.map((layer) => ({
                ...layer,
                differences: layer.differences.map((each) => ({ ...each, what: [...each.what] })),
              })),
            }));
            yield { done: { images } };
          }
        }
      },
    });
}
