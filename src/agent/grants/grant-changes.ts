/**
 * Grant changes: what has changed in a deployment's answers since they were last looked at, into the audit; whoever
 * changed them, and by whatever editor.
 *
 * Kept beside the state: `grants/NAME.json`, one line of words for each request that is not denied. A value that the
 * owner made up for a variable is not among the words.
 */
import { type Deployment, type Grant, placeText } from "../../model/index.ts";
import { type AgentContext, QUIET } from "../context.ts";
import { sha256 } from "../store/images.ts";
import { answeredAt } from "./answered-at.ts";

export function grantsFile({ places }: Pick<AgentContext, "places">, name: string): string {
  return `${places.state}/grants/${name}.json`;
}

/** @param text - of the deployment's file */
export async function noteGrantChanges(deployment: Deployment, text: string, context: AgentContext): Promise<void> {
  const { performer, audit } = context;
  const { name } = deployment;
  const path = grantsFile(context, name);
  const before: Readonly<Record<string, string>> = JSON.parse((await performer.readText(path)) ?? "{}");
  const after = wordsOf(deployment);
  const content = JSON.stringify(after);
  if (content === JSON.stringify(before)) return;
  const at = answeredAt({ text, deployment }, deployment);
  const changes = [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((request) => {
    const [was, is] = [of(before, request), of(after, request)];
    return was === is ? [] : [`${request}: ${was} → ${is} (${of(at, request, "not written")})`];
  });
  // The record first: a change that is not on record is found again.
  await audit.append({ kind: "grants-changed", instance: name, file: sha256(text), changes });
  await performer.perform({ kind: "write-file", path, mode: 0o600, content }, QUIET);
}

function of(words: Readonly<Record<string, string>>, request: string, otherwise = "deny"): string {
  return (Object.hasOwn(words, request) ? words[request] : undefined) ?? otherwise;
}

function wordsOf({ answers, secrets = {}, publish = [] }: Deployment): Readonly<Record<string, string>> {
  const granted = Object.entries(answers).filter(([, { answer }]) => answer !== "deny");
  const from = Object.entries(secrets).map(
    ([name, { kind, as }]) => [`secret ${name}`, `from a ${kind}${as === undefined ? "" : ` as a ${as}`}`] as const,
  );
  const places = publish.map(({ port, at }) => [`publish ${placeText(at)}`, `port ${port}`] as const);
  return Object.fromEntries([...granted.map(([name, grant]) => [name, wordsFor(grant)] as const), ...from, ...places]);
}

function wordsFor({ answer, folder, files = [], allow = [], rules = [] }: Grant): string {
  const options = [...(folder === undefined ? [] : [folder]), ...files, ...allow, ...rules.map(({ text }) => text)];
  return options.length === 0 ? answer : `${answer}, ${options.join(" ")}`;
}
