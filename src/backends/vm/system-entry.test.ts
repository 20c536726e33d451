import assert from "node:assert/strict";
import { test } from "node:test";
import { systemEntry } from "./system-entry.ts";

const WANTED = { directory: "/srv", environment: { TERM: "xterm", HOME: "/home/app", A: "b c", PATH: "/own" } };

test("a program of a whole system runs as its root, with the app's variables that are not about its user", () => {
  assert.deepEqual(systemEntry({ ...WANTED, command: ["ls", "-l"] }), [
    ...["/usr/bin/env", "-i", "--chdir=/srv", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ...["HOME=/root", "USER=root", "LOGNAME=root", "TERM=xterm", "A=b c", "ls", "-l"],
  ]);
});

test("a program whose name looks like a variable is run all the same", () => {
  const words = systemEntry({ ...WANTED, command: ["/opt/a=b", "c=d"] });
  assert.deepEqual(words.slice(-5), ["/bin/sh", "-c", 'exec "$0" "$@"', "/opt/a=b", "c=d"]);
});
