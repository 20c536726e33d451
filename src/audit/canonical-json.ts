/**
 * Canonical JSON: one value, one text.
 *
 * Keys are sorted by UTF-16 code units, nothing is indented, keys without a value are left out. It is no general
 * serialiser: it knows just what an audit record holds, so it cannot meet a cycle or a deep tree.
 */

/** What a fact of a record can be. */
export type FactValue = string | number | boolean | readonly string[];

/** @param values - numbers must be finite; this is checked where a record is made or read */
export function canonicalJson(values: Readonly<Record<string, FactValue | undefined>>): string {
  const members: string[] = [];
  for (const key of Object.keys(values).toSorted()) {
    const value = values[key];
    if (value !== undefined) members.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
  }
  return `{${members.join(",")}}`;
}
