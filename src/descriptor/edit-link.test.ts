import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parseDeployment } from "./deployment.ts";
import { setLinkTargets } from "./edit-link.ts";

const HEAD = "skerry: deployment/1\nrecipe: ripgrep # kept\nisolation: container\n";
const SOURCE = { file: "web.yaml", name: "web" };
const HOME = { home: "/home/ada" };

function bound(links: string, inside: string, to: string): string {
  const parsed = parseDeployment(HEAD + links, SOURCE, HOME);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const which = (link: { readonly to: string; readonly as: string | undefined }) => (link.as ?? link.to) === inside;
  const done = setLinkTargets(HEAD + links, "web.yaml", parsed.value.service.links, which, to);
  assert.ok(done.ok && done.value.startsWith(HEAD));
  const reads = parseDeployment(done.value, SOURCE, HOME);
  assert.ok(reads.ok, done.value);
  return done.value.slice(HEAD.length);
}

test("a link leads to another instance, and all else stays as it was written", () => {
  assert.equal(
    bound('links: [{ to: "db",  port: 5432, as: db.internal }] # why\n', "db.internal", "db-2"),
    "links: [{ to: db-2,  port: 5432, as: db.internal }] # why\n",
  );
  assert.equal(
    bound("links:\n  - to: db # main\n    port: 1\n    # about the name\n    as: x\n  - { to: y }\n", "x", "db-2"),
    "links:\n  - to: db-2 # main\n    port: 1\n    # about the name\n    as: x\n  - { to: y }\n",
  );
});

test("a link without a name of its own gets the one that the app knows", () => {
  assert.equal(bound("links: [{ to: db, port: 1 }]\n", "db", "db-2"), "links: [{ to: db-2, as: db, port: 1 }]\n");
  assert.equal(
    bound("links:\n  - port: 1 # first\n    to: db # main", "db", "db-2"),
    "links:\n  - port: 1 # first\n    to: db-2 # main\n    as: db",
  );
  assert.equal(bound("links: [{ to: db }]\n", "db", "db-2"), "links: [{ to: db-2 }]\n", "without a port it has none");
});

test("all ports under one name go together", () => {
  assert.equal(
    bound("links: [{ to: db, port: 1 }, { to: other }, { to: db, port: 2, as: db }]\n", "db", "db-2"),
    "links: [{ to: db-2, as: db, port: 1 }, { to: other }, { to: db-2, port: 2, as: db }]\n",
  );
});

test("whatever the links were, they read as before but for whom they lead to", () => {
  const name = fc.constantFrom("db", "db-2", "mail", "on");
  const link = fc.record({
    to: name,
    port: fc.option(fc.integer({ min: 1, max: 9 })),
    as: fc.option(name),
    flow: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(link, { minLength: 1, maxLength: 4 }), name, name, (links, inside, to) => {
      const lines = links.map(({ to: target, port, as, flow }) => {
        const parts = [`to: ${target}`, ...(port === null ? [] : [`port: ${port}`])];
        const all = [...parts, ...(as === null || port === null ? [] : [`as: ${as}`])];
        return flow ? `  - { ${all.join(", ")} }` : `  - ${all.join(" # a\n    ")}`;
      });
      const text = `${HEAD}links:\n${lines.join("\n")}\n`;
      const parsed = parseDeployment(text, SOURCE, HOME);
      fc.pre(parsed.ok);
      const before = parsed.value.service.links;
      const which = (one: (typeof before)[number]) => (one.as ?? one.to) === inside;
      const done = setLinkTargets(text, "web.yaml", before, which, to);
      assert.ok(done.ok);
      const after = parseDeployment(done.value, SOURCE, HOME);
      // Two that were apart may be one now, and that is refused where it is read.
      if (!after.ok) return;
      for (const [index, one] of after.value.service.links.entries()) {
        const was = before[index];
        assert.ok(was !== undefined);
        assert.equal(one.to, which(was) ? to : was.to);
        assert.equal(one.port, was.port);
        if (was.port !== undefined) assert.equal(one.as ?? one.to, was.as ?? was.to);
      }
    }),
  );
});
