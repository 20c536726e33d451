/** Grant routes: the grants' service as it is on the wire. Translates and nothing else. */
import type { ConnectRouter } from "@connectrpc/connect";
import { GrantService } from "../../contract/index.ts";
import type { Agent } from "../agent.ts";
import { valueOf } from "../routes.ts";
import { type InstancePending, listPending } from "./pending.ts";

export function grantRoutes(agent: Agent) {
  return (router: ConnectRouter) =>
    router.service(GrantService, {
      listPending: async ({ names }) => ({ pending: valueOf(await listPending(names, agent.context)).map(wireOf) }),
      settlePending: async ({ name, accept, dismiss }) => ({
        pending: valueOf(await agent.settlePending({ name, accept, dismiss })).map(wireOf),
      }),
    });
}

function wireOf({ instance, request, change, now, before, line }: InstancePending) {
  const { service = "", variable, verbs = [], need = "", why = "" } = now ?? before ?? {};
  return {
    ...{ instance, request, change, need, why, line },
    service: variable === undefined ? service : `${service} ${variable}`,
    verbs: [...verbs],
    verbsBefore: [...(before?.verbs ?? [])],
  };
}
