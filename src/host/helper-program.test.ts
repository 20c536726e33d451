import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import test from "node:test";
import { helperPath } from "../model/index.ts";
import { buildHelper, helperState } from "./helper-program.ts";
import { runProgram } from "./run-program.ts";

async function withProgram(check: (program: string) => Promise<void>): Promise<void> {
  const program = await mkdtemp(`${tmpdir()}/skerry-helper-test-`);
  try {
    await mkdir(`${program}/helper`);
    await check(program);
  } finally {
    await rm(program, { recursive: true, force: true });
  }
}

const MAIN = "int answer(void);\nint main(void) { return answer(); }\n";

test("a folder without sources has nothing to build", async () => {
  await withProgram(async (program) => assert.deepEqual(await helperState(program), { kind: "no-sources" }));
});

test("the helper is built from all sources, counts as built, and is old when one changes", async (context) => {
  if (!(await runProgram(["cc", "--version"])).ok) return context.skip("no C compiler is installed");
  await withProgram(async (program) => {
    await writeFile(`${program}/helper/main.c`, MAIN);
    await writeFile(`${program}/helper/answer.c`, "int answer(void) { return 42; }\n");
    assert.equal((await helperState(program)).kind, "stale");
    assert.deepEqual(await buildHelper(program, "cc"), { ok: true, value: helperPath(program) });
    assert.deepEqual(await helperState(program), { kind: "built", path: helperPath(program) });
    const end = await runProgram([helperPath(program)]);
    assert.equal(end.ok && end.value.code, 42);
    await writeFile(`${program}/helper/answer.c`, "int answer(void) { return 43; }\n");
    assert.equal((await helperState(program)).kind, "stale");
  });
});

test("sources with a mistake leave nothing half-built, and the compiler's words are kept", async (context) => {
  if (!(await runProgram(["cc", "--version"])).ok) return context.skip("no C compiler is installed");
  await withProgram(async (program) => {
    await writeFile(`${program}/helper/main.c`, MAIN);
    const built = await buildHelper(program, "cc");
    assert.match(built.ok ? "" : built.problem.detail, /answer/);
    assert.deepEqual(await readdir(`${program}/helper/build`), []);
  });
});
