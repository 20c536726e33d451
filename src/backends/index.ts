/** Backends: the walls. */
import type { Backend } from "./backend.ts";
import { vm } from "./vm/vm.ts";
import { container } from "./container/container.ts";

export * from "./backend.ts";
export { changedFilter } from "./container/first-filter.ts";
export { GATE, NAMED_NETWORK } from "./container/named-network.ts";
export { RESOLVER_ADDRESS } from "./container/resolver-address.ts";
export * from "./vm/stations.ts";
export { planWith } from "./plan-with.ts";

/** By the word in a deployment. */
export const BACKENDS: Readonly<Record<string, Backend>> = { [container.name]: container, [vm.name]: vm };
