/** Package changes as a table: what is new, what goes, and what has another version. */
import type { PackageChangeJson } from "../contract/index.ts";
import type { Column } from "./print.ts";

export const CHANGE_COLUMNS: readonly Column<PackageChangeJson>[] = [
  { title: "PACKAGE", cell: ({ name = "" }) => name },
  { title: "FROM", cell: ({ before = "" }) => (before === "" ? "-" : before) },
  { title: "TO", cell: ({ after = "" }) => (after === "" ? "-" : after) },
  { title: "SECURITY", cell: ({ security = false }) => (security ? "yes" : "") },
];
