/** Audit: append-only, hash-chained records of what was done, and of what was refused. */
export { AuditLog, type AuditLogOptions, type AuditUnwritable } from "./audit-log.ts";
export { type AuditFilter, auditHead, followAudit, readAudit, verifyAudit } from "./audit-files.ts";
export type { AuditEvent, AuditKind } from "./event.ts";
export { kindsIn } from "./groups.ts";
export { type AuditHead, type AuditRecord, parseHead } from "./record.ts";
export { type AuditBroken, type AuditVerified, describeBroken } from "./verify.ts";
export type { AuditClaimed } from "./writer-claim.ts";
