import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { OsComponent } from "../model/index.ts";
import { cleanLocale, wishOf } from "./component-facts.ts";

const NONE = { summary: "", needs: [], place: "middle" } as const;
const HOST = { gpus: [], locale: "C.UTF-8" } as const;

const GL: OsComponent = {
  ...NONE,
  name: "gl",
  facts: ["gpus"],
  packages: ["libgl1"],
  when: [
    { gpus: ["intel"], locale: undefined, packages: ["media", "vulkan"] },
    { gpus: ["amd", "intel"], locale: undefined, packages: ["vulkan"] },
    { gpus: ["none"], locale: undefined, packages: ["software"] },
  ],
  generatesLocale: false,
};

const LOCALE: OsComponent = {
  ...NONE,
  name: "locale",
  facts: ["locale"],
  packages: ["locales"],
  when: [],
  generatesLocale: true,
};

const WORDS: OsComponent = {
  ...LOCALE,
  name: "words",
  packages: ["words-en"],
  when: [
    { gpus: undefined, locale: ["de"], packages: ["words-de"] },
    { gpus: undefined, locale: ["de_AT"], packages: ["words-at"] },
  ],
  generatesLocale: false,
};

test("all choices that fit count, and no package is wished for twice", () => {
  assert.deepEqual(wishOf(GL, { ...HOST, gpus: ["intel"] }).wanted, ["libgl1", "media", "vulkan"]);
  assert.deepEqual(wishOf(GL, HOST).wanted, ["libgl1", "software"]);
  assert.deepEqual(wishOf(WORDS, { ...HOST, locale: "de_AT.UTF-8" }).wanted, ["words-en", "words-de", "words-at"]);
});

test("a fact is seen as far as a component tells hosts apart by it", () => {
  assert.deepEqual(wishOf(GL, { ...HOST, gpus: ["1af4"] }).facts, { gpus: "" });
  assert.deepEqual(wishOf(GL, { ...HOST, gpus: ["intel", "1af4", "amd"] }).facts, { gpus: "amd intel" });
  assert.deepEqual(wishOf(WORDS, { ...HOST, locale: "fr_FR.UTF-8" }).facts, { locale: "" });
  assert.deepEqual(wishOf(WORDS, { ...HOST, locale: "de_DE" }).facts, { locale: "de" });
  assert.deepEqual(wishOf(LOCALE, { ...HOST, locale: "de_DE" }).facts, { locale: "de_DE.UTF-8" });
});

test("facts that are not declared do not matter", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("intel", "amd", "none", "1af4")), fc.string(), (gpus, text) => {
      assert.deepEqual(wishOf(LOCALE, { gpus, locale: "de_DE" }), wishOf(LOCALE, { gpus: [], locale: "de_DE" }));
      assert.deepEqual(wishOf(GL, { gpus, locale: text }), wishOf(GL, { gpus, locale: "C" }));
    }),
  );
});

test("where the locale is the one that every image has, a component that makes it is nothing", () => {
  for (const locale of ["C.UTF-8", "C", "POSIX", ""])
    assert.deepEqual(wishOf(LOCALE, { ...HOST, locale }), {
      wanted: [],
      facts: { locale: "C.UTF-8" },
      locale: undefined,
    });
});

test("what becomes an argument of localedef is a locale and nothing else", () => {
  assert.equal(cleanLocale("de_DE.ISO-8859-1"), "de_DE.UTF-8");
  assert.equal(cleanLocale("ca_ES.UTF-8@valencia"), "ca_ES.UTF-8@valencia");
  assert.equal(cleanLocale("en_US.utf8"), "en_US.UTF-8");
  for (const text of ["../../etc_XX", "de_DE/../x", "-i_DE", "de_DE.UTF-8\n", "de", "de_DE@../x", "de_DE@"])
    assert.equal(cleanLocale(text), "C.UTF-8", text);
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."de_DE.@-/ U8\n") }), (text) => {
      assert.match(cleanLocale(text), /^(C\.UTF-8|[a-z]{2,3}_[A-Z]{2}\.UTF-8(@[a-z]{1,20})?)$/);
    }),
  );
});
