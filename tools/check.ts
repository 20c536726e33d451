/**
 * Checks everything that can be checked without running the product: `npm run check`.
 *
 * One line for each check with its time; the beginning of what a failed check said stands below its
 * line. All are run, also after a failure.
 */
import { globSync } from "node:fs";
import { installed, ROOT, runHere } from "./program.ts";

interface Check {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
}

const PROTOS = globSync("proto/**/*.proto", { cwd: ROOT });

const CHECKS: readonly Check[] = [
  { name: "format", argv: [installed("biome"), "format", "."] },
  { name: "lint", argv: [installed("oxlint"), "--type-aware", "--deny-warnings"] },
  { name: "types", argv: [installed("tsc"), "-p", "."] },
  { name: "architecture", argv: [process.execPath, "--test", "tests/architecture.test.ts"] },
  { name: "unused code", argv: [installed("knip")] },
  { name: "generated files", argv: [process.execPath, "tools/generate.ts", "--check"] },
  ...(PROTOS.length > 0 ? [{ name: "contracts", argv: [installed("buf"), "lint"] } as const] : []),
  { name: "bundles", argv: [process.execPath, "tools/bundle.ts", "dist/check"] },
  { name: "start script", argv: ["sh", "-n", "skerry"] },
];

/** Shown of a failed check. */
const MAX_LINES = 60;

let failed = 0;
for (const { name, argv } of CHECKS) {
  const start = performance.now();
  const { ok, output } = runHere(argv);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`${ok ? "ok    " : "FAILED"} ${name.padEnd(16)} ${seconds.padStart(5)} s\n`);
  if (ok) continue;
  failed++;
  const lines = output.trim().split("\n");
  for (const line of lines.slice(0, MAX_LINES)) process.stdout.write(`    ${line}\n`);
  if (lines.length > MAX_LINES) {
    const command = argv.map((word) => word.replace(`${ROOT}/`, "")).join(" ");
    process.stdout.write(`    … ${lines.length - MAX_LINES} more lines: ${command}\n`);
  }
}
process.stdout.write(failed === 0 ? "all checks passed\n" : `${failed} of ${CHECKS.length} checks failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
