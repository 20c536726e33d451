import assert from "node:assert/strict";
import { test } from "node:test";
import { joinDisplay } from "./join-display.ts";

const OWN = ["/home/owner/.config/skerry", "/run/user/1000/skerry"];

test("a virtual screen asks nothing of the session", () => {
  const joined = joinDisplay("display", "fake", "app", { socket: undefined, inPart: false }, undefined, OWN);
  assert.ok(joined.ok);
  assert.deepEqual(joined.value.contributions, [
    { kind: "display", request: "display", screen: "virtual" },
    { kind: "variable", name: "WAYLAND_DISPLAY", value: "wayland-0" },
  ]);
});

test("the session's screen is refused where there is none, and where its socket is one of Skerry's own", () => {
  const joined = (socket: string | undefined) =>
    joinDisplay("display", "real", "app", { socket, inPart: false }, undefined, OWN);
  for (const [socket, because] of [
    [undefined, "absent"],
    ["/run/user/1000/skerry/agent.sock", "skerrys"],
  ] as const) {
    const refused = joined(socket);
    assert.ok(!refused.ok && refused.problem.kind === "display-not-there");
    assert.equal(refused.problem.because, because);
  }
  const given = joined("/run/user/1000/wayland-1");
  assert.ok(given.ok && given.value.warnings.length === 1);
});

test("windows of its own are refused where the session's screen cannot keep them apart, and nothing less is given", () => {
  const socket = "/run/user/1000/wayland-1";
  const refused = joinDisplay("display", "subset", "app", { socket, inPart: false }, undefined, OWN);
  assert.ok(!refused.ok && refused.problem.kind === "display-not-there" && refused.problem.because === "whole");
  const given = joinDisplay("display", "subset", "app", { socket, inPart: true }, undefined, OWN);
  assert.ok(given.ok && given.value.warnings.length === 0);
  assert.deepEqual(given.value.contributions[0], { kind: "display", request: "display", screen: "part" });
});

test("windows on another instance's screen ask nothing of the session", () => {
  const joined = joinDisplay("display", "subset", "app", undefined, "gui", OWN);
  assert.ok(joined.ok);
  const [first] = joined.value.contributions;
  assert.deepEqual(first, { kind: "display", request: "display", screen: "part", through: "gui" });
});
