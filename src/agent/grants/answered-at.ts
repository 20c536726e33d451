/** Answered at: where the answer to each request stands, for the record of a start. */
import { keyLines } from "../../descriptor/index.ts";
import { type Deployment, placeText } from "../../model/index.ts";
import { remembered } from "../remembered.ts";

const linesOf = remembered((text: string, file: string) => keyLines(text, file));

/** Names of requests, of secrets with `secret ` before them, of places with `publish `, of disks with `disk `, to `deployments/NAME.yaml:LINE`. */
export type AnsweredAt = Readonly<Record<string, string>>;

/** Where an answer stands that is in no file. */
const FOR_THIS_START = "for this start";

export function answeredForThisStart(at: AnsweredAt): readonly string[] {
  return Object.keys(at).filter((name) => at[name] === FOR_THIS_START);
}

/**
 * @param written - the file, as far as there is one
 * @param counted - with the flags of this start, whose answers stand in no file
 */
export function answeredAt(
  written: { readonly text: string; readonly deployment: Deployment } | undefined,
  counted: Deployment,
): AnsweredAt {
  const file = `deployments/${counted.name}.yaml`;
  const lines = written === undefined ? undefined : linesOf(written.text, file);
  const at = (...path: readonly (string | number)[]) => `${file}:${lines?.(path) ?? "?"}`;
  const answers = Object.entries(counted.answers).map(([name, grant]) => {
    const own = written !== undefined && Object.hasOwn(written.deployment.answers, name);
    return [name, own && written.deployment.answers[name] === grant ? at("answers", name) : FOR_THIS_START] as const;
  });
  const secrets = Object.keys(counted.secrets ?? {}).map((name) => [`secret ${name}`, at("secrets", name)] as const);
  const publish = (counted.publish ?? []).map(
    (one, index) => [`publish ${placeText(one.at)}`, at("publish", index)] as const,
  );
  const disks = Object.keys(counted.disks ?? {}).map((name) => [`disk ${name}`, at("disks", name)] as const);
  return Object.fromEntries([...answers, ...secrets, ...publish, ...disks]);
}
