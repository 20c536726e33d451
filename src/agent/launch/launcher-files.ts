/** Launcher files: what a launcher looks at before it is believed, beside the image and the definitions. Decides nothing. */
import { existsSync } from "node:fs";
import { type Deployment, escapeText } from "../../model/index.ts";
import type { AgentContext } from "../context.ts";
import { helperFiles, sourceFiles } from "../version.ts";

/** Characters of a note for the owner. */
const NOTE_LIMIT = 20_000;

/** What facts are read from that the host's owner changes at any time. */
export function systemFiles() {
  const files = ["localtime", "timezone", "locale.conf", "default/locale", "subuid", "subgid"].map(
    (name) => `/etc/${name}`,
  );
  return { present: files.filter((file) => existsSync(file)), absent: files.filter((file) => !existsSync(file)) };
}

/** Skerry itself, and the programs that a start runs. */
export function programFiles({ places, facts }: AgentContext): readonly string[] {
  const programs = ["bwrap", "flock"].flatMap((name) => facts.programs[name]?.path ?? []);
  const own = ["package.json", "skerry", ...helperFiles(places.program), ...sourceFiles(places.program)];
  return [...programs, ...own.map((file) => `${places.program}/${file}`)];
}

/** Granted folders as their owner wrote them: any of them may be a link, today or tomorrow. */
export function grantedAs({ answers }: Deployment): readonly string[] {
  return Object.values(answers).flatMap(({ answer, folder }) => (answer === "deny" ? [] : (folder ?? [])));
}

/** As the command line prints it. */
export function linesOf(note: string): readonly string[] {
  return note.split("\n").map((line) => escapeText(line, NOTE_LIMIT));
}
