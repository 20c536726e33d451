/** Backends: the walls. */
import type { Backend } from "./backend.ts";
import { container } from "./container/container.ts";
import { machines } from "./vm/own-system.ts";

export * from "./backend.ts";
export { changedFilter } from "./container/first-filter.ts";
export { GATE, NAMED_NETWORK } from "./container/named-network.ts";
export { RESOLVER_ADDRESS } from "./container/resolver-address.ts";
export { CARD_DRIVERS, CARD_MODULES, type CardFault, type FoundCard, judgeCard } from "./vm/pass-through.ts";
export { resolverText } from "./vm/station-names.ts";
export * from "./vm/stations.ts";
export { planWith } from "./plan-with.ts";
export { DEFAULT_MEMORY_MIB, memoryRange } from "./vm/vm.ts";
export { belowInside } from "./vm/own-system.ts";
export { UEFI } from "./vm/system-command.ts";

/** By the word in a deployment. */
export const BACKENDS: Readonly<Record<string, Backend>> = { [container.name]: container, [machines.name]: machines };
