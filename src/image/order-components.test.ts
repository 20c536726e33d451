import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { COMPONENT_PLACES, type OsComponent } from "../model/index.ts";
import { orderComponents } from "./order-components.ts";

function component(name: string, parts: Partial<OsComponent> = {}): OsComponent {
  const nothing = { summary: "", needs: [], facts: [], packages: [], when: [], generatesLocale: false } as const;
  return { name, ...nothing, place: "middle", ...parts };
}

function names(components: readonly OsComponent[]): readonly string[] | string {
  const ordered = orderComponents(components, "b");
  return ordered.ok ? ordered.value.map(({ name }) => name) : ordered.problem.kind;
}

/** Up to eight components, of which each needs only earlier ones. */
const catalogue = fc
  .array(fc.tuple(fc.constantFrom(...COMPONENT_PLACES), fc.infiniteStream(fc.boolean())), { maxLength: 8 })
  .map((made) =>
    made.map(([place, choices], index) => {
      const needs = made.slice(0, index).flatMap((_, other) => (choices.next().value === true ? [`c${other}`] : []));
      return component(`c${index}`, { place, needs });
    }),
  );

test("what is needed lies below, then large things, then names decide", () => {
  const fonts = component("fonts", { place: "bottom" });
  const gtk = component("gtk", { place: "bottom", needs: ["fonts"] });
  const [audio, gl] = [component("audio"), component("gl", { place: "top" })];
  assert.deepEqual(names([gl, audio, gtk, fonts]), ["fonts", "gtk", "audio", "gl"]);
  assert.deepEqual(names([audio, component("x", { place: "bottom", needs: ["audio"] })]), ["audio", "x"]);
});

test("components that need each other have no order", () => {
  assert.equal(names([component("a", { needs: ["b"] }), component("b", { needs: ["a"] })]), "component-circle");
  assert.equal(names([component("a", { needs: ["b"] })]), "component-circle", "nor has one without what it needs");
});

test("every order keeps what is needed below, whatever the order in which components are named", () => {
  fc.assert(
    fc.property(catalogue, fc.nat(), (components, seed) => {
      const mixed = components.toSorted((left, right) => (left.name + seed < right.name + seed ? 1 : -1));
      const ordered = names(mixed);
      assert.deepEqual(ordered, names(components));
      for (const { name, needs } of components)
        for (const need of needs) assert.ok(ordered.indexOf(need) < ordered.indexOf(name));
    }),
  );
});

test("two components lie in the same order in every app, so that stacks share what they can", () => {
  fc.assert(
    fc.property(catalogue, fc.infiniteStream(fc.boolean()), (components, choices) => {
      const chosen = new Set<string>();
      // From the last, so that what a chosen one needs comes in as well.
      for (const { name, needs } of components.toReversed())
        if (choices.next().value === true || chosen.has(name)) for (const each of [name, ...needs]) chosen.add(each);
      const all = names(components);
      assert.ok(typeof all !== "string");
      assert.deepEqual(
        names(components.filter(({ name }) => chosen.has(name))),
        all.filter((name) => chosen.has(name)),
      );
    }),
  );
});
