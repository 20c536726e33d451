/** `recipe new`: writes a recipe to begin with. */
import { writeRecipe } from "../../descriptor/index.ts";
import { readTextIfThere, writeWhole } from "../../host/files.ts";
import { NAME_PATTERN } from "../../model/index.ts";
import { defineCommand } from "../command.ts";
import { EXIT } from "../exit.ts";
import { complain, print } from "../print.ts";

export default defineCommand<{ readonly package?: readonly string[] }, [string]>({
  parameters: {
    flags: {
      package: {
        kind: "parsed",
        parse: String,
        brief: "A package; the name itself without it.",
        placeholder: "PACKAGE",
        variadic: true,
        optional: true,
      },
    },
    positional: { kind: "tuple", parameters: [{ parse: String, brief: "Name of the recipe.", placeholder: "NAME" }] },
  },
  examples: ["recipe new jq", "recipe new notes --package vim --package git"],
  async run(world, flags, name) {
    if (!NAME_PATTERN.test(name)) {
      complain(
        world,
        `"${name}" cannot be a recipe's name: a letter, then letters, digits and -, at most 40, all in lower case`,
      );
      return EXIT.usage;
    }
    const file = `${world.places.config}/recipes/${name}.yaml`;
    if ((await readTextIfThere(file)) !== undefined) {
      complain(world, `${file} is there already; edit it, or choose another name`);
      return EXIT.refused;
    }
    const text = writeRecipe({
      name,
      summary: `What ${name} is, in one line`,
      base: undefined,
      components: [],
      packages: flags.package ?? [name],
      repositories: [],
      programs: { [name]: { command: [`/usr/bin/${name}`], arguments: "any" } },
      requests: {},
      volumes: {},
      ownSandbox: false,
      ready: undefined,
      desktop: undefined,
    });
    await writeWhole(file, text, 0o600);
    print(world, `wrote ${file}\nedit it, then: skerry recipe check ${name}`);
    return EXIT.done;
  },
});
