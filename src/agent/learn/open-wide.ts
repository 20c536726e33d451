/**
 * Open wide: a deployment as it is for a run that learns, and in words what that lets through. Pure; no file is changed.
 *
 * Invariants
 * - Only requests that are named by the wish are answered otherwise; nothing is asked for that was not asked for before.
 * - Private networks and this host stay shut but for what the deployment's own rules name, and what they deny stays denied.
 */
import {
  type Deployment,
  type Grant,
  LEARN_RULE,
  nearest,
  type NetworkRule,
  type Recipe,
  type Request,
} from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { learnRefused, type LearnRefused } from "./learn-problem.ts";

export interface LearnWish {
  readonly network: boolean;
  readonly folders: readonly { readonly request: string; readonly folder: string }[];
}

export type OpenWideProblem =
  | {
      readonly kind: "not-requested";
      readonly deployment: string;
      readonly request: string;
      readonly meant: string | undefined;
    }
  | LearnRefused;

const ANY: Omit<NetworkRule, "target"> = {
  ...{ text: LEARN_RULE, protocol: "tcp", port: undefined, answer: "real" },
  ...{ sameName: false, private: false, bytesPerDay: undefined, bytesPerSecond: undefined },
};

/** Every name, and every address; where they are not public, only a rule that says so leads there. */
const EVERYTHING: readonly NetworkRule[] = [
  { ...ANY, target: { kind: "any-name" } },
  { ...ANY, target: { kind: "addresses", family: 4, address: "0.0.0.0", prefix: 0 } },
  { ...ANY, target: { kind: "addresses", family: 6, address: "::", prefix: 0 } },
];

type Requests = Readonly<Record<string, Request>>;

/** @returns the deployment with other answers, and the names of the requests that they are for */
export function openWide(
  recipe: Pick<Recipe, "requests">,
  deployment: Deployment,
  { network, folders }: LearnWish,
): Result<{ readonly deployment: Deployment; readonly opened: readonly string[] }, OpenWideProblem> {
  const requests: Requests = { ...recipe.requests, ...deployment.requests };
  const { name } = deployment;
  const answers: Record<string, Grant> = {};
  for (const { request, folder } of folders) {
    const asked = Object.hasOwn(requests, request) ? requests[request] : undefined;
    if (asked === undefined)
      return refusal({
        kind: "not-requested",
        deployment: name,
        request,
        meant: nearest(request, Object.keys(requests)),
      });
    if (asked.service !== "folder") return learnRefused({ kind: "no-folder-request", name, request });
    answers[request] = { answer: "real", folder, files: undefined, allow: undefined, rules: undefined };
  }
  const networks = Object.keys(requests).filter((one) => network && requests[one]?.service === "network");
  for (const request of networks) answers[request] = wide(deployment.answers[request]);
  const opened = Object.keys(answers);
  if (opened.length === 0 || (network && networks.length === 0))
    return learnRefused({ kind: "nothing-to-learn", name });
  return success({ deployment: { ...deployment, answers: { ...deployment.answers, ...answers } }, opened });
}

function wide(grant: Grant | undefined): Grant {
  const zones = (grant?.allow ?? []).map(
    (zone): NetworkRule => ({ ...ANY, text: zone, target: { kind: "zone", zone } }),
  );
  const rules = [...(grant?.rules ?? []), ...zones, ...EVERYTHING];
  return { answer: "subset", folder: undefined, files: undefined, allow: undefined, rules };
}

/** Of one opened request: what its owner is to agree to. */
export function openedWords(request: string, { answer, folder }: Grant, verbs: Request["verbs"]): string {
  if (answer === "subset")
    return `${request}: every public name and address, on every TCP port; private networks and this host only as far as its deployment has rules for them`;
  return `${request}: all of ${folder ?? ""}, ${verbs.includes("write") ? "to read and to write" : "to read"}`;
}

/** What they mean together with all that it has besides. */
export function togetherWords(opened: readonly Grant[]): readonly string[] {
  const network = opened.some(({ answer }) => answer === "subset");
  return network ? ["whatever it can read meanwhile it can send to anybody"] : [];
}
