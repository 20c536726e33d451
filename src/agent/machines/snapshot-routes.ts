/** Snapshot routes: the service of snapshots as it is on the wire. Translates and nothing else. */
import type { ConnectRouter } from "@connectrpc/connect";
import { SnapshotService } from "../../contract/index.ts";
import { progressOf, valueOf } from "../routes.ts";
import { withProgress } from "../with-progress.ts";
import type { Snapshot, Snapshots } from "./snapshots.ts";
import type { Suspended, SuspendedMachine } from "./suspended.ts";

export function snapshotRoutes(snapshots: Snapshots, suspended: Suspended) {
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
      async *suspend({ name }, { signal }) {
        for await (const event of withProgress((work) => suspended.suspend(name, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else yield { done: suspendedOf(valueOf(event.result)) };
        }
      },
      listSuspended: async () => ({ machines: (await suspended.list()).map(suspendedOf) }),
      async discardSuspended({ name }) {
        valueOf(await suspended.discard(name));
        return {};
      },
    });
}

function wireOf({ unfit, ...rest }: Snapshot) {
  return { ...rest, unfit: unfit ?? "" };
}

function suspendedOf({ name, since, bytes }: SuspendedMachine) {
  return { name, since, bytes };
}
