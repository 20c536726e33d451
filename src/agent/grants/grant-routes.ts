/** Grant routes: the grants' service as it is on the wire. Translates and nothing else. */
import type { ConnectRouter } from "@connectrpc/connect";
import { GrantService } from "../../contract/index.ts";
import type { Agent } from "../agent.ts";
import { valueOf } from "../routes.ts";
import { bind } from "./bind.ts";
import type { Changed } from "./change-answers.ts";
import { tighten } from "./tighten.ts";
import { type InstancePending, listPending } from "./pending.ts";

export function grantRoutes(agent: Agent) {
  return (router: ConnectRouter) =>
    router.service(GrantService, {
      listPending: async ({ names }) => ({ pending: valueOf(await listPending(names, agent.context)).map(wireOf) }),
      settlePending: async ({ name, accept, dismiss }) => ({
        pending: valueOf(await agent.deployments.settlePending({ name, accept, dismiss })).map(wireOf),
      }),
      async tighten({ name, since }) {
        const { file, unneeded, notes } = valueOf(await tighten(name, new Date(since), agent.context));
        const all = unneeded.map(({ request, rule, because, line }) => ({
          ...{ request, because, line },
          rule: rule?.text ?? "",
        }));
        return { file, unneeded: all, notes: [...notes] };
      },
      async changeAnswers({ name, changes }) {
        return changedOf(valueOf(await agent.answers.change(name, changes)));
      },
      bind: async (words) => changedOf(valueOf(await bind(words, agent.answers, agent.context))),
      async apply({ name }) {
        const { file, live } = valueOf(await agent.deployments.apply(name));
        return { file, live: [...live] };
      },
    });
}

function changedOf({ file, changed, live }: Changed) {
  const answers = changed.map(({ request, answer, gets, warnings }) => ({
    ...{ request, answer, gets },
    warnings: [...warnings],
  }));
  return { file, changed: answers, live: [...live] };
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
