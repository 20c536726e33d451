/** `test`: Skerry's own tests, with real builds and real compartments. */
import { resolve } from "node:path";
import { parseAge } from "../amounts.ts";
import { defineCommand } from "../command.ts";
import { EXIT } from "../exit.ts";
import { setUp } from "./setup.ts";

interface Flags {
  readonly fast: boolean;
  readonly slow: boolean;
  readonly noSkips: boolean;
  readonly within: number | undefined;
  readonly ranWhole: string | undefined;
  readonly except: readonly string[] | undefined;
}

export default defineCommand<Flags, string[]>({
  parameters: {
    flags: {
      fast: { kind: "boolean", brief: "Only what takes less than two minutes.", default: false },
      slow: { kind: "boolean", brief: "Also what takes long.", default: false },
      noSkips: { kind: "boolean", brief: "A test that was skipped and could have run is a failure.", default: false },
      within: {
        kind: "parsed",
        parse: parseAge,
        brief: "What is not finished after that time is ended, and counts as failed.",
        placeholder: "TIME",
        optional: true,
      },
      ranWhole: {
        kind: "parsed",
        parse: String,
        brief: "The names of the files in which nothing failed or was skipped are written there.",
        placeholder: "FILE",
        optional: true,
      },
      except: {
        kind: "parsed",
        parse: String,
        brief: "No files with this in their path.",
        placeholder: "PART",
        variadic: true,
        optional: true,
      },
    },
    positional: {
      kind: "array",
      parameter: { parse: String, brief: "Only files with this in their path.", placeholder: "PART" },
    },
  },
  examples: ["test", "test --fast", "test journeys"],
  async run(world, flags, ...parts) {
    const words = [
      flags.fast ? "--fast" : "",
      flags.slow ? "--slow" : "",
      flags.noSkips ? "--no-skips" : "",
      flags.within === undefined ? "" : `--within=${flags.within / 1000}`,
      flags.ranWhole === undefined ? "" : `--ran-whole=${resolve(flags.ranWhole)}`,
      ...(flags.except ?? []).map((part) => `--except=${part}`),
      ...parts,
    ].filter((word) => word !== "");
    const ready = await setUp(world, true, true);
    if (ready !== EXIT.done) return ready;
    const ended = await world.run([process.execPath, `${world.places.program}/tools/test.ts`, ...words], {
      inherit: "all",
      environment: world.environment,
      directory: world.places.program,
    });
    return ended.ok ? ended.value.code : EXIT.fault;
  },
});
