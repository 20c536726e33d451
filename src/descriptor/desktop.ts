/** Desktop: the key of a recipe that puts it into menus. What a key means stands with the type, in model/desktop.ts. */
import * as z from "zod";
import type { Desktop } from "../model/index.ts";
import { quote } from "./complaint.ts";
import type { PlainData } from "./read-yaml.ts";
import { listOf, pattern, sentence, wants } from "./schema-parts.ts";

const iconName = z
  .string(wants("the name of an icon"))
  .check(pattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, (text) => `${quote(text)} is no name of an icon in a theme`));

const category = z
  .string(wants("a category such as Utility"))
  .check(pattern(/^[A-Za-z][A-Za-z0-9-]{0,49}$/, (text) => `${quote(text)} is no category of a menu`));

/** RFC 6838 4.2, without capitals. */
const mimeType = z
  .string(wants("a type such as text/plain"))
  .check(
    pattern(
      /^[a-z0-9][a-z0-9!#$&^_.+-]{0,60}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}$/,
      (text) => `${quote(text)} is no MIME type. Write one such as text/plain`,
    ),
  );

export const desktopSchema = z
  .strictObject(
    {
      name: sentence("the app's name, as the menu shows it", 100),
      icon: iconName.optional().describe("Name of an icon in the session's theme. Default: a general one"),
      categories: listOf(category, "categories", 10).optional().describe("Categories of the menu. Default: none"),
      terminal: z
        .boolean(wants("true or false"))
        .optional()
        .describe("It runs in the session's terminal, without a window of its own. Default: false"),
      "mime-types": listOf(mimeType, "MIME types", 100).optional().describe("What it opens. Default: nothing"),
    },
    wants("a map with the keys of a desktop entry"),
  )
  .meta({ title: "a desktop entry" });

export function toDesktop(file: z.output<typeof desktopSchema>): Desktop {
  return {
    name: file.name,
    icon: file.icon,
    categories: file.categories ?? [],
    mimeTypes: file["mime-types"] ?? [],
    terminal: file.terminal ?? false,
  };
}

export function desktopData({ name, icon, categories, mimeTypes, terminal }: Desktop): PlainData {
  return {
    name,
    ...(icon === undefined ? {} : { icon }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(mimeTypes.length === 0 ? {} : { "mime-types": mimeTypes }),
    ...(terminal ? { terminal } : {}),
  };
}
