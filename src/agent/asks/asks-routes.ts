/** Asks routes: the asks' service as it is on the wire. Translates and nothing else. */
import type { ConnectRouter } from "@connectrpc/connect";
import { AsksService } from "../../contract/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { AgentProblem } from "../explain.ts";
import { valueOf } from "../routes.ts";
import type { Asks, Lifetime } from "./asks.ts";

export function asksRoutes(asks: Asks) {
  return (router: ConnectRouter) =>
    router.service(AsksService, {
      listAsks: () => ({ asks: [...asks.list()] }),

      async *watchAsks(_request, { signal }) {
        for await (const list of asks.watch(signal)) yield { asks: [...list] };
      },

      async answerAsk({ id, allow, lifetime, until }) {
        return { ask: valueOf(await asks.answer(id, allow, valueOf(lifetimeOf(lifetime, until)))) };
      },
    });
}

function lifetimeOf(kind: string, until: string): Result<Lifetime, AgentProblem> {
  if (kind === "once" || kind === "session" || kind === "for-ever") return success({ kind });
  const time = Date.parse(until);
  if (kind === "until" && !Number.isNaN(time)) return success({ kind, time: new Date(time).toISOString() });
  return refusal({ kind: "bad-lifetime", lifetime: kind });
}
