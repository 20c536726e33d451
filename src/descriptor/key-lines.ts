/** Key lines: where the keys of a text stand, for those who have to name the line that decided something. */
import { lineAndColumn } from "./complaint.ts";
import { type DataPath, nodeAt, offsetOf, readYaml } from "./read-yaml.ts";

/**
 * @returns for a path of keys and indexes the line where its last one stands, from 1; undefined where there is none. Of a
 * text that cannot be read no line is known
 */
export function keyLines(text: string, file: string): (path: DataPath) => number | undefined {
  const yaml = readYaml(text, file);
  if (!yaml.ok) return () => undefined;
  const { document } = yaml.value;
  return (path) =>
    nodeAt(document, path) === undefined ? undefined : lineAndColumn(text, offsetOf(document, path, "key")).line;
}
