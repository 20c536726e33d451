/** `pending`: what recipes ask for beyond what was answered, and the owner's word on it. */
import type { ListPendingResponseJson, PendingRequestJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeDeployments } from "../names.ts";
import { complain, print, printJson, printTable } from "../print.ts";
import type { World } from "../world.ts";

interface Flags {
  readonly accept?: readonly string[];
  readonly dismiss: boolean;
  readonly json: boolean;
}

export default defineCommand<Flags, [string?]>({
  parameters: {
    flags: {
      accept: {
        kind: "parsed",
        parse: String,
        brief: "Let the answer that is written cover this request as it is now.",
        placeholder: "REQUEST",
        variadic: true,
        optional: true,
      },
      dismiss: {
        kind: "boolean",
        brief: "Go on without all else that waits, and do not say it again.",
        default: false,
      },
      json: JSON_FLAG,
    },
    positional: {
      kind: "tuple",
      parameters: [
        {
          parse: String,
          brief: "Name of an instance; all without it.",
          placeholder: "NAME",
          proposeCompletions: proposeDeployments,
          optional: true,
        },
      ],
    },
  },
  description:
    "A recipe that changes never widens a right. What it asks for anew is denied, and what it asks to do beyond an answer is not let in, until you say so: by an answer in the deployment (skerry edit NAME), or by --accept where one is written already.",
  examples: ["pending", "pending radicale --accept calendars", "pending radicale --dismiss"],
  async run(world, { accept = [], dismiss, json }, name) {
    const settling = accept.length > 0 || dismiss;
    if (settling && name === undefined) {
      complain(world, "--accept and --dismiss: say of which instance");
      return EXIT.usage;
    }
    const answer = settling
      ? await ask<ListPendingResponseJson>(world, "GrantService/SettlePending", { name, accept, dismiss })
      : await ask<ListPendingResponseJson>(world, "GrantService/ListPending", {
          names: name === undefined ? [] : [name],
        });
    if (!answer.ok) return answer.problem.exit;
    const { pending = [] } = answer.value;
    if (json) printJson(world, pending);
    else show(world, pending);
    return EXIT.done;
  },
});

function show(world: World, pending: readonly PendingRequestJson[]): void {
  printTable(
    world,
    pending,
    [
      { title: "INSTANCE", cell: ({ instance = "" }) => instance },
      { title: "REQUEST", cell: ({ request = "" }) => request },
      { title: "CHANGE", cell: ({ change = "" }) => change },
      { title: "WANTS", cell: wishOf },
      { title: "WHY", cell: ({ why = "" }) => why },
    ],
    "nothing waits: recipes ask for what was answered",
  );
  for (const { instance = "", request = "", line = "", change } of pending) {
    if (line === "") continue;
    const how = change === "new" || change === "required" ? `skerry edit ${instance}, under answers: ${line}` : line;
    print(world, `${instance} ${request}: ${how}`);
  }
}

function wishOf({ service = "", verbs = [], verbsBefore = [], need = "", change }: PendingRequestJson): string {
  const wish = verbs.length === 0 ? service : `${service}, to ${verbs.join(" and ")}`;
  if (change === "vanished") return `${wish}; not asked for any more`;
  const before = change === "wider" ? `; answered for ${verbsBefore.join(" and ")}` : "";
  return `${wish}${before}; ${need}`;
}
