/** Session: what Skerry writes for systemd and for menus. Values in, texts out. */
export * from "./desktop-entry.ts";
export * from "./marked.ts";
export * from "./unit.ts";
