import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { complain, cut, displayWidth, formatBytes, paint, print, printTable, tableLines } from "./print.ts";
import { barLine, createProgress } from "./progress.ts";
import { testWorld } from "./test-world.ts";

const COLUMNS = [
  { title: "NAME", cell: (row: readonly [string, number]) => row[0] },
  { title: "SIZE", cell: (row: readonly [string, number]) => String(row[1]), right: true },
];

test("columns are aligned, numbers at the right", () => {
  assert.deepEqual(
    tableLines(
      [
        ["ripgrep", 5],
        ["日本", 1234],
      ],
      COLUMNS,
      undefined,
    ),
    ["NAME     SIZE", "ripgrep     5", "日本     1234"],
  );
});

test("a line is cut to the terminal's width, and never in a pipe", () => {
  const rows = [["x".repeat(100), 1]] as const;
  const terminal = testWorld({ terminal: { output: true, columns: 20 } });
  printTable(terminal, rows, COLUMNS, "none");
  assert.ok(terminal.printed.out.split("\n").every((line) => displayWidth(line) <= 20));
  const pipe = testWorld();
  printTable(pipe, rows, COLUMNS, "none");
  assert.ok(pipe.printed.out.includes("x".repeat(100)));
});

test("nothing to list is said beside the answer, not in it", () => {
  const world = testWorld();
  printTable(world, [], COLUMNS, "No apps run.");
  assert.deepEqual(world.printed, { out: "", err: "No apps run.\n" });
});

test("no text of whoever's can move the cursor or pass for another line of a table", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 50 }), fc.integer({ min: 1, max: 60 }), (name, width) => {
      for (const line of tableLines([[name, 1]], COLUMNS, width)) {
        assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u202e]/);
        assert.ok(displayWidth(line) <= width);
      }
    }),
  );
  const world = testWorld();
  complain(world, "bad name \u001b[2J\nand what to do");
  assert.equal(world.printed.err, "error: bad name \\x1b[2J\nand what to do\n");
  print(world, "\u202egnp.exe");
  assert.equal(world.printed.out, "\\u{202e}gnp.exe\n");
});

test("colours need a terminal, and an owner who wants them", () => {
  assert.equal(paint(testWorld({ terminal: { output: true }, colours: true }), "red", "x"), "\u001b[31mx\u001b[0m");
  assert.equal(paint(testWorld({ terminal: { output: true }, colours: false }), "red", "x"), "x");
  assert.equal(paint(testWorld({ colours: true }), "red", "x"), "x");
});

test("sizes have three digits at most", () => {
  const sizes = [0, 999, 1000, 1024, 1_048_576, 52_000_000, 343_000_000, 999_600 * 1024 * 1024];
  assert.deepEqual(sizes.map(formatBytes), [
    "0 B",
    "999 B",
    "1.0 KiB",
    "1.0 KiB",
    "1.0 MiB",
    "49.6 MiB",
    "327 MiB",
    "976 GiB",
  ]);
  assert.equal(cut("abc", 2), "a…");
});

test("progress is a bar on a terminal, lines in a pipe, and nothing with --quiet", () => {
  const work = (world: ReturnType<typeof testWorld>, quiet: boolean) => {
    let clockMs = 0;
    const progress = createProgress(world, { quiet }, () => (clockMs += 100));
    progress.begin("fetching packages", { total: 2048, unit: "bytes" });
    progress.advance(1024);
    progress.end();
    return world.printed;
  };
  assert.deepEqual(work(testWorld(), false), { out: "", err: "fetching packages (2.0 KiB)\n" });
  assert.deepEqual(work(testWorld({ terminal: { error: true } }), true), { out: "", err: "" });
  assert.match(
    work(testWorld({ terminal: { error: true } }), false).err,
    /\r.*\[#{12}-{12}\] 1\.0 KiB of 2\.0 KiB.*\n$/,
  );
});

test("a bar fits the terminal, however narrow", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 10, max: 200 }),
      (label, done, total, columns) => {
        assert.ok(displayWidth(barLine(label, done, { total, unit: "bytes" }, columns)) < columns);
      },
    ),
  );
});
