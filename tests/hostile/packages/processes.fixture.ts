/** Which processes run for a trial: told by its home in their command lines or environment. */
import { readdirSync, readFileSync } from "node:fs";

/** Command lines of all processes that name the folder, the agent's own among them. */
export function processesOf(folder: string): readonly { readonly pid: number; readonly words: string }[] {
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
      return words.includes(folder) || environment.includes(folder) ? [{ pid, words }] : [];
    } catch {
      return [];
    }
  });
}

/** Looks again until it is so; on a machine that stands still for seconds, what comes at once comes late. */
export async function eventually(holds: () => boolean, what: string, limitMs = 60_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
