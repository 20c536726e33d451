/** `skerry facts`: what was found on this host, whole or one by name. */
import { nearest } from "../../model/index.ts";
import { componentsByFact } from "../component-facts.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { complain, print, printJson, printTable } from "../print.ts";

export default defineCommand<{ readonly json: boolean }, [string?]>({
  parameters: {
    flags: { json: JSON_FLAG },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "One fact, with dots: cgroup.memory", placeholder: "name", parse: String, optional: true }],
    },
  },
  description:
    "The owner's facts.yaml, in Skerry's configuration folder, overrides some of them. The last column names the " +
    "components that are made anew when a fact changes.",
  examples: ["facts", "facts cgroup.memory", "facts --json"],
  async run(world, { json }, name) {
    const facts = await world.facts();
    if (!facts.ok) {
      complain(world, facts.problem.text);
      return EXIT.data;
    }
    // Absent facts are shown too: "none" is an answer.
    const rows = flatten("", facts.value);
    if (name === undefined) {
      if (json) printJson(world, withNulls(facts.value));
      else {
        const uses = await componentsByFact(world.places);
        const columns = [
          { title: "FACT", cell: (row: Row) => row.name },
          { title: "VALUE", cell: (row: Row) => row.value },
          { title: "COMPONENTS", cell: (row: Row) => (uses.get(row.name) ?? []).join(", ") },
        ];
        printTable(world, rows, columns, "Nothing was found.");
      }
      return EXIT.done;
    }
    const found = valueAt(facts.value, name.split("."));
    if (found === undefined) {
      const meant = nearest(
        name,
        rows.map((row) => row.name),
      );
      complain(
        world,
        `there is no fact "${name}"${meant === undefined ? "" : `; did you mean "${meant}"?`}\n  \`skerry facts\` lists all.`,
      );
      return EXIT.usage;
    }
    if (json) printJson(world, withNulls(found.value));
    else
      for (const row of flatten("", found.value))
        print(world, row.name === "" ? row.value : `${row.name}: ${row.value}`);
    return EXIT.done;
  },
});

interface Row {
  readonly name: string;
  readonly value: string;
}

function flatten(prefix: string, value: unknown): readonly Row[] {
  if (Array.isArray(value)) return [{ name: prefix, value: value.length === 0 ? "none" : value.join(", ") }];
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([name, part]) => flatten(prefix === "" ? name : `${prefix}.${name}`, part));
  }
  const words: Readonly<Record<string, string>> = { true: "yes", false: "no", undefined: "none" };
  return [{ name: prefix, value: words[String(value)] ?? String(value) }];
}

function valueAt(value: unknown, path: readonly string[]): { readonly value: unknown } | undefined {
  const [first, ...rest] = path;
  if (first === undefined) return { value };
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, first)) return undefined;
  return valueAt(Object.entries(value).find(([name]) => name === first)?.[1], rest);
}

/** JSON would leave undefined facts out; a program should see that they were looked for. */
function withNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withNulls);
  if (typeof value !== "object" || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withNulls(part)]));
}
