/** JSON Schemas of all formats, for editors. They are a little wider than the real checks: see schema-parts.ts. */
import * as z from "zod";
import {
  baseSchema,
  componentSchema,
  deploymentSchema,
  factsSchema,
  type Format,
  migrationSchema,
  mirrorsSchema,
  recipeSchema,
  settingsSchema,
} from "./schemas.ts";

const SCHEMAS: Readonly<Record<Format, z.ZodType>> = {
  recipe: recipeSchema,
  deployment: deploymentSchema,
  base: baseSchema,
  component: componentSchema,
  migration: migrationSchema,
  mirrors: mirrorsSchema,
  facts: factsSchema,
  settings: settingsSchema,
};

/** By format; each is the content of `schemas/FORMAT.schema.json`. */
export function jsonSchemas(): Record<string, object> {
  // By way of text: what zod returns carries more than JSON can.
  return Object.fromEntries(
    Object.entries(SCHEMAS).map(([format, schema]): readonly [string, object] => [
      format,
      JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io: "input" }))),
    ]),
  );
}
