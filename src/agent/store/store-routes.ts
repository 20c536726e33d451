/** Store routes: the store's service as it is on the wire. Translates and nothing else. */
import type { ConnectRouter } from "@connectrpc/connect";
import { StoreService } from "../../contract/index.ts";
import type { PackageChange } from "../../image/index.ts";
import type { Agent } from "../agent.ts";
import type { Work } from "../context.ts";
import type { Upgraded } from "./upgrade.ts";
import { progressOf, valueOf } from "../routes.ts";
import { withProgress } from "../with-progress.ts";

export function storeRoutes(agent: Agent) {
  const { keeper } = agent;
  return (router: ConnectRouter) =>
    router.service(StoreService, {
      async *verifyImages({ names }, { signal }) {
        for await (const event of withProgress((work) => keeper.verify(names, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else {
            const images = valueOf(event.result).map((image) => ({
              ...image,
              layers: image.layers.map((layer) => ({
                ...layer,
                differences: layer.differences.map((each) => ({ ...each, what: [...each.what] })),
              })),
            }));
            yield { done: { images } };
          }
        }
      },

      sbom: async ({ name }) => ({ text: valueOf(await keeper.sbom(name)) }),

      async diffImages({ left, right }) {
        const { packages, files, more } = valueOf(await keeper.diff(left, right));
        return {
          packages: packages.map(changeOf),
          files: files.map((each) => ({ ...each, what: [...each.what] })),
          more,
        };
      },

      async *listOutdated({ names }, { signal }) {
        for await (const event of withProgress((work) => keeper.outdated(names, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else yield { done: { images: valueOf(event.result).map(changesOf) } };
        }
      },

      async *upgrade({ names, security, dryRun }, { signal }) {
        const work = (watch: Work) => keeper.upgrade(names, { security, dryRun }, watch);
        for await (const event of withProgress(work, signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else yield { done: { images: valueOf(event.result).map(changesOf) } };
        }
      },

      async *purge({ names, unused, before, budgetBytes, withPackages, dryRun }, { signal }) {
        const options = { unused, before: before === "" ? undefined : before, budgetBytes, withPackages, dryRun };
        const work = (watch: Work) => keeper.purge(names, options, watch);
        for await (const event of withProgress(work, signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else {
            const { images, previous, ...rest } = valueOf(event.result);
            yield { done: { images: [...images], previous: [...previous], ...rest } };
          }
        }
      },

      async *exportImage({ name, target }, { signal }) {
        for await (const event of withProgress((work) => keeper.export(name, target, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else yield { done: valueOf(event.result) };
        }
      },

      async *migrate({ name, to, dryRun }, { signal }) {
        for await (const event of withProgress((work) => keeper.migrate(name, to, dryRun, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else {
            const { changes, ...rest } = valueOf(event.result);
            yield { done: { ...rest, packages: changes.map(changeOf) } };
          }
        }
      },

      async *importImage({ source, name, tag }, { signal }) {
        const wanted = { source, name, tag: tag === "" ? undefined : tag };
        for await (const event of withProgress((work) => keeper.bringIn(wanted, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else yield { done: valueOf(event.result) };
        }
      },

      async *rollback({ name }, { signal }) {
        for await (const event of withProgress((work) => keeper.rollback(name, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else yield { done: changesOf(valueOf(event.result)) };
        }
      },
    });
}

function changesOf({ recipe, changes, done }: Upgraded) {
  return { recipe, packages: changes.map(changeOf), done };
}

function changeOf({ name, before = "", after = "", security }: PackageChange) {
  return { name, before, after, security };
}
