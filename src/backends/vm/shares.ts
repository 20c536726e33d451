/**
 * Shares: folders of the host's that are seen in the machine, by 9p. Pure.
 *
 * Behind the outer wall each is attached as in a container: what must not be written is mounted read-only there, so the
 * machine has no say in it, and neither has the VMM. As root, each is shown as the app's own (helper, `--idmap`).
 */
import { type CompartmentSpec, type Contribution, pickedFiles, SECRETS_INSIDE } from "../../model/index.ts";
import type { Step } from "../../step/index.ts";
import type { BackendContext } from "../backend.ts";

export interface Share {
  /** Under which it is attached in the machine. */
  readonly name: string;
  readonly writable: boolean;
  /** What is attached behind the outer wall; undefined where nothing is to be seen there. */
  readonly source: string | undefined;
  /** The helper's arguments that prepare it. */
  readonly staged: readonly string[];
  readonly steps: readonly Step[];
  /** What of it the app sees, and where: all of it, or one file. */
  readonly seen: { readonly file: string | undefined; readonly target: string };
}

/** Each contribution that is a folder or comes from one, with its share. */
export function sharesOf(
  spec: CompartmentSpec,
  stage: string,
  { secrets }: Pick<BackendContext, "secrets">,
): ReadonlyMap<Contribution, Share> {
  const shares = new Map<Contribution, Share>();
  const { uid, gid, allocated } = spec.user;
  for (const contribution of spec.contributions) {
    const name = `folder${shares.size}`;
    const staged = `${stage}/${name}`;
    if (contribution.kind === "bind") {
      const { source, target, access } = contribution;
      shares.set(contribution, {
        ...{ name, writable: access === "write", steps: [], seen: { file: undefined, target } },
        source: allocated ? staged : source,
        staged: allocated ? ["--idmap", source, staged, String(uid), String(gid)] : [],
      });
    } else if (contribution.kind === "pick") {
      const { source, target } = contribution;
      shares.set(contribution, {
        ...{ name, writable: false, steps: [], seen: { file: undefined, target }, source: staged },
        staged: pickedFiles(contribution).flatMap((file) => ["--pick", source, file, `${staged}/${file}`]),
      });
    } else if (contribution.kind === "secret") {
      const { name: file, source } = contribution;
      const kept = secrets ?? noPlace(file);
      const owner = allocated ? { owner: { uid, gid } } : {};
      shares.set(contribution, {
        ...{ name, writable: false, source: staged, seen: { file, target: `${SECRETS_INSIDE}/${file}` } },
        steps: [{ kind: "keep-secret", folder: kept, name: file, source, ...owner }],
        staged: ["--pick", kept, file, `${staged}/${file}`],
      });
    }
  }
  return shares;
}

/** The caller has asked the host for a place in memory before it asked for a plan. */
function noPlace(secret: string): never {
  throw new Error(`no place in memory for the secret ${secret}`);
}
