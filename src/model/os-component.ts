/**
 * OS component: a layer between an OS base and an app, as data (os-bases/BASE/components/NAME.yaml), shared by all
 * apps that name it.
 *
 * Invariant: what a component is made of depends on the base, on itself, and on the facts that it declares. No other
 * fact of a host enters its layer or its key.
 */

/** Facts that a component may declare. A fact is added here, in descriptor/, and in image/component-facts.ts. */
export const COMPONENT_FACTS = ["gpus", "locale"] as const;

export type ComponentFact = (typeof COMPONENT_FACTS)[number];

/** Where a component lies in the stack when dependencies leave the choice. */
export const COMPONENT_PLACES = ["bottom", "middle", "top"] as const;

export type ComponentPlace = (typeof COMPONENT_PLACES)[number];

export interface OsComponent {
  /** `[a-z][a-z0-9-]{0,39}`; the file's name without `.yaml`. */
  readonly name: string;
  readonly summary: string;
  /** Components that lie below it, by name. */
  readonly needs: readonly string[];
  /** Declared: the facts that the rest may speak of. */
  readonly facts: readonly ComponentFact[];
  /** Package names of the base's distribution that it always has. */
  readonly packages: readonly string[];
  /** What it has besides, where the facts are so. All that fit count. */
  readonly when: readonly ComponentChoice[];
  /** The host's locale is generated into the layer, and is LANG inside. */
  readonly generatesLocale: boolean;
  readonly place: ComponentPlace;
}

export interface ComponentChoice {
  /** Vendors as in the facts, or `none`: one of them is there. Undefined: whichever. */
  readonly gpus: readonly string[] | undefined;
  /** `de` or `de_AT`: the host's locale is of one of them. Undefined: whichever. */
  readonly locale: readonly string[] | undefined;
  readonly packages: readonly string[];
}
