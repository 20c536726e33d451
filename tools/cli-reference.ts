/** The reference of the command line, from the commands' own help. */
import { type Application, type CommandContext, generateHelpTextForAllCommands } from "@stricli/core";
import { buildApp, COMMANDS } from "../src/cli/app.ts";

const HEAD = `# Commands

Every command with what it takes, as \`skerry COMMAND --help\` prints it. Written by tools/generate.ts.

Flags stand before \`--\`; what stands behind it is the app's, whatever it looks like. What a program is to read comes
from \`--json\`: names of members do not change their meaning, and new ones may be added. Exit codes are in
[exit-codes.md](exit-codes.md); \`run\`, \`exec\`, \`shell\` and \`wait\` end with the app's own.
`;

export async function cliReference(): Promise<string> {
  // Its type asks for a context that fits every application; help is printed without any.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const app = (await buildApp(undefined, "")) as unknown as Application<CommandContext>;
  const texts = new Map(generateHelpTextForAllCommands(app));
  const names = Object.entries(COMMANDS).flatMap(([name, entry]) =>
    "load" in entry ? [name] : Object.keys(entry.commands).map((second) => `${name} ${second}`),
  );
  const parts = names.map((name) => {
    const text = texts.get(`skerry ${name}`);
    if (text === undefined) throw new Error(`no help for skerry ${name}`);
    return `## \`${name}\`\n\n\`\`\`text\n${text.trimEnd()}\n\`\`\`\n`;
  });
  return [HEAD, ...parts].join("\n");
}
