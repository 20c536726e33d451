/** Overview: what `skerry` says of itself without a command, by what people want to do. */
import type { CommandTable } from "./app.ts";

const SECTIONS: Readonly<Record<string, readonly string[]>> = {
  "Begin here": ["demo", "setup", "doctor", "facts"],
  "Choose apps": ["recipes", "recipe", "deploy", "undeploy", "deployments", "describe"],
  "Say what they may": ["edit", "grant", "revoke", "apply", "bind", "asks", "answer", "pending", "learn", "tighten"],
  "Look at rights": ["explain", "prove", "graph", "plan", "audit"],
  "Run them": [
    "run",
    "start",
    "stop",
    "restart",
    "kill",
    "freeze",
    "thaw",
    "wait",
    "enable",
    "disable",
    "autostart",
    "vm",
    "disk",
  ],
  "See and enter what runs": ["ps", "net", "stats", "logs", "shell", "exec", "cp", "screenshot"],
  "Take back what they wrote": ["changes"],
  "Look after images": ["build", "lock", "images", "upgrade", "rollback", "migrate", "purge"],
  "Skerry itself": ["agent", "completions", "test", "uninstall"],
};

/** @returns lines; a command of the table that no section names comes last */
export function overviewLines(table: CommandTable): readonly string[] {
  const width = Math.max(...Object.keys(table).map((name) => name.length));
  const line = (name: string) => `  ${name.padEnd(width)}  ${table[name]?.brief ?? ""}`;
  const named = new Set(Object.values(SECTIONS).flat());
  const others = Object.keys(table).filter((name) => !named.has(name));
  const sections = [...Object.entries(SECTIONS), ...(others.length === 0 ? [] : [["More", others] as const])];
  return [
    "Skerry: every app on its own island; its owner decides what the ferries carry.",
    "Begin with `skerry demo`. Every command has --help, with an example.",
    ...sections.flatMap(([title, names]) => ["", title, ...names.map(line)]),
    "",
    "skerry --version says which one this is. All that follows -- is an app's, untouched.",
  ];
}
