/**
 * Removes whole folders, and says how big they are.
 *
 * Layers hold files of subordinate ids that an ordinary user can neither read nor remove; in a user namespace in which
 * those ids are the user's, it can.
 */
import { type Result, refusal, success } from "../result.ts";
import { cleanEnvironment, type RunEnd, type RunOptions, type RunProblem } from "./run-program.ts";

export type Run = (argv: readonly [string, ...string[]], options?: RunOptions) => Promise<Result<RunEnd, RunProblem>>;

export type RemoveProblem = RunProblem | { readonly kind: "not-removed"; readonly detail: string };

/** As root of a namespace that has all of the user's ids; root itself needs none. */
function asOwner(uid: number): readonly string[] {
  return uid === 0 ? [] : ["unshare", "--user", "--map-auto", "--map-root-user"];
}

function withFirst(words: readonly string[]): readonly [string, ...string[]] {
  const [first = "false", ...rest] = words;
  return [first, ...rest];
}

/** Bytes on disk, by path; a path whose size could not be found is left out. */
export async function folderSizes(
  paths: readonly string[],
  run: Run,
  uid: number,
): Promise<ReadonlyMap<string, number>> {
  const words = ["du", "--summarize", "--block-size=1", "--null", "--", ...paths];
  let end = await run(withFirst([...asOwner(uid), ...words]), { timeoutMs: 120_000 });
  // Without a range of ids there is no such namespace, and no files of other ids either.
  if (end.ok && end.value.code !== 0 && end.value.stdout === "")
    end = await run(withFirst(words), { timeoutMs: 120_000 });
  if (!end.ok) return new Map();
  const lines = end.value.stdout.split("\0").map((line) => /^(\d+)\t(.*)$/s.exec(line));
  return new Map(lines.flatMap((line) => (line?.[2] === undefined ? [] : [[line[2], Number(line[1])] as const])));
}

/** Removes in the order given. rm(1) follows no symbolic link, and is told to enter no other file system. */
export async function removeTrees(
  paths: readonly string[],
  run: Run,
  uid: number,
): Promise<Result<void, RemoveProblem>> {
  for (const path of paths) {
    const words = ["rm", "--recursive", "--force", "--one-file-system", "--", path] as const;
    const plain = await run(words, { environment: cleanEnvironment() });
    if (!plain.ok) return plain;
    if (plain.value.code === 0) continue;
    const end = await run(withFirst([...asOwner(uid), ...words]), { environment: cleanEnvironment() });
    if (!end.ok) return end;
    if (end.value.code !== 0) return refusal({ kind: "not-removed", detail: end.value.stderr.slice(0, 1000).trim() });
  }
  return success(undefined);
}
