/** Learn routes: the service of runs that learn as it is on the wire. Translates and nothing else. */
import type { ConnectRouter } from "@connectrpc/connect";
import { LearnService } from "../../contract/index.ts";
import type { Agent } from "../agent.ts";
import type { Work } from "../context.ts";
import { deploymentFile } from "../catalogue.ts";
import { NO_WORDS } from "../launch/wanted.ts";
import { progressOf, valueOf } from "../routes.ts";
import { withProgress } from "../with-progress.ts";
import type { LearnedAnswer } from "./learning.ts";
import type { LearnWish } from "./open-wide.ts";
import { previewLearn, writeLearned } from "./propose.ts";

export function learnRoutes(agent: Agent) {
  const { context } = agent;
  return (router: ConnectRouter) =>
    router.service(LearnService, {
      previewLearn: async ({ wish }) => ({
        opened: [...valueOf(await previewLearn(wish?.name ?? "", wishOf(wish), context))],
      }),

      async *beginLearn({ wish, arguments: words, directory, terminal, callerPid }, { signal }) {
        const wanted = { name: wish?.name ?? "", arguments: words, directory: directory || "/", terminal };
        // What is refused to its owner's question is refused here as well.
        valueOf(await previewLearn(wanted.name, wishOf(wish), context));
        const work = (watch: Work) => agent.launch({ ...NO_WORDS, ...wanted, learn: wishOf(wish) }, callerPid, watch);
        for await (const event of withProgress(work, signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else {
            const { prepared, argv, notes } = valueOf(event.result);
            const { id, name } = prepared.spec;
            yield { launched: { id, name, argv: [...argv], notes: [...notes] } };
          }
        }
      },

      async proposeLearned({ name, write }) {
        const { answers, refused } = valueOf(await agent.life.learning.proposal(name));
        const live = write ? valueOf(await writeLearned(name, answers, agent)) : [];
        return {
          file: deploymentFile(context, name),
          answers: answers.map(wireOf),
          refused: [...refused],
          live: [...live],
        };
      },
    });
}

function wishOf(wish: Partial<LearnWish> | undefined): LearnWish {
  return { network: wish?.network ?? false, folders: wish?.folders ?? [] };
}

function wireOf({ request, service, line, word, same, notes }: LearnedAnswer) {
  return { request, service, line, word, same, notes: [...notes] };
}
