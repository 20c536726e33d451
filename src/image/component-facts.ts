/**
 * Component and facts: what a component is made of on a host with these facts. Pure.
 *
 * A fact is seen only as far as the component tells hosts apart by it. A card of a vendor that it has nothing for is no
 * card to it, so that such a card's coming or going leaves the layer as it is.
 */
import type { HostFacts, LayerFacts, OsComponent } from "../model/index.ts";

/** What a layer is resolved and built from, besides what lies below it. */
export interface LayerWish {
  readonly wanted: readonly string[];
  readonly facts: LayerFacts;
  readonly locale: string | undefined;
}

/** What every image has by itself. */
const BUILT_IN_LOCALE = "C.UTF-8";

export function wishOf(component: OsComponent, host: Pick<HostFacts, "gpus" | "locale">): LayerWish {
  const locale = cleanLocale(host.locale);
  const packages = component.when.flatMap((choice) =>
    (choice.gpus === undefined || choice.gpus.some((vendor) => hasVendor(vendor, host.gpus))) &&
    (choice.locale === undefined || choice.locale.some((language) => isOf(locale, language)))
      ? choice.packages
      : [],
  );
  const generated = component.generatesLocale && locale !== BUILT_IN_LOCALE ? locale : undefined;
  const facts: LayerFacts = {
    ...(component.facts.includes("gpus") ? { gpus: vendorsSeen(component, host.gpus) } : {}),
    ...(component.facts.includes("locale") ? { locale: localeSeen(component, locale) } : {}),
  };
  // A component that only makes the locale has nothing to do for the one that is there already.
  const idle = component.generatesLocale && generated === undefined && packages.length === 0;
  return { wanted: idle ? [] : [...new Set([...component.packages, ...packages])], facts, locale: generated };
}

/**
 * The locale that an image can have for what the host says: `de_DE.UTF-8`, perhaps with `@euro` and the like. Only
 * UTF-8 is made, whatever the host's own encoding; C, POSIX and what is no locale mean the built-in one.
 */
export function cleanLocale(text: string): string {
  const [, language, modifier = ""] =
    /^([a-z]{2,3}_[A-Z]{2})(?:\.[A-Za-z0-9-]{1,20})?(@[a-z]{1,20})?$/.exec(text) ?? [];
  return language === undefined ? BUILT_IN_LOCALE : `${language}.UTF-8${modifier}`;
}

function hasVendor(vendor: string, gpus: readonly string[]): boolean {
  return vendor === "none" ? gpus.length === 0 : gpus.includes(vendor);
}

function isOf(locale: string, language: string): boolean {
  return locale.startsWith(`${language}_`) || locale.startsWith(`${language}.`);
}

function vendorsSeen({ when }: OsComponent, gpus: readonly string[]): string {
  const spokenOf = new Set(when.flatMap((choice) => choice.gpus ?? []));
  return [...spokenOf]
    .filter((vendor) => hasVendor(vendor, gpus))
    .toSorted()
    .join(" ");
}

function localeSeen({ when, generatesLocale }: OsComponent, locale: string): string {
  if (generatesLocale) return locale;
  const spokenOf = new Set(when.flatMap((choice) => choice.locale ?? []));
  return [...spokenOf]
    .filter((language) => isOf(locale, language))
    .toSorted()
    .join(" ");
}
