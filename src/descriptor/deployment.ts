/** Deployment: from text to value. Whether it fits its recipe is not asked here, but in grant/. */
import type * as z from "zod";
import { type Answer, type Deployment, type Grant, isCleanAbsolutePath } from "../model/index.ts";
import { type Result, success } from "../result.ts";
import { readChecked } from "./check.ts";
import type { PathFinding } from "./path-finding.ts";
import type { DescriptorProblem, Source } from "./complaint.ts";
import { toCard } from "./card.ts";
import { checkCloudInit, toCloudInit } from "./cloud-init.ts";
import { checkDisks, toDisks } from "./disks.ts";
import { checkRules, toRule, zonesOf } from "./network-rule.ts";
import { checkPublish, toPublish } from "./publish.ts";
import { checkPlaces, checkVerbs, mapValues, repeated, toRequest } from "./recipe.ts";
import { bytesOf, resolveHome } from "./schema-parts.ts";
import { deploymentSchema } from "./schemas.ts";
import { checkSecrets, toSecrets } from "./secret.ts";
import { checkService, toService } from "./service.ts";
import { toStorage } from "./storage-limits.ts";

type DeploymentFile = z.output<typeof deploymentSchema>;
type GrantFile = NonNullable<DeploymentFile["answers"]>[string];

/**
 * Reads the text of a deployment.
 *
 * @param context.home - the owner's home folder, absolute and clean; stands for a leading `~/`
 *
 * Problems
 * - `descriptor`: everything that is wrong with the text, each with its place
 */
export function parseDeployment(
  text: string,
  source: Source,
  context: { readonly home: string },
): Result<Deployment, DescriptorProblem> {
  if (!isCleanAbsolutePath(context.home))
    throw new Error(`the home folder must be absolute and clean: ${context.home}`);
  const file = readChecked(text, source, "deployment", deploymentSchema, (read) => [
    ...checkDeploymentFile(read),
    ...checkPublish(read.publish ?? [], context.home),
  ]);
  if (!file.ok) return file;
  const {
    recipe,
    isolation = "container",
    tags = [],
    program,
    requests = {},
    answers = {},
    limits = {},
    environment = {},
  } = file.value;
  return success({
    name: source.name,
    recipe,
    isolation,
    ...(file.value.vmm === undefined ? {} : { vmm: file.value.vmm }),
    tags,
    program,
    requests: mapValues(requests, toRequest),
    answers: mapValues(answers, (grant) => toGrant(grant, context.home)),
    limits: {
      memoryBytes: limits.memory === undefined ? undefined : bytesOf(limits.memory),
      tasks: limits.tasks,
      cpuPercent: limits.cpu === undefined ? undefined : Number.parseInt(limits.cpu, 10),
      ...toStorage(limits),
    },
    environment,
    ...(file.value.secrets === undefined ? {} : { secrets: toSecrets(file.value.secrets, context.home) }),
    ...toPublish(file.value.publish ?? [], context.home),
    ...toDisks(file.value.disks, context.home),
    ...toCloudInit(file.value["cloud-init"], context.home),
    service: toService(file.value),
  });
}

function checkDeploymentFile(file: DeploymentFile): readonly PathFinding[] {
  const answers = Object.entries(file.answers ?? {}).flatMap(([name, grant]) =>
    typeof grant === "string"
      ? []
      : [
          ...repeated(grant.files ?? [], ["answers", name, "files"]),
          ...checkRules(grant.answer, grant.allow ?? [], ["answers", name, "allow"]),
          ...repeated((grant.answer === "subset" ? undefined : zonesOf(grant.allow ?? [])) ?? [], [
            "answers",
            name,
            "allow",
          ]),
        ],
  );
  return [
    ...(file.vmm === undefined || file.isolation === "vm"
      ? []
      : [{ path: ["vmm"], part: "key" as const, message: "only a deployment with isolation: vm has one" }]),
    ...repeated(file.tags ?? [], ["tags"]),
    ...checkPlaces(file.requests ?? {}, {}),
    ...checkVerbs(file.requests ?? {}),
    ...answers,
    ...checkSecrets(file.secrets ?? {}),
    ...checkDisks(file.disks ?? {}),
    ...checkCloudInit(file["cloud-init"], Object.keys(file.disks ?? {})),
    ...checkService(file),
  ];
}

/** What `allow` holds is then rules, and zones otherwise. */
function byRules(answer: Answer): boolean {
  return answer === "subset" || answer === "ask";
}

function toGrant(grant: GrantFile, home: string): Grant {
  if (typeof grant === "string")
    return { answer: grant, folder: undefined, files: undefined, allow: undefined, rules: undefined };
  const { answer, folder, files, allow, value, through, card } = grant;
  return {
    answer,
    folder: folder === undefined ? undefined : resolveHome(folder, home),
    files,
    allow: byRules(answer) || allow === undefined ? undefined : zonesOf(allow),
    rules: byRules(answer) ? allow?.map(toRule) : undefined,
    ...(value === undefined ? {} : { value }),
    ...(through === undefined ? {} : { through }),
    ...(card === undefined ? {} : { card: toCard(card) }),
  };
}
