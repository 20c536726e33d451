/** Fixture: appends without end and prints the number of every answered record. A test kills it. */
import { AuditLog } from "./audit-log.ts";

const opened = await AuditLog.open(process.argv[2] ?? "", { maxFileBytes: 16 * 1024 });
if (!opened.ok) throw new Error(JSON.stringify(opened.problem));
process.stdout.write("ready\n");
for (let count = 0; ; count++) {
  const command = ["/usr/bin/rg", "x".repeat(count % 400)];
  const batch = Array.from({ length: 1 + (count % 5) }, () =>
    opened.value.append({ kind: "exec", instance: "probe", id: "probe.00000000", command }),
  );
  for (const answer of await Promise.all(batch)) {
    if (!answer.ok) throw new Error(answer.problem.because);
    process.stdout.write(`${answer.value.seq} ${answer.value.hash}\n`);
  }
}
