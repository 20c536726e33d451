/**
 * Agent: what can be asked of Skerry on this host, without a word about the wire (routes.ts).
 *
 * Every start, refusal and end of a compartment and every change of a deployment becomes an audit record before the
 * caller hears of it.
 */
import { BACKENDS, type Entry, type MachineFiles } from "../backends/index.ts";
import { environmentOf } from "../compartment/index.ts";
import type { Effective } from "../grant/index.ts";
import type { Image } from "../image/index.ts";
import { type Deployment, type Lock, type Recipe } from "../model/index.ts";
import { processOf } from "../host/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { type Argv, describe, performAll, type Step, type StepProblem } from "../step/index.ts";
import { deploymentNames, type Found, findDeployment, findRecipe } from "./catalogue.ts";
import { agingNotes, agingOf } from "./store/image-state.ts";
import type { Asks } from "./asks/asks.ts";
import { makeAsks } from "./asks/asks-world.ts";
import { writeAnswer } from "./asks/write-answer.ts";
import { Changes } from "./changes/changes.ts";
import { Deployments } from "./deployments.ts";
import type { Compartments } from "./compartments.ts";
import type { Start, StartRecord } from "./start-record.ts";
import { type AgentContext, QUIET, type Work } from "./context.ts";
import { type AgentProblem, explain } from "./explain.ts";
import { answeredForThisStart } from "./grants/answered-at.ts";
import { effectiveFor } from "./grants/effective.ts";
import { pendingNotes, waitingFor } from "./grants/pending.ts";
import { Images } from "./store/images.ts";
import { type Chosen, choose, isPassing, type LaunchOptions, type Prepared, prepare } from "./launch/launch.ts";
import { NO_WORDS, readyOf, type WantedWords } from "./launch/wanted.ts";
import { boots, type CannotEnter, machineNotes, makeMachine, makeWay } from "./launch/machine.ts";
import { Launchers } from "./launch/launchers.ts";
import type { Stopped } from "./machines/power-off.ts";
import { DiskSnapshots } from "./disks/disk-snapshots.ts";
import { Snapshots } from "./machines/snapshots.ts";
import { Suspended } from "./machines/suspended.ts";
import { Keeper } from "./store/keeper.ts";
import { noteOnce, sayOnce } from "./note-once.ts";
import { publishLines } from "./network/publish-words.ts";
import type { Screen } from "./display/screens.ts";
import { portLines } from "./network/stations.ts";
import { Life } from "./life.ts";
import { directoryNow } from "./grants/in-force.ts";
import { AnswerChanges } from "./grants/change-answers.ts";
import { acceptedWeaker, grantLines } from "./launch/spool.ts";

type Answer<Value> = Promise<Result<Value, AgentProblem>>;

interface LaunchFrom {
  readonly words: WantedWords;
  readonly caller: number | undefined;
  readonly again: boolean;
  readonly session: number | undefined;
  readonly chosen: Chosen;
  /** Instances that were started since this one links to them. */
  readonly linkedNames: readonly string[];
}

export interface EntryWanted {
  readonly command: readonly string[];
  readonly directory: string;
  readonly terminal: string;
  readonly purpose: string;
}

export class Agent {
  readonly context: AgentContext;
  readonly asks: Asks;
  readonly life: Life;
  readonly keeper: Keeper;
  readonly changes: Changes;
  readonly deployments: Deployments;
  readonly answers: AnswerChanges;
  readonly snapshots: Snapshots;
  readonly suspended: Suspended;
  readonly disks: DiskSnapshots;
  readonly #images: Images;
  readonly #launchers: Launchers;

  constructor(context: AgentContext) {
    this.context = context;
    const save: Deployments["save"] = async (name, text) => await this.deployments.save(name, text);
    this.answers = new AnswerChanges(context, save);
    this.asks = makeAsks(
      context,
      async (question, allow) =>
        await this.answers.inTurn(async () => await writeAnswer(question, allow, context, save)),
    );
    this.life = new Life(context, this.asks, {
      launch: async (words, work, again) => await this.launch(words, undefined, work, again),
      entry: async (start, command) => {
        const argv = await this.#entry(start, { command });
        return argv.ok ? argv.value : undefined;
      },
    });
    this.changes = new Changes(context, this.life.compartments);
    this.#images = new Images(context);
    this.snapshots = new Snapshots(context, this.#images);
    this.suspended = new Suspended(context, this.life.compartments, (name) => this.life.services.stopping(name));
    this.disks = new DiskSnapshots(context, this.life.compartments);
    this.#launchers = new Launchers(context, this.#images);
    this.deployments = new Deployments(context, this.life, this.changes, this.#launchers);
    this.keeper = new Keeper(context, this.#images, this.compartments, async () => await this.#launchers.dropAll());
  }

  get compartments(): Compartments {
    return this.life.compartments;
  }

  async describe(
    name: string,
  ): Answer<{ readonly found: Found<Deployment>; readonly recipe: Recipe; readonly effective: readonly Effective[] }> {
    const found = await findDeployment(name, this.context);
    if (!found.ok) return found;
    const recipe = await findRecipe(found.value.thing.recipe, this.context);
    if (!recipe.ok) return recipe;
    const effective = await effectiveFor(recipe.value.thing, found.value.thing, this.context, "as-it-is");
    if (!effective.ok) return effective;
    return success({ found: found.value, recipe: recipe.value.thing, effective: effective.value });
  }

  /** Every step of a start as lines, with nothing done. */
  async plan(words: WantedWords): Answer<{ readonly lines: readonly string[]; readonly imageBuilt: boolean }> {
    const chosen = await choose(words, this.context, true);
    if (!chosen.ok) return chosen;
    const image = await this.#images.find(chosen.value.recipe);
    if (!image.ok) return image;
    const stand: Image = image.value ?? {
      recipe: chosen.value.recipe.name,
      recipeDigest: "",
      base: "",
      layers: ["IMAGE"],
      passwd: "",
      group: "",
      built: "",
    };
    const prepared = await prepare(words, chosen.value, stand, this.context, { background: false, dry: true });
    if (!prepared.ok) return prepared;
    const { steps, plan, spec } = prepared.value;
    const start: Step = { kind: "start-wall", id: spec.id, argv: plan.argv };
    const building =
      image.value === undefined
        ? [`lock, fetch and build the image of ${chosen.value.recipe.name}; it is missing`]
        : [];
    return success({
      lines: [
        ...building,
        ...portLines(spec),
        ...publishLines(spec),
        ...[...steps, ...plan.steps, start].flatMap(describe),
        ...(plan.undo ?? []).flatMap(describe).map((line) => `after its end: ${line}`),
      ],
      imageBuilt: image.value !== undefined,
    });
  }

  async lock(name: string, update: boolean, work: Work): Answer<Lock> {
    const recipe = await this.#recipeOf(name);
    return recipe.ok ? await this.#images.lock(recipe.value, update, work) : recipe;
  }

  async build(name: string, work: Work): Answer<Image> {
    const recipe = await this.#recipeOf(name);
    if (!recipe.ok) return recipe;
    if (recipe.value.system !== undefined) return refusal({ kind: "own-system", recipe: recipe.value.name });
    const told = new Set<string>();
    const report: Work["report"] = (event) => {
      told.add(event.text);
      work.report(event);
    };
    const built = await this.#images.build(recipe.value, { ...work, report });
    const aging = built.ok ? await agingOf(built.value, this.context) : undefined;
    if (aging !== undefined && !told.has(aging)) work.report({ kind: "note", text: aging });
    if (built.ok) {
      for (const one of await deploymentNames(this.context)) this.#launchers.want(one);
      for (const text of await waitingFor(built.value.recipe, this.context)) work.report({ kind: "note", text });
    }
    return built;
  }

  /** The recipe that a name means: a deployment's, or the one of that name. */
  async #recipeOf(name: string): Answer<Recipe> {
    const deployment = await findDeployment(name, this.context);
    const recipe = await findRecipe(deployment.ok ? deployment.value.thing.recipe : name, this.context);
    return recipe.ok ? success(recipe.value.thing) : recipe;
  }

  /**
   * Prepares a start, and in the background makes it.
   *
   * @param caller - process id of who starts the wall in the foreground; undefined in the background
   * @param again - by its restart policy, not by its owner
   * @param session - process id of who asks for it; undefined where nobody does
   * @returns what starts the wall; empty where it stands already
   */
  async launch(
    words: WantedWords,
    caller: number | undefined,
    work: Work,
    again = false,
    session: number | undefined = caller,
  ): Answer<{ readonly prepared: Prepared; readonly argv: readonly string[]; readonly notes: readonly string[] }> {
    const launched = await this.#launch(words, caller, work, again, session);
    if (!launched.ok) {
      const because = explain(launched.problem).text;
      await this.context.audit.append({
        kind: "refused",
        instance: words.name === "" ? undefined : words.name,
        what: "start",
        because,
      });
    }
    return launched;
  }

  /**
   * Ends what runs in the background, and starts it as it was started. Where it could not start, it runs on.
   *
   * @param graceMs - until it is made to end
   */
  async restart(name: string, graceMs: number, work: Work): ReturnType<Agent["launch"]> {
    const standing = await this.compartments.standing(name);
    if (!standing.ok) return standing;
    const { background, passing } = standing.value.start.record;
    if (!background || passing) return refusal({ kind: "not-in-background", name });
    const words = this.life.services.wordsOf(name) ?? { ...NO_WORDS, name };
    const planned = await this.plan(words);
    if (!planned.ok) return refusal({ kind: "runs-on", name, because: planned.problem });
    const stopped = await this.life.stop(name, graceMs);
    if (!stopped.ok) return stopped;
    await this.record("stop", name, stopped.value.by);
    return await this.launch(words, undefined, work);
  }

  async #launch(
    words: WantedWords,
    caller: number | undefined,
    work: Work,
    again: boolean,
    session: number | undefined,
  ): ReturnType<Agent["launch"]> {
    const chosen = await choose(words, this.context, false);
    if (!chosen.ok) return chosen;
    const linked = await this.life.bringUpLinked(chosen.value.deployment, work);
    if (!linked.ok) return linked;
    const held = await this.#images.held(chosen.value.recipe, work);
    if (!held.ok) return held;
    try {
      const linkedNames = linked.value;
      const from = { words, caller, again, session, chosen: chosen.value, linkedNames };
      return await this.#launchFrom(held.value.image, from, work);
    } finally {
      held.value.release();
    }
  }

  /** From an image that nobody takes away meanwhile. */
  async #launchFrom(image: Image, from: LaunchFrom, work: Work): ReturnType<Agent["launch"]> {
    const { words, caller, session, chosen } = from;
    const background = caller === undefined;
    let options: LaunchOptions = { background, session, dry: false };
    let prepared: Result<Prepared, AgentProblem> = await prepare(words, chosen, image, this.context, options);
    if (!prepared.ok) return prepared;
    if (words.clone === true && !boots(chosen.deployment))
      return refusal({ kind: "no-machine", name: words.name, isolation: chosen.deployment.isolation });
    if (boots(chosen.deployment)) {
      // What would be refused is refused before anything is made for it.
      const withCard = prepared.value.spec.contributions.some(({ kind }) => kind === "card");
      const machine = await makeMachine(image, this.#images, this.context, work, withCard);
      if (!machine.ok) return machine;
      options = { ...options, machine: machine.value };
      const preparedFrom = async (files: MachineFiles) =>
        await prepare(words, chosen, image, this.context, { ...options, machine: files });
      prepared = await this.snapshots.prepared(words.clone === true, chosen, machine.value, preparedFrom);
      if (!prepared.ok) return prepared;
      const may = background && words.clone !== true && !isPassing(words);
      prepared = await this.suspended.goesOn(prepared.value, machine.value, may, preparedFrom);
      if (!prepared.ok) return prepared;
    }
    const { name } = prepared.value.spec;
    try {
      const screen = await this.life.screens.begin(prepared.value, boots(chosen.deployment), work);
      if (!screen.ok) return screen;
      if (screen.value !== undefined) {
        const { socket, way } = screen.value;
        const made = way && (await makeWay(way, this.#images, this.context, work));
        if (made?.ok === false) return made;
        options = { ...options, screen: socket, way: made?.value };
        prepared = await prepare(words, chosen, image, this.context, options);
        if (!prepared.ok) return prepared;
      }
      const launched = await this.#launchPrepared(prepared.value, screen.value, from, work);
      if (!launched.ok || !boots(chosen.deployment)) return launched;
      const on = await this.suspended.wentOn(prepared.value, work);
      return on.ok ? launched : on;
    } finally {
      this.life.screens.begun(name);
    }
  }

  /** What it needs beside it is there. */
  async #launchPrepared(
    prepared: Prepared,
    screen: Screen | undefined,
    { words, caller, again, chosen, linkedNames }: LaunchFrom,
    work: Work,
  ): ReturnType<Agent["launch"]> {
    const { spec, plan, image } = prepared;
    const background = caller === undefined;
    const record = this.#recordOf(words, chosen, prepared, { caller, screen });
    const registered = await this.compartments.register(record);
    if (!registered.ok) return registered;
    const policy = chosen.deployment.service.restart;
    await this.life.services.begins(record, { words, policy, again });
    const copies = spec.contributions.filter((entry) => entry.kind === "copy");
    const free = this.disks.free(spec.name);
    const changed = free.ok ? await this.changes.begin(spec.name, copies) : free;
    const begun = changed.ok ? await this.life.learning.begin(record, chosen, words.learn, work) : changed;
    const made = begun.ok ? await this.#make(prepared, record, background) : begun;
    if (!made.ok) {
      this.life.learning.failed(spec.id);
      await this.life.services.failed(record, again);
      await this.life.networks.ended(spec.id);
      await this.life.entrances.ended(spec);
      await this.compartments.forget(spec.id);
      return made;
    }
    const said = await noteOnce(plan.weaker, this.context);
    // What is started in the background is no concern of the start script.
    if (!record.passing && record.learning !== true && !background) this.#launchers.want(spec.name);
    return success({
      prepared: prepared,
      argv: background ? [] : plan.argv,
      notes: [
        ...linkedNames.map((name) => `${name} was started, since ${words.name} links to it`),
        ...prepared.notes,
        ...said,
        ...(boots(chosen.deployment) ? await sayOnce(machineNotes(this.context), this.context) : []),
        ...(record.passing ? [] : await agingNotes(image, spec.name, this.context)),
        ...(record.passing ? [] : await pendingNotes(spec.name, prepared.pending, this.context)),
      ],
    });
  }

  #recordOf(
    words: WantedWords,
    { deployment, recipe, at }: Chosen,
    { spec, plan, snapshot }: Prepared,
    { caller, screen }: { readonly caller: number | undefined; readonly screen: Screen | undefined },
  ): StartRecord {
    const background = caller === undefined;
    return {
      spec,
      recipe: recipe.name,
      isolation: deployment.isolation,
      cgroups: plan.cgroups,
      ...(plan.undo === undefined ? {} : { undo: plan.undo }),
      ...(plan.suspends === undefined ? {} : { suspends: plan.suspends }),
      started: new Date().toISOString(),
      background,
      caller: processOf(caller ?? process.pid),
      ready: readyOf(deployment, recipe),
      passing: isPassing(words),
      ...(words.learn === undefined ? {} : { learning: true }),
      ...(words.demanded === true ? { demanded: true } : {}),
      ...(screen === undefined ? {} : { screen: screen.instance }),
      ...(words.serves === undefined ? {} : { serves: words.serves }),
      ownAnswers: answeredForThisStart(at),
      ...(snapshot === undefined ? {} : { snapshot }),
      log: background ? `${this.context.places.state}/logs/${spec.name}.log` : undefined,
    };
  }

  async #make(
    { steps, plan, spec, effective, image, deployment, at, snapshot }: Prepared,
    record: StartRecord,
    background: boolean,
  ): Answer<void> {
    const { performer, audit } = this.context;
    // First of all, so that after a crash half-way the next agent knows of everything that has to go again.
    const written = await this.compartments.writeRecord(record);
    if (!written.ok) return written;
    for (const step of [...steps, ...plan.steps]) {
      const done = await performer.perform(step, QUIET);
      if (!done.ok) return done;
    }
    const opened = await this.life.entrances.open(record);
    if (!opened.ok) return opened;
    await this.life.networks.expect(record);
    const { id, name: instance } = spec;
    const accepted = acceptedWeaker(plan);
    if (accepted.length > 0) await audit.append({ kind: "weaker-accepted", instance, id, layers: accepted });
    // A start that could not be prepared was none, so its record comes last.
    const entered = await audit.enter({
      kind: "start",
      instance,
      id,
      command: spec.command,
      image: image.layers.at(-1) ?? "",
      grants: grantLines(effective, deployment, at),
      ...(snapshot === undefined ? {} : { snapshot }),
    });
    if (!entered.ok) return entered;
    if (!background) return success(undefined);
    const started = await performer.perform({ kind: "start-wall", id: spec.id, argv: plan.argv }, QUIET);
    return started.ok ? success(undefined) : started;
  }

  /** The command line that runs one more program in a running compartment, which is recorded. */
  async enter(name: string, wanted: EntryWanted): Answer<Argv> {
    const entered = await this.entered(name, wanted);
    return entered.ok ? success(await entered.value.record()) : entered;
  }

  /** The same in two steps, for who may not go on: nothing is recorded until it is asked for. */
  async entered(name: string, wanted: EntryWanted): Answer<{ readonly argv: Argv; record(): Promise<Argv> }> {
    const standing = await this.compartments.standing(name);
    if (!standing.ok) return standing;
    const { wall, start } = standing.value;
    // What enters is put into the frozen group, and would stand still as well.
    if (start.state === "frozen") return refusal({ kind: "is-frozen", name });
    const [program, ...rest] = wanted.command;
    const command: Argv = program === undefined ? [SHELL, ...SHELL_ARGUMENTS] : [program, ...rest];
    const entry = await this.#entry(start, { ...wanted, command });
    if (!entry.ok) return entry;
    const argv = entry.value;
    if (argv === undefined) throw new Error(`${name} stands, and has no first process`);
    return success({
      argv,
      record: async () => {
        await this.context.audit.append({ kind: "exec", instance: name, id: wall.spec.id, command });
        return argv;
      },
    });
  }

  /** What runs a command in a compartment that stands; undefined before it does. Records nothing. */
  async #entry(
    { record: { spec, cgroups, isolation }, child }: Start,
    wanted: { readonly command: Argv; readonly directory?: string; readonly terminal?: string },
  ): Promise<Result<Argv | undefined, StepProblem | CannotEnter>> {
    if (child === undefined) return success(undefined);
    const backend = BACKENDS[isolation];
    if (backend === undefined) throw new Error(`no backend for ${isolation}`);
    // In a system on disks of its own is no program of ours that would start another.
    if (backend.enter === undefined || spec.system !== undefined)
      return refusal({ kind: "cannot-enter", backend: isolation, name: spec.name });
    const entry: Entry = {
      command: wanted.command,
      // A whole system has no app with a home.
      directory: wanted.directory || (spec.guest === "system" ? "/" : await directoryNow(spec, this.context)),
      environment: environmentOf(spec, wanted.terminal || undefined),
    };
    const wall = { spec, childPid: child.pid, startTicks: child.startTicks, cgroups };
    const { steps, argv } = backend.enter(wall, entry, { ...this.context, node: process.execPath });
    const done = await performAll(steps, { performer: this.context.performer, watch: QUIET });
    return done.ok ? success(argv) : done;
  }

  /** Records an act on a compartment once it is done. */
  async record(kind: "stop" | "kill" | "freeze" | "thaw", name: string, by?: Stopped["by"]): Promise<void> {
    const start = this.compartments.newest(name);
    if (start === undefined) return;
    const act = { instance: name, id: start.record.spec.id };
    await this.context.audit.append(
      kind === "stop" ? { kind, ...act, ...(by === undefined ? {} : { by }) } : { kind, ...act },
    );
  }
}

/** bash where the image has one, else what every image has. */
const SHELL = "/bin/sh";
const SHELL_ARGUMENTS = ["-c", "if [ -x /bin/bash ]; then exec /bin/bash; else exec /bin/sh; fi"] as const;
