import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { NEVER_RESTARTED, NO_SERVICE, type Service } from "../model/index.ts";
import { whose } from "./marked.ts";
import { agentUnit, instanceUnit, type UnitWanted } from "./unit.ts";

const WANTED: UnitWanted = { program: "/opt/skerry/skerry", environment: {}, system: false, version: 252 };

const body = (text: string) => text.slice(text.indexOf("\n") + 1);

test("a unit of a user's instance, word for word", () => {
  const service: Service = {
    ...NO_SERVICE,
    restart: { when: "on-failure", delayMs: 1000, longestDelayMs: 60_000, most: { ends: 5, withinMs: 600_000 } },
    links: [{ to: "db", port: undefined, as: undefined }],
  };
  const text = instanceUnit("web", service, WANTED);
  assert.equal(whose(text), "ours");
  assert.equal(
    body(text),
    `[Unit]
Description=web, in a compartment of Skerry
Wants=skerry-agent.service skerry-db.service
After=skerry-agent.service skerry-db.service
StartLimitIntervalSec=600000ms
StartLimitBurst=6

[Service]
Type=exec
ExecStart="/opt/skerry/skerry" "run" "--quiet" "--unit" "web"
ExecStartPost="/opt/skerry/skerry" "wait" "--unit" "web"
TimeoutStartSec=infinity
TimeoutStopSec=30s
KillMode=mixed
Restart=on-failure
RestartSec=1000ms
RestartPreventExitStatus=213
SuccessExitStatus=213

[Install]
WantedBy=default.target
`,
  );
});

test("root's units belong to the system, and a newer systemd doubles the delay itself", () => {
  const service: Service = { ...NO_SERVICE, restart: { ...NEVER_RESTARTED, when: "always" } };
  const text = instanceUnit("web", service, { ...WANTED, system: true, version: 257 });
  assert.match(text, /^WantedBy=multi-user\.target$/m);
  assert.match(text, /^After=.*network-online\.target$/m);
  assert.match(text, /^RestartSteps=6\nRestartMaxDelaySec=60000ms$/m);
  assert.match(instanceUnit("web", NO_SERVICE, WANTED), /^Restart=no$/m);
});

/** What systemd makes of a line of words: quotes, escapes, specifiers, variables (systemd.service(5)). */
function wordsOf(line: string): readonly string[] {
  const words: Buffer[] = [];
  let [at, first] = [0, true];
  while (at < line.length) {
    assert.equal(line[at], '"');
    at++;
    const bytes: number[] = [];
    for (; line[at] !== '"'; at++) {
      const char = line[at] ?? "";
      assert.notEqual(char, "");
      if (char === "\\" && line[at + 1] === "x") {
        bytes.push(Number.parseInt(line.slice(at + 2, at + 4), 16));
        at += 3;
      } else if (char === "\\") bytes.push(line.charCodeAt(++at));
      else if (char === "%" || (char === "$" && !first)) {
        assert.equal(line[++at], char, "a specifier or variable");
        bytes.push(char.charCodeAt(0));
      } else bytes.push(char.charCodeAt(0));
    }
    words.push(Buffer.from(bytes));
    first = false;
    at += 2;
  }
  return words.map((word) => word.toString("utf8"));
}

test("whatever the path of the program is, it stays one word, and the word stays what it is", () => {
  const path = fc
    .oneof(fc.string({ unit: "binary" }), fc.string({ unit: fc.constantFrom(..." $%\"'\\\n;{}-ab") }))
    .map((text) => `/${text.replaceAll("\0", "")}`);
  fc.assert(
    fc.property(path, path, (program, home) => {
      const text = agentUnit({ ...WANTED, program, environment: { SKERRY_HOME: home } });
      const lines = text.split("\n");
      assert.equal(lines.length, body(agentUnit(WANTED)).split("\n").length + 2);
      const start = lines.find((line) => line.startsWith("ExecStart="))?.slice("ExecStart=".length) ?? "";
      const words = wordsOf(start);
      assert.deepEqual(words[0] === "/bin/sh" ? words.slice(1) : words, [program, "agent"]);
    }),
  );
});
