/**
 * Measures Skerry beside what one would use instead, and prints a table: `node bench/bench.ts [PART]... [--json]`.
 *
 * Parts: start, scale, prove, store, network, vm. Images are built first where they are missing, which fetches packages. Figures are medians,
 * and each ratio is of two medians of one run; `--rounds N` says of how many starts.
 */
import { arch, cpus, release, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { client, skerry } from "./home.ts";
import type { Figure } from "./measure.ts";
import { measureNetwork } from "./network.ts";
import { measureProve } from "./prove.ts";
import { measureScale } from "./scale.ts";
import { measureStarts } from "./start.ts";
import { measureStore } from "./store.ts";
import { measureMachines } from "./vm.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean" }, rounds: { type: "string", default: "25" } },
});
const rounds = Number(values.rounds);
const parts: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  start: async () => await measureStarts(rounds),
  scale: async () => await measureScale(200),
  prove: async () => await measureProve(rounds),
  store: async () => await measureStore(Math.max(3, Math.round(rounds / 5))),
  network: async () => await measureNetwork(rounds),
  vm: async () => await measureMachines(Math.max(1, Math.round(rounds / 5))),
};
const unknown = positionals.find((name) => !Object.hasOwn(parts, name));
if (unknown !== undefined) throw new Error(`${unknown} is no part; there are ${Object.keys(parts).join(", ")}`);

const figures: Figure[] = [];
for (const [name, measure] of Object.entries(parts)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  process.stderr.write(`measuring: ${name}\n`);
  figures.push(...(await measure()));
}
await client().shutdown();

if (values.json === true) process.stdout.write(`${JSON.stringify(figures, undefined, 1)}\n`);
else process.stdout.write(`${machine()}\n\n${table(figures)}\n`);

function machine(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const facts: { readonly programs: Readonly<Record<string, { readonly version?: string }>> } = JSON.parse(
    skerry("facts", "--json"),
  );
  const bwrap = `bubblewrap ${facts.programs["bwrap"]?.version ?? "?"}`;
  return `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpu?.model ?? arch()}, ${memory}, Linux ${release()}, Node ${process.version}, ${bwrap}, ${process.getuid?.() === 0 ? "root" : "an ordinary user"}`;
}

function table(all: readonly Figure[]): string {
  const rows = all.map(({ what, value, against, ratio, goal, reached }) => [
    what,
    value,
    against,
    ratio === undefined ? "" : ratio.toFixed(2),
    goal === "" ? "" : `${goal}: ${reached === true ? "reached" : "not reached"}`,
  ]);
  const lines = [["", "Skerry", "beside it", "ratio", "goal"], ["---", "---", "---", "---", "---"], ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
