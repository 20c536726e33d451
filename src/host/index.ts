/**
 * Host: the one room that touches Linux.
 *
 * The command line opens some files beside this door, one at a time: to load all of them takes longer than most commands.
 */
export { whyEmulated } from "./accelerator/words.ts";
export { attachedBy } from "./channel/attached-by.ts";
export { machineMemory } from "./channel/machine-memory.ts";
export { openStream } from "./channel/open-stream.ts";
export { takeState } from "./channel/take-state.ts";
export { runInMachine } from "./channel/run-in-machine.ts";
export * from "./debian-packages.ts";
export * from "./files.ts";
export * from "./findings.ts";
export * from "./helper-care.ts";
export * from "./helper-program.ts";
export * from "./live/index.ts";
export { matchingFiles } from "./matching-files.ts";
export { type InsideNetwork, openNetwork } from "./inside-network.ts";
export { HostsFile } from "./hosts-file.ts";
export { existsInside, listensOn } from "./look-inside.ts";
export { ownBundles } from "./own-program.ts";
export { readPci } from "./pci/read-pci.ts";
export { realPerformer } from "./perform.ts";
export { type ProbeOptions, probeHost } from "./probe.ts";
export type { NamespaceBan } from "./probe-namespaces.ts";
export { probePrograms } from "./probe-programs.ts";
export * from "./probe-texts.ts";
export * from "./network-sockets.ts";
export * from "./owner-socket.ts";
export * from "./processes.ts";
export { inodeOfSocket, programWith, type SocketEnd } from "./socket-owner.ts";
export { changeTable, countRefused, listRefused } from "./refused-targets.ts";
export * from "./remove-trees.ts";
export { cleanEnvironment, describeRunProblem, runProgram } from "./run-program.ts";
export type { Act, Change, KnownTimes, MergeOrder, MergeReport } from "./changes/messages.ts";
export { screenGlobals } from "./screen-globals.ts";
export { type ServedStreams, serveStreams } from "./serve-streams.ts";
export { secretsFolder, startsWithSecrets } from "./secrets.ts";
export * from "./upper-folder.ts";
export { type OpensWatch, watchOpens } from "./watch-opens.ts";
