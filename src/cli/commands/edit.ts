/** `edit`: the deployment in the owner's editor; what does not read as one is never saved. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { DescribeResponseJson, SaveDeploymentResponseJson } from "../../contract/index.ts";
import { readTextIfThere, writeWhole } from "../../host/files.ts";
import { agentOf, ask, failed } from "../ask-agent.ts";
import { defineCommand, type NoFlags } from "../command.ts";
import { EXIT } from "../exit.ts";
import { INSTANCE_NAME } from "../names.ts";
import { complain, print } from "../print.ts";

export default defineCommand<NoFlags, [string]>({
  parameters: {
    positional: INSTANCE_NAME,
  },
  description:
    "Opens $VISUAL, $EDITOR or nano. A text that is refused can be mended; the file keeps its old content until then.",
  examples: ["edit ripgrep"],
  async run(world, _flags, name) {
    const file = `${world.places.config}/deployments/${name}.yaml`;
    const before = /^[a-z][a-z0-9-]*$/.test(name) ? await readTextIfThere(file, { links: "followed" }) : undefined;
    if (before === undefined) {
      const missing = await ask<DescribeResponseJson>(world, "Describe", { name });
      return missing.ok ? EXIT.fault : missing.problem.exit;
    }
    const folder = await mkdtemp(`${tmpdir()}/skerry-edit-`);
    const copy = `${folder}/${name}.yaml`;
    try {
      await writeWhole(copy, before, 0o600);
      for (;;) {
        const editor = editorOf(world.environment);
        const ended = await world.run([editor[0], ...editor.slice(1), copy], {
          inherit: "all",
          environment: world.environment,
        });
        if (!ended.ok || ended.value.code !== 0) {
          complain(
            world,
            `the editor (${editor.join(" ")}) failed; nothing was changed. Name another one with EDITOR=`,
          );
          return EXIT.refused;
        }
        const text = (await readTextIfThere(copy)) ?? "";
        if (text === before) {
          print(world, "nothing was changed");
          return EXIT.done;
        }
        const saved = await agentOf(world).call<SaveDeploymentResponseJson>("SaveDeployment", { name, text });
        if (saved.ok) {
          print(world, `saved ${saved.value.file ?? file}`);
          for (const line of saved.value.live ?? []) print(world, line);
          return EXIT.done;
        }
        const { exit } = failed(world, { ...saved.problem, text: saved.problem.text.replaceAll(copy, file) });
        const again = await world.ask("Edit again? [Y/n] ");
        if (again === undefined || /^n/i.test(again.trim())) {
          complain(world, `nothing was saved; ${file} is as it was`);
          return exit;
        }
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});

/** The words of the variable, parted at blanks as git and others do it; no shell reads them. */
function editorOf(environment: Readonly<Record<string, string | undefined>>): readonly [string, ...string[]] {
  const [program = "nano", ...rest] = (environment["VISUAL"] || environment["EDITOR"] || "nano")
    .split(/\s+/)
    .filter((word) => word !== "");
  return [program, ...rest];
}
