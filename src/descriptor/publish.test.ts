import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parseIp, placeText } from "../model/index.ts";
import { parseDeployment } from "./deployment.ts";

function read(publish: string) {
  const text = `skerry: deployment/1\nrecipe: ripgrep\npublish: ${publish}\n`;
  return parseDeployment(text, { file: "x.yaml", name: "x" }, { home: "/home/ada" });
}

function places(publish: string): readonly string[] {
  const deployment = read(publish);
  assert.ok(deployment.ok, deployment.ok ? "" : deployment.problem.complaints.map(({ message }) => message).join("\n"));
  return (deployment.value.publish ?? []).map(({ port, at }) => `${port} ${placeText(at)}`);
}

test("a port alone is the same port on 127.0.0.1, and a map says another place", () => {
  assert.deepEqual(
    places(
      '[8080, { port: 80, on: 127.0.0.1:8081 }, { port: 80, on: "[::1]:80" }, { port: 1, socket: ~/s }, { port: 7 }]',
    ),
    ["8080 127.0.0.1:8080", "80 127.0.0.1:8081", "80 [::1]:80", "1 /home/ada/s", "7 127.0.0.1:7"],
  );
  assert.deepEqual(places("[]"), []);
  assert.deepEqual(places('[{ port: 1, on: "[0:0::0:1]:2" }]'), ["1 [::1]:2"], "however it is written");
});

test("two forms of one address are one place", () => {
  assert.equal(read('[{ port: 1, on: "[::1]:2" }, { port: 1, on: "[0::1]:2" }]').ok, false);
});

test("whatever is written, what is let in is an address of loopback with a port", () => {
  const address = fc.oneof(
    fc.ipV4(),
    fc.ipV6().map((text) => `[${text}]`),
    fc.constantFrom("127.0.0.1", "[::1]", "127.255.0.9", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "localhost", ""),
    fc.string({ maxLength: 20 }),
  );
  const port = fc.oneof(fc.integer({ min: -1, max: 70_000 }).map(String), fc.string({ maxLength: 6 }));
  let accepted = 0;
  fc.assert(
    fc.property(address, port, (host, digits) => {
      const deployment = read(JSON.stringify([{ port: 80, on: `${host}:${digits}` }]));
      if (!deployment.ok) return;
      accepted += 1;
      const [one] = deployment.value.publish ?? [];
      assert.ok(one?.at.kind === "loopback");
      const ip = parseIp(one.at.address);
      assert.ok(ip !== undefined && (ip.family === 4 ? ip.bits >> 24n === 127n : ip.bits === 1n), one.at.address);
      assert.ok(one.at.port >= 1 && one.at.port <= 65_535);
    }),
    { numRuns: 2000 },
  );
  assert.ok(accepted > 0);
});
