/** Becomes another program, with this process's id and streams: for what starts us and watches over us (systemd). */
export function become(
  [program, ...rest]: readonly [string, ...string[]],
  environment: Readonly<Record<string, string | undefined>>,
): never {
  // Node 22.15 has it; the oldest that we start with is newer.
  if (process.execve === undefined) throw new Error("this Node cannot become another program");
  const defined = Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return process.execve(program, [program, ...rest], Object.fromEntries(defined));
}
