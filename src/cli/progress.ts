/**
 * Progress of long work, on standard error.
 *
 * On a terminal one line with a bar and sizes that is written over; else a plain line for each piece of work; with
 * --quiet nothing at all. Answers never pass through here.
 */
import { escapeText } from "../model/index.ts";
import { cut, displayWidth, formatBytes } from "./print.ts";
import type { World } from "./world.ts";

export interface Progress {
  /** A piece of work begins; the one before it has ended. */
  begin(label: string, total?: Amount): void;
  /** So much of it is done. */
  advance(done: number): void;
  /** All is done, or given up: leaves the terminal's line clean. */
  end(): void;
}

export interface Amount {
  readonly total: number;
  readonly unit: "bytes" | "steps";
}

/** Whole milliseconds between two drawings of the bar: more often is only flicker. */
const DRAW_EVERY_MS = 80;

export function createProgress(world: World, options: { readonly quiet: boolean }, now = Date.now): Progress {
  if (options.quiet) return { begin: () => {}, advance: () => {}, end: () => {} };
  return world.terminal.error ? barProgress(world, now) : lineProgress(world);
}

function lineProgress(world: World): Progress {
  return {
    begin(label, amount) {
      const size = amount === undefined ? "" : ` (${formatAmount(amount.total, amount.unit)})`;
      world.process.stderr.write(`${escapeText(label)}${size}\n`);
    },
    advance: () => {},
    end: () => {},
  };
}

function barProgress(world: World, now: () => number): Progress {
  let label = "";
  let amount: Amount | undefined;
  let done = 0;
  let drawnAtMs = 0;
  let open = false;
  const draw = () => {
    drawnAtMs = now();
    open = true;
    world.process.stderr.write(`\r${barLine(label, done, amount, world.terminal.columns)}\u001b[K`);
  };
  const close = () => {
    if (!open) return;
    draw();
    world.process.stderr.write("\n");
    open = false;
  };
  return {
    begin(nextLabel, nextAmount) {
      close();
      [label, amount, done] = [nextLabel, nextAmount, 0];
      draw();
    },
    advance(nextDone) {
      done = nextDone;
      if (now() - drawnAtMs >= DRAW_EVERY_MS) draw();
    },
    end: close,
  };
}

const BAR_WIDTH = 24;

/** What stands on the terminal's line. */
export function barLine(label: string, done: number, amount: Amount | undefined, columns: number): string {
  const text = escapeText(label, 200);
  if (amount === undefined || amount.total <= 0) return cut(text, columns - 1);
  const part = Math.min(1, done / amount.total);
  const filled = Math.round(part * BAR_WIDTH);
  const sizes = `${formatAmount(done, amount.unit)} of ${formatAmount(amount.total, amount.unit)}`;
  const tail = ` [${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)}] ${sizes}`;
  return displayWidth(text + tail) < columns ? text + tail : cut(`${text} ${Math.floor(part * 100)} %`, columns - 1);
}

function formatAmount(value: number, unit: Amount["unit"]): string {
  return unit === "bytes" ? formatBytes(value) : String(value);
}
