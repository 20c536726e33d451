import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { hasChanged, programVersion } from "./version.ts";

test("whatever changes in the sources is seen, the first time and later", (t) => {
  const program = mkdtempSync(`${tmpdir()}/skerry-version-`);
  t.after(() => rmSync(program, { recursive: true }));
  let time = 1_700_000_000;
  /** Times of one tick of the clock would be alike. */
  const write = (name: string, text: string) => {
    writeFileSync(`${program}/${name}`, text);
    time += 1;
    utimesSync(`${program}/${name}`, time, time);
  };
  const aged = (name: string) => {
    time += 1;
    utimesSync(`${program}/${name}`, time, time);
  };
  mkdirSync(`${program}/src/room`, { recursive: true });
  write("package.json", `{"version": "1.2.3"}`);
  write("src/main.ts", "one");
  write("src/room/thing.ts", "one");
  const changes: readonly (() => void)[] = [
    () => write("src/room/thing.ts", "two"),
    () => write("src/main.ts", "longer"),
    () => write("package.json", `{"version": "1.2.4"}`),
    () => {
      write("src/room/other.ts", "new");
      aged("src/room");
    },
    () => {
      write("src/new.ts", "new");
      aged("src");
    },
    () => rmSync(`${program}/src/room/thing.ts`),
    () => rmSync(`${program}/src/room`, { recursive: true }),
  ];
  for (const change of changes) {
    const version = programVersion(program);
    assert.match(version, /^1\.2\.[34]\+[0-9a-f]{12}$/);
    assert.equal(hasChanged(program, version), false);
    assert.equal(hasChanged(program, version), false);
    change();
    assert.equal(hasChanged(program, version), true, String(change));
    assert.equal(hasChanged(program, version), true, String(change));
  }
  rmSync(`${program}/src`, { recursive: true });
  assert.equal(hasChanged(program, "1.2.4+000000000000"), true);
});
