/**
 * Screens: what stands between an app and what it is shown on, a compartment of its own from a recipe of the catalogue: a
 * virtual screen, or a way to the screen of the session, which lets through an app's windows. It is up before the app is
 * started, and ended with it.
 *
 * Its recipe says all that is to be known of it: the file by which it is ready is its socket, in a volume of its own; its
 * program `picture` prints a picture of what is shown; for an app in a machine its program `way` runs in there.
 *
 * Invariants
 * - Each start has a screen of its own: no app ever sees what another one shows.
 * - Which screen an app has stands in the record of its start, so an agent that comes later ends it as well.
 */
import type { ScreenSocket } from "../../backends/index.ts";
import { volumePath } from "../../compartment/index.ts";
import { realOrSelf } from "../../host/index.ts";
import type { Image } from "../../image/index.ts";
import { isWithin, type Recipe, type ShownScreen } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Argv } from "../../step/index.ts";
import { findRecipe } from "../catalogue.ts";
import type { Compartments } from "../compartments.ts";
import type { AgentContext, Work } from "../context.ts";
import type { AgentProblem } from "../explain.ts";
import { Seats } from "./seats.ts";
import type { Prepared } from "../launch/launch.ts";
import { NO_WORDS, type WantedWords } from "../launch/wanted.ts";
import type { Start } from "../start-record.ts";

/** For apps in containers, and for those in machines, which have further to go. */
const VIRTUAL = { near: "virtual-screen", far: "far-screen" } as const;

const OF_SESSION = "session-screen";

type Answer<Value> = Promise<Result<Value, AgentProblem>>;

export interface Screen {
  /** Of the screen itself. */
  readonly instance: string;
  readonly socket: ScreenSocket;
  /** For an app in a machine: the same image is in there, and this program of it leads to the socket. */
  readonly way: { readonly image: Image; readonly command: Argv } | undefined;
}

/** What is to be started for an app. */
interface Wish {
  readonly recipe: string;
  readonly words: readonly string[];
  /** Socket of the session's screen, where the way leads there. */
  readonly shows?: string;
}

interface Acts {
  /** Starts in the background. */
  readonly launch: (words: WantedWords, work: Work) => Answer<{ readonly name: string; readonly image: Image }>;
  readonly ready: (name: string, work: Work) => Answer<Start>;
  /** What runs a command in a compartment that stands. */
  readonly entry: (start: Start, command: Argv) => Promise<Argv | undefined>;
}

export class Screens {
  readonly #context: AgentContext;
  readonly #compartments: Compartments;
  readonly #acts: Acts;
  readonly #seats: Seats;
  /** Apps that are just being started: nobody has written down yet which screen is theirs. */
  readonly #beginning = new Set<string>();

  constructor(context: AgentContext, compartments: Compartments, acts: Acts) {
    this.#context = context;
    this.#compartments = compartments;
    this.#acts = acts;
    this.#seats = new Seats(context, compartments, acts.entry);
  }

  /** Before an app is started. @returns its screen; undefined where it is granted none, or one that is there as it is */
  async begin(
    { spec: { name, contributions, system }, ownScreen }: Pick<Prepared, "spec" | "ownScreen">,
    inMachine: boolean,
    work: Work,
  ): Answer<Screen | undefined> {
    // Its screen is a part of its machine.
    if (system !== undefined) return success(undefined);
    const shown = contributions.find((one) => one.kind === "display");
    if (shown === undefined || (shown.screen === "own" && !inMachine)) return success(undefined);
    await this.#compartments.look();
    const other = this.#compartments.running(name);
    if (other !== undefined) return refusal({ kind: "runs-already", name, since: other.record.started });
    this.#beginning.add(name);
    const { through } = shown;
    const seat = through === undefined ? success(undefined) : await this.#seats.open(name, through);
    if (!seat.ok) return seat;
    const led = seat.value !== undefined;
    const wish = wishFor(name, led ? "led" : shown.screen, inMachine, seat.value ?? ownScreen);
    const screen = await this.#bringUp(name, wish, inMachine, work);
    if (screen.ok) return screen;
    this.#seats.close(name);
    return refusal({ kind: "screen-fails", name, because: screen.problem });
  }

  async #bringUp(name: string, { recipe, words, shows }: Wish, inMachine: boolean, work: Work): Answer<Screen> {
    const found = await findRecipe(recipe, this.#context);
    if (!found.ok) return found;
    const socket = socketOf(found.value.thing);
    if (socket === undefined) return refusal({ kind: "screen-unfit", recipe, lacks: "socket" });
    const way = found.value.thing.programs["way"];
    if (inMachine && way === undefined) return refusal({ kind: "screen-unfit", recipe, lacks: "way" });
    work.report({ kind: "phase", text: `starting a screen for ${name}` });
    const asked = { ...NO_WORDS, name: recipe, remove: true, serves: name, arguments: words };
    const launched = await this.#acts.launch(shows === undefined ? asked : { ...asked, shows }, work);
    if (!launched.ok) return launched;
    const { name: instance, image } = launched.value;
    const ready = await this.#acts.ready(instance, work);
    if (!ready.ok) return ready;
    const folder = realOrSelf(volumePath(this.#context.places, instance, socket.volume));
    return success({
      instance,
      socket: { folder, name: socket.name },
      way: inMachine && way !== undefined ? { image, command: way.command } : undefined,
    });
  }

  /** The app's start is written down, or has come to nothing. */
  begun(name: string): void {
    if (this.#beginning.delete(name)) this.sweep();
  }

  /** Takes over what an earlier agent left: windows that are led elsewhere are opened anew, and what nobody needs is ended. */
  async adopt(): Promise<void> {
    this.sweep();
    for (const { record, state } of this.#compartments.all()) {
      const shown = record.spec.contributions.find((one) => one.kind === "display");
      if (shown?.through === undefined || (state !== "running" && state !== "frozen")) continue;
      const seat = await this.#seats.open(record.spec.name, shown.through);
      if (!seat.ok) process.stderr.write(`${record.spec.name} opens no windows on ${shown.through} any more\n`);
    }
  }

  /** Ends screens whose app has ended. */
  sweep(): void {
    const running = this.#compartments.all().filter(({ state }) => state === "running" || state === "frozen");
    const used = new Set(running.map(({ record }) => record.screen));
    for (const { record } of running) {
      const { serves, spec } = record;
      if (serves === undefined || used.has(spec.name) || this.#beginning.has(serves)) continue;
      this.#seats.close(serves);
      void this.#compartments.kill(spec.name).catch((error: unknown) => {
        process.stderr.write(`${spec.name} cannot be ended: ${String(error)}\n`);
      });
    }
  }

  /** What takes a picture of the screen of a running instance. @returns the screen's instance, and the program in it */
  async picture(name: string): Answer<{ readonly screen: string; readonly command: Argv }> {
    const standing = await this.#compartments.standing(name);
    if (!standing.ok) return standing;
    const { screen: own = "", recipe: itself, spec } = standing.value.start.record;
    const shown = spec.contributions.find((one) => one.kind === "display");
    // Who provides a screen has it itself, and who is led to it is seen there.
    const provides = await findRecipe(itself, this.#context);
    const isProvider = provides.ok && provides.value.thing.provides?.includes("display") === true;
    const screen = isProvider ? name : (shown?.through ?? own);
    const recipe = this.#compartments.running(screen)?.record.recipe;
    if (recipe === undefined || shown?.screen === "own" || (shown?.screen === "part" && shown.through === undefined))
      return refusal({ kind: "no-screen", name });
    const found = await findRecipe(recipe, this.#context);
    if (!found.ok) return found;
    const program = found.value.thing.programs["picture"];
    if (program === undefined) return refusal({ kind: "screen-unfit", recipe, lacks: "picture" });
    return success({ screen, command: program.command });
  }
}

/** Windows that others read have the app's name, by the word of who reads them. */
function wishFor(name: string, screen: ShownScreen | "led", inMachine: boolean, shows: string | undefined): Wish {
  const side = inMachine ? "far" : "near";
  if (screen === "virtual") return { recipe: VIRTUAL[side], words: inMachine ? [name] : [] };
  if (shows === undefined) throw new Error(`nobody has looked for the screen of ${name}`);
  return { recipe: OF_SESSION, words: [side, screen === "own" ? "whole" : screen, name], shows };
}

/** In which of its volumes its socket is, and under which name. */
function socketOf({ ready, volumes }: Recipe): { readonly volume: string; readonly name: string } | undefined {
  const path = ready?.sign.kind === "file" ? ready.sign.path : "";
  for (const [volume, { inside, class: lives }] of Object.entries(volumes)) {
    const name = path.slice(inside.length + 1);
    if (lives !== "temp" && isWithin(path, inside) && name !== "" && !name.includes("/")) return { volume, name };
  }
  return undefined;
}
