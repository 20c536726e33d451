/** Remembered: what a pure function made of the same texts a moment ago. An agent reads the same files at every start. */

/** Files that an owner works with at a time, generously. Who has more deployments than that asks about all of them. */
const KEPT = 1000;

/** @param make - pure: the same texts always give an equal answer, which nobody changes */
export function remembered<Texts extends readonly string[], Value>(
  make: (...texts: Texts) => Value,
): (...texts: Texts) => Value {
  const known = new Map<string, Value>();
  return (...texts) => {
    const key = texts.join("\0");
    const found = known.get(key);
    if (found !== undefined) return found;
    const value = make(...texts);
    const oldest = known.size < KEPT ? undefined : known.keys().next().value;
    if (oldest !== undefined) known.delete(oldest);
    known.set(key, value);
    return value;
  };
}
