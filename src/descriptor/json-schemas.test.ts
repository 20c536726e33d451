import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as z from "zod";
import { jsonSchemas } from "./json-schemas.ts";
import {
  baseSchema,
  componentSchema,
  deploymentSchema,
  FORMAT_VERSIONS,
  factsSchema,
  mirrorsSchema,
  recipeSchema,
} from "./schemas.ts";

const PROGRAM = new URL("../../", import.meta.url);
const SCHEMAS = { recipeSchema, deploymentSchema, baseSchema, componentSchema, mirrorsSchema, factsSchema };

test("the JSON Schemas for editors are those of the formats", () => {
  assert.deepEqual(Object.keys(jsonSchemas()).toSorted(), Object.keys(FORMAT_VERSIONS).toSorted());
  for (const [format, schema] of Object.entries(jsonSchemas())) {
    const file = `schemas/${format}.schema.json`;
    assert.deepEqual(
      JSON.parse(readFileSync(new URL(file, PROGRAM), "utf8")),
      schema,
      `${file} is old: run npm run generate`,
    );
  }
});

test("every key of every format stands in the reference page", () => {
  const page = readFileSync(new URL("docs/reference/descriptors.md", PROGRAM), "utf8");
  const missing = Object.values(SCHEMAS)
    .flatMap((schema) => keysOf(schema))
    .filter((key) => !page.includes(`\`${key}\``));
  assert.deepEqual([...new Set(missing)], []);
});

function keysOf(schema: unknown): readonly string[] {
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape).flatMap(([key, value]) => [key, ...keysOf(value)]);
  }
  if (schema instanceof z.ZodOptional) return keysOf(schema.unwrap());
  if (schema instanceof z.ZodRecord) return keysOf(schema.valueType);
  if (schema instanceof z.ZodArray) return keysOf(schema.element);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(keysOf);
  return [];
}
