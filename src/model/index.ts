/** Model: the nouns that all rooms share. Types and their invariants, no behaviour that touches a host. */
export * from "./address-class.ts";
export * from "./answer.ts";
export * from "./compartment-spec.ts";
export * from "./deployment.ts";
export * from "./desktop.ts";
export * from "./host-facts.ts";
export * from "./ip-address.ts";
export * from "./lock.ts";
export * from "./migration.ts";
export * from "./names.ts";
export * from "./network-rule.ts";
export * from "./os-base.ts";
export * from "./os-component.ts";
export * from "./places.ts";
export * from "./recipe.ts";
export * from "./service.ts";
export * from "./session-places.ts";
