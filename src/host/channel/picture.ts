/**
 * Picture: prints what the screen of a machine shows: `picture.ts PID TICKS`, where they name the first process behind the
 * machine's wall. A program of its own, as the one that takes pictures of other screens is one in their compartment.
 *
 * What comes is a stranger's: whoever keeps it looks at what it is and how large (host/keep-picture.ts).
 */
import { connectInside } from "./open-stream.ts";

const [pid = "", startTicks = ""] = process.argv.slice(2);
const opened = await connectInside({ pid: Number(pid), startTicks }, "picture");
if (opened.ok) {
  let any = false;
  opened.value.on("data", () => (any = true)).on("error", () => {});
  opened.value.pipe(process.stdout);
  opened.value.once("close", () => {
    if (!any) fail("the machine has drawn none");
  });
} else fail(opened.problem.because);

function fail(because: string): void {
  process.stderr.write(`${because}\n`);
  process.exitCode = 1;
}
