/**
 * Attach: one more program in a machine, with our own terminal and streams: `attach.ts PID TICKS -- COMMAND…`, where PID
 * and TICKS name the first process behind the machine's wall, and COMMAND is what the machine's control end starts.
 *
 * For whoever starts a program with a list of words, as the agent does for signs of readiness.
 */
import { attachTo } from "./attach-to.ts";

const [pid = "", startTicks = "", , ...command] = process.argv.slice(2);
process.exit(await attachTo({ pid: Number(pid), startTicks }, command));
