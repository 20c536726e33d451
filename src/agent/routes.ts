/**
 * Routes: the agent's service as it is on the wire. Translates and nothing else.
 *
 * A problem becomes a ConnectError with a code and the text for a person; a fault is thrown as it is and becomes an
 * internal error, with its stack in the agent's own log.
 */
import { ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { AgentService, Progress_Kind } from "../contract/index.ts";
import { limitWords } from "../descriptor/index.ts";
import { type Problem, type Result, unreachable } from "../result.ts";
import type { Progress } from "../step/index.ts";
import type { Agent } from "./agent.ts";
import { listCopies } from "./changes/copies.ts";
import { deploymentNames, findDeployment, findRecipe, recipeNames } from "./catalogue.ts";
import { actOf, copyChangesOf } from "./changes/changes-wire.ts";
import type { Start } from "./start-record.ts";
import type { Work } from "./context.ts";
import { type AgentProblem, explain } from "./explain.ts";
import type { Life } from "./life.ts";
import { networkOf, publishedOf } from "./network/wire.ts";
import { hasChanged } from "./version.ts";
import { volumesOf } from "./volumes.ts";
import { settingsMark } from "./settings-mark.ts";
import { withProgress } from "./with-progress.ts";
import type { WantedWords } from "./launch/wanted.ts";

/** Where a stop gives no time of its own. */
const GRACE_MS = 10_000;

export function agentRoutes(agent: Agent, shutdown: () => void) {
  const { context, compartments } = agent;
  return (router: ConnectRouter) =>
    router.service(AgentService, {
      info: ({ version }) => ({
        version: context.version,
        program: context.places.program,
        pid: process.pid,
        stale:
          (version === "" ? hasChanged(context.places.program, context.version) : version !== context.version) ||
          settingsMark(context.places) !== context.settings,
      }),
      shutdown() {
        // After the answer has gone out.
        setTimeout(shutdown, 20);
        return {};
      },

      async listRecipes() {
        const recipes = [];
        for (const name of await recipeNames(context)) {
          const found = await findRecipe(name, context);
          if (!found.ok) {
            recipes.push({ name, problem: explain(found.problem).text });
            continue;
          }
          const { thing, file, origin } = found.value;
          recipes.push({
            name,
            summary: thing.summary,
            base: thing.base ?? "",
            components: [...thing.components],
            packages: [...thing.packages],
            origin,
            file,
          });
        }
        return { recipes };
      },

      async listDeployments() {
        await compartments.look();
        const deployments = [];
        for (const name of await deploymentNames(context)) {
          const found = await findDeployment(name, context);
          const running = compartments.running(name) !== undefined;
          if (!found.ok) deployments.push({ name, running, problem: explain(found.problem).text });
          else
            deployments.push({
              name,
              running,
              recipe: found.value.thing.recipe,
              isolation: found.value.thing.isolation,
              file: found.value.file,
            });
        }
        return { deployments };
      },

      async deploy({ recipe, name }) {
        const wanted = name === "" ? recipe : name;
        const { notes, ...deployed } = valueOf(await agent.deployments.deploy(recipe, wanted));
        return { name: wanted, ...deployed, notes: [...notes] };
      },

      async saveDeployment({ name, text }) {
        const { file, live } = valueOf(await agent.deployments.save(name, text));
        return { file, live: [...live] };
      },
      undeploy: async ({ name, withData }) => ({
        kept: [...valueOf(await agent.deployments.undeploy(name, withData))],
      }),

      async describe({ name }) {
        const { found, recipe, effective } = valueOf(await agent.describe(name));
        await compartments.look();
        return {
          name,
          recipe: recipe.name,
          file: found.file,
          text: found.text,
          effective: effective.map(({ request, service, answer, gets, because, warnings }) => ({
            request,
            service,
            answer,
            gets,
            because,
            warnings: [...warnings],
          })),
          volumes: volumesOf(found.thing, recipe, context.places),
          copies: [...(await listCopies(context, name))],
          limits: [...limitWords(found.thing.limits)],
          state: compartments.newest(name)?.state ?? "never started",
          ...livingOf(name, agent.life),
          published: publishedOf(
            agent.life.entrances.stateOf(compartments.running(name)?.record.spec.id ?? ""),
            found.thing.publish,
          ),
        };
      },

      async plan({ wanted }) {
        const { lines, imageBuilt } = valueOf(await agent.plan(wordsOf(wanted)));
        return { lines: [...lines], imageBuilt };
      },

      async *lock({ name, update }, { signal }) {
        for await (const event of withProgress((work) => agent.lock(name, update, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else {
            const lock = valueOf(event.result);
            const packages = lock.layers.flatMap((layer) => layer.packages);
            yield {
              done: {
                file: context.store.recipeLock(name),
                packages: packages.length,
                bytes: packages.reduce((sum, { size }) => sum + size, 0),
              },
            };
          }
        }
      },

      async *build({ name }, { signal }) {
        for await (const event of withProgress((work) => agent.build(name, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else {
            const { recipe, layers, built } = valueOf(event.result);
            yield { done: { recipe, layers: [...layers], built } };
          }
        }
      },

      async listImages() {
        const { images, allBytes } = valueOf(await agent.keeper.sizes());
        const states = await Promise.all(images.map(async ({ image }) => await agent.keeper.state(image)));
        return {
          images: images.map(({ image, ...rest }, index) => ({
            recipe: image.recipe,
            base: image.base,
            layers: [...image.layers],
            built: image.built,
            ...rest,
            ...states[index],
            stale: [...(states[index]?.stale ?? [])],
          })),
          allBytes,
        };
      },

      async *launch({ wanted, background, callerPid }, { signal }) {
        const words = wordsOf(wanted);
        const caller = background ? undefined : callerPid;
        const session = callerPid === 0 ? undefined : callerPid;
        yield* launched((work) => agent.launch(words, caller, work, false, session), signal);
      },

      async *restart({ name, graceMs }, { signal }) {
        yield* launched((work) => agent.restart(name, graceMs === 0 ? GRACE_MS : graceMs, work), signal);
      },

      enter: async ({ name, command, directory, terminal, purpose }) => ({
        argv: [...valueOf(await agent.enter(name, { command, directory, terminal, purpose }))],
      }),

      async listCompartments({ all, usage }) {
        await compartments.look();
        const starts = compartments.all().filter((start) => all || isListed(start, agent.life));
        return {
          compartments: await Promise.all(
            starts.map(async (start) => {
              const used = usage ? await compartments.usage(start) : undefined;
              return {
                ...wireOf(start),
                ...livingOf(start.record.spec.name, agent.life, start),
                published: publishedOf(agent.life.entrances.stateOf(start.record.spec.id)),
                ...(used === undefined ? {} : { usage: used }),
              };
            }),
          ),
        };
      },

      async stop({ name, graceMs }) {
        const { exitCode, by } = valueOf(await agent.life.stop(name, graceMs === 0 ? GRACE_MS : graceMs));
        await agent.record("stop", name, by);
        return { exitCode, by: by ?? "" };
      },
      async kill({ name }) {
        const exitCode = valueOf(await agent.life.kill(name));
        await agent.record("kill", name);
        return { exitCode };
      },
      async freeze({ name }) {
        const by = valueOf(await compartments.freeze(name, true));
        await agent.record("freeze", name);
        return { by };
      },
      async thaw({ name }) {
        const by = valueOf(await compartments.freeze(name, false));
        await agent.record("thaw", name);
        return { by };
      },
      async *changes({ name, request, paths, act, force }, { signal }) {
        const wanted = { name, request, paths, act: actOf(act), force };
        for await (const event of withProgress((work) => agent.changes.work(wanted, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else yield { done: { copies: valueOf(event.result).map((copy) => copyChangesOf(copy, context.home)) } };
        }
      },
      showNetwork: async ({ name }) => {
        const standing = valueOf(await compartments.standing(name));
        const { id } = standing.wall.spec;
        return {
          ...networkOf(await agent.life.networks.stateOf(id)),
          published: publishedOf(agent.life.entrances.stateOf(id)),
        };
      },
      async wait({ name }, { signal }) {
        const { record, exitCode, ended, notes = [] } = valueOf(await compartments.wait(name, signal));
        const stopped = agent.life.wasStopped(record.spec.id);
        return { exitCode: exitCode ?? -1, ended: ended ?? "", notes: [...notes], stopped };
      },
      async *waitReady({ name }, { signal }) {
        for await (const event of withProgress((work) => agent.life.waitUntilReady(name, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else {
            const start = valueOf(event.result);
            yield { done: { id: start.record.spec.id, ready: agent.life.readiness.stateOf(start) } };
          }
        }
      },
      async setEnabled({ name, enabled, units }) {
        const done = valueOf(await agent.deployments.setEnabled(name, enabled, units));
        return { file: done.file, units: [...done.units] };
      },
      async *autostart({ except }, { signal }) {
        for await (const event of withProgress((work) => agent.life.autostart(except, work), signal)) {
          if (event.kind === "progress") yield { progress: progressOf(event.progress) };
          else yield { done: { instances: [...event.result] } };
        }
      },
    });
}

export function valueOf<Value, P extends AgentProblem & Problem>(result: Result<Value, P>): Value {
  if (result.ok) return result.value;
  const { code, text } = explain(result.problem);
  throw new ConnectError(text, code);
}

function wireOf({ record, state, child, exitCode, ended }: Start) {
  const { spec } = record;
  return {
    id: spec.id,
    name: spec.name,
    recipe: record.recipe,
    isolation: record.isolation,
    state,
    learning: record.learning === true,
    clone: record.snapshot !== undefined,
    started: record.started,
    pid: child?.pid ?? 0,
    command: [...spec.command],
    ...(exitCode === undefined ? {} : { exitCode }),
    ended: ended ?? "",
    log: record.log ?? "",
  };
}

/** What runs, and what is to run again or was given up: of each instance its newest start. */
function isListed(start: Start, { compartments, services }: Life): boolean {
  if (start.state === "running" || start.state === "frozen") return true;
  const { name } = start.record.spec;
  const state = services.statusOf(name)?.state;
  return (state === "waiting" || state === "given-up") && compartments.newest(name) === start;
}

/** How an instance lives; of a start only where it is the newest. */
function livingOf(name: string, { compartments, services, readiness }: Life, start = compartments.newest(name)) {
  const ready = start === undefined ? "none" : readiness.stateOf(start);
  const status = start === compartments.newest(name) ? services.statusOf(name) : undefined;
  if (status === undefined) return { ready };
  return { ready, service: { state: status.state, restarts: status.restarts, due: status.due ?? "" } };
}

/** A start that is being made: how far it is, and last what came of it. */
async function* launched(start: (work: Work) => ReturnType<Agent["launch"]>, signal: AbortSignal) {
  for await (const event of withProgress(start, signal)) {
    if (event.kind === "progress") yield { progress: progressOf(event.progress) };
    else {
      const { prepared, argv, notes } = valueOf(event.result);
      const { id, name, contributions } = prepared.spec;
      const copies = contributions.some(({ kind }) => kind === "copy");
      yield { launched: { id, name, argv: [...argv], notes: [...notes], copies } };
    }
  }
}

export function progressOf(event: Progress) {
  switch (event.kind) {
    case "phase":
      return { kind: Progress_Kind.PHASE, text: event.text };
    case "note":
      return { kind: Progress_Kind.NOTE, text: event.text };
    case "amount":
      return {
        kind: event.unit === "bytes" ? Progress_Kind.BYTES : Progress_Kind.STEPS,
        text: event.text,
        done: event.done,
        total: event.total,
      };
    default:
      return unreachable(event);
  }
}

function wordsOf(wanted: Partial<WantedWords> | undefined): WantedWords {
  return {
    name: wanted?.name ?? "",
    packages: wanted?.packages ?? [],
    folders: wanted?.folders ?? [],
    network: wanted?.network ?? "",
    arguments: wanted?.arguments ?? [],
    directory: wanted?.directory ?? "/",
    terminal: wanted?.terminal ?? "",
    acceptWeaker: wanted?.acceptWeaker ?? [],
    remove: wanted?.remove ?? false,
    ...(wanted?.clone === true ? { clone: true } : {}),
  };
}
