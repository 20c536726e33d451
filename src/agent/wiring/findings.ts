/** Findings: what grants name on this host, looked up for many deployments at once: each path, and what is mounted, once. */
import type { JoinContext, PathFinding } from "../../grant/index.ts";
import { findPath, mountTable } from "../../host/index.ts";
import type { Deployment } from "../../model/index.ts";
import type { AgentContext } from "../context.ts";
import { ownFoldersOf } from "../launch/launch.ts";

export class Findings {
  readonly #own: Omit<JoinContext, "findings">;
  readonly #mounts = mountTable();
  readonly #known = new Map<string, Promise<PathFinding>>();

  constructor(context: Pick<AgentContext, "places" | "home">) {
    this.#own = ownFoldersOf(context);
  }

  async for({ answers }: Pick<Deployment, "answers">): Promise<JoinContext> {
    const folders = Object.values(answers).flatMap(({ folder }) => folder ?? []);
    const findings = await Promise.all(folders.map(async (folder) => [folder, await this.#of(folder)] as const));
    return { ...this.#own, findings: new Map(findings) };
  }

  #of(folder: string): Promise<PathFinding> {
    const known = this.#known.get(folder) ?? findPath(folder, this.#mounts);
    this.#known.set(folder, known);
    return known;
  }
}
