/** Broker: what answers an app at run time. Pure: it reads, decides and counts; others listen and connect. */
export * from "./allowance.ts";
export * from "./client-hello.ts";
export * from "./decide.ts";
export * from "./dns-message.ts";
export * from "./dns-stream.ts";
export * from "./name-addresses.ts";
