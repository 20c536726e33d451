/**
 * Puts the command line into few files, which Node reads in a fraction of the time: `node tools/bundle.ts FOLDER`.
 *
 * One file is what every start needs; each command, and whatever else is loaded late, is one more. They lie in a folder
 * of their own below FOLDER, and FOLDER/now is a link to it: who has just been started keeps what it was started from.
 * The start script calls this when the sources have changed, and starts from the sources where it fails. The
 * agent has a bundle too, and takes half the memory for it; so have the programs of a build that run in namespaces, and the monitors of machines. What
 * an app is handed is always started from its sources, whose places the bundles know.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { build, type Plugin } from "esbuild";
import { programVersion } from "../src/agent/version.ts";
import { ROOT } from "./program.ts";

const SOURCE = join(ROOT, "src");
const MAIN = join(SOURCE, "cli/main.ts");
/** Programs that are started by themselves (src/host/own-program.ts). */
const OTHERS = ["agent/main.ts", "host/inside.ts", "host/tree/main.ts"].map((name) => join(SOURCE, name));
/** Each is shown to a machine's wall by itself, so that it is one file that needs no other (src/backends/vm/monitor.ts). */
const MONITORS = ["main", "service", "system"].map((name) => `host/monitor/${name}`);

/** Nobody who was started from a folder looks for more of it after this time. */
const OLD_AFTER_MS = 60_000;

const outputOf = (source: string) => `${relative(SOURCE, source).slice(0, -".ts".length)}.cjs`;

/** What is loaded late becomes a bundle of its own. Adds what it has met to `late`. */
function apart(late: Set<string>): Plugin {
  return {
    name: "apart",
    setup(bundle) {
      bundle.onResolve({ filter: /^\..*\.ts$/ }, ({ kind, path, resolveDir }) => {
        if (kind !== "dynamic-import") return undefined;
        const source = join(resolveDir, path);
        late.add(source);
        const from = dirname(outputOf(entry));
        return { external: true, path: `./${relative(from, outputOf(source))}` };
      });
      // Its commands know each other by symbols of its own: there must be one of it, which the first bundle has.
      bundle.onResolve({ filter: /^@stricli\/core$/ }, ({ path }) =>
        entry === MAIN ? undefined : { path, namespace: "shared" },
      );
      bundle.onLoad({ filter: /.*/, namespace: "shared" }, () => ({
        contents: "module.exports = globalThis.skerryStricli;",
      }));
      // In one file, `import.meta.dirname` would be that file's; each module means its own folder.
      bundle.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (!path.startsWith(`${SOURCE}/`)) return undefined;
        const folder = JSON.stringify(relative(SOURCE, dirname(path)));
        const share =
          path === MAIN ? 'import * as stricli from "@stricli/core"; globalThis.skerryStricli = stricli;' : "";
        const text = readFileSync(path, "utf8").replaceAll("import.meta.dirname", `globalThis.skerrySource(${folder})`);
        return { loader: "ts", contents: share + text };
      });
    },
  };
}

/** The bundle that is being built; what is loaded late is named from where that lies. */
let entry = MAIN;

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("the folder to write to is missing");
const made = join(folder, `${Date.now()}`);
mkdirSync(made, { recursive: true });
process.once("exit", (code) => {
  if (code !== 0) rmSync(made, { recursive: true, force: true });
});
const known = new Set([MAIN, ...OTHERS]);
for (entry of known) {
  await build({
    entryPoints: [entry],
    outfile: join(made, outputOf(entry)),
    bundle: true,
    minifyWhitespace: true,
    minifySyntax: true,
    platform: "node",
    format: "cjs",
    target: "node22",
    logLevel: "error",
    define: {
      "process.env.SKERRY_BUNDLED": JSON.stringify(programVersion(ROOT)),
      "process.env.SKERRY_BUNDLES": JSON.stringify(made),
    },
    banner: {
      js: `globalThis.skerrySource??=folder=>require("node:path").join(${JSON.stringify(SOURCE)},folder);`,
    },
    // One require() instead of Node's other loader, which starts up for it. Its way of reading such a file is that what
    // the file exports is the default; so what is exported as the default becomes just that.
    supported: { "dynamic-import": false },
    footer: {
      js: "if (module.exports.default) module.exports = Object.assign(module.exports.default, module.exports);",
    },
    plugins: [apart(known)],
  });
}
await build({
  entryPoints: MONITORS.map((name) => ({ in: join(SOURCE, `${name}.ts`), out: name })),
  outdir: made,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  minifyWhitespace: true,
  minifySyntax: true,
  platform: "node",
  format: "esm",
  target: "node22",
  logLevel: "error",
});
symlinkSync(basename(made), `${made}.now`);
renameSync(`${made}.now`, join(folder, "now"));
for (const name of readdirSync(folder)) {
  const path = join(folder, name);
  if (/^\d+$/.test(name) && path !== made && Date.now() - statSync(path).mtimeMs > OLD_AFTER_MS)
    rmSync(path, { recursive: true, force: true });
}
