/** Snapshot routes: the service of snapshots as it is on the wire. Translates and nothing else. */
import type { ConnectRouter } from "@connectrpc/connect";
import { SnapshotService } from "../../contract/index.ts";
import { progressOf, valueOf } from "../routes.ts";
import { withProgress } from "../with-progress.ts";
import type { Snapshot, Snapshots } from "./snapshots.ts";

export function snapshotRoutes(snapshots: Snapshots) {
  return (router: ConnectRouter) =>
    router.service(SnapshotService, {
      async *makeSnapshot({ name }, { signal }) {
        for await (const event of withProgress((work) => snapshots.make(name, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else yield { done: wireOf(valueOf(event.result)) };
        }
      },
      listSnapshots: async () => ({ snapshots: (await snapshots.list()).map(wireOf) }),
      async removeSnapshot({ name }) {
        valueOf(await snapshots.remove(name));
        return {};
      },
    });
}

function wireOf({ unfit, ...rest }: Snapshot) {
  return { ...rest, unfit: unfit ?? "" };
}
