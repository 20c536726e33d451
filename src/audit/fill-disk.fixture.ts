/** Fixture: appends until the disk is full, makes room, appends again, and prints what came of it. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readAudit, verifyAudit } from "./audit-files.ts";
import { AuditLog } from "./audit-log.ts";

const folder = process.argv[2] ?? "";
const ballast = join(folder, "ballast");
writeFileSync(ballast, Buffer.alloc(20 * 1024));
const opened = await AuditLog.open(folder);
if (!opened.ok) throw new Error(JSON.stringify(opened.problem));
const log = opened.value;

const append = () => log.append({ kind: "edit", instance: "probe", file: "0".repeat(500) });
let answered = 0;
let because = "";
while (because === "") {
  // Several at once, so that a part of what is written together can still fit.
  for (const answer of await Promise.all([append(), append(), append()])) {
    if (answer.ok) answered++;
    else because = answer.problem.because;
  }
}
rmSync(ballast);
for (const answer of await Promise.all([append(), append()])) if (answer.ok) answered++;
await log.close();
const whole = verifyAudit(folder);
process.stdout.write(JSON.stringify({ because, whole: whole.ok, lost: answered - [...readAudit(folder)].length }));
