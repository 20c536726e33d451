/** Disk routes: the service of disks as it is on the wire. Translates and nothing else. */
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { DiskService } from "../../contract/index.ts";
import { progressOf, valueOf } from "../routes.ts";
import { withProgress } from "../with-progress.ts";
import type { DiskSnapshot, DiskSnapshots } from "./disk-snapshots.ts";

export function diskRoutes(disks: DiskSnapshots) {
  return (router: ConnectRouter) =>
    router.service(DiskService, {
      async *workOnDisks({ name, act, label }, { signal }) {
        if (act !== "snapshot" && act !== "restore" && act !== "forget")
          throw new ConnectError(`there is no such act: "${act}"`, Code.InvalidArgument);
        for await (const event of withProgress((work) => disks.work(act, name, label, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else yield { done: wireOf(valueOf(event.result)) };
        }
      },
      listDiskSnapshots: async ({ name }) => ({ snapshots: valueOf(await disks.list(name)).map(wireOf) }),
    });
}

function wireOf({ disks, lacking, ...rest }: DiskSnapshot) {
  return { ...rest, disks: [...disks], lacking: [...lacking] };
}
