/** A card of this host in an answer: from text to value, and back. */
import * as z from "zod";
import { type CardGrant, parseIp, parseIpRange, PCI_ADDRESS } from "../model/index.ts";
import { quote } from "./complaint.ts";
import type { PlainMap } from "./read-yaml.ts";
import { listOf, pattern, wants } from "./schema-parts.ts";

const address4 = z.string(wants("an IPv4 address")).refine((text) => parseIp(text)?.family === 4, {
  error: ({ input }) => `${quote(String(input))} is no IPv4 address such as 192.0.2.1`,
});

export const cardSchema = z
  .strictObject(
    {
      pci: z
        .string(wants("the PCI address of a network card"))
        .check(
          pattern(PCI_ADDRESS, (text) => `${quote(text)} is no PCI address. Write one such as 0000:03:00.0 (lspci -D)`),
        )
        .describe("Its place in this host, as lspci -D writes it"),
      address: z
        .string(wants("an IPv4 address with its network's length"))
        .refine((text) => text.includes("/") && isHost(text), {
          error: ({ input }) =>
            `${quote(String(input))} is no IPv4 address with the length of its network. Write one such as 192.0.2.10/24`,
        })
        .describe("What it has in the network that it is plugged into, with that network's length"),
      gateway: address4.describe("Through which the rest of the world is reached"),
      dns: listOf(address4, "name servers", 3).min(1).describe("Name servers that are reached through it"),
      "only-way-out": z
        .boolean(wants("true or false"))
        .optional()
        .describe("true: this host may lose its only way out to the machine. Default: false"),
    },
    wants("a map with the keys of a card"),
  )
  .meta({ title: "a card" })
  .optional()
  .describe(
    "With a real network of a net VM: the way out is this network card of the host's, which the machine has whole",
  );

/** As wide as a network with hosts is. */
function isHost(text: string): boolean {
  const range = parseIpRange(text);
  return range?.family === 4 && range.prefix >= 8 && range.prefix <= 30;
}

export function toCard(written: NonNullable<z.output<typeof cardSchema>>): CardGrant {
  const { pci, address, gateway, dns } = written;
  return { ...{ pci, address, gateway, dns }, onlyWayOut: written["only-way-out"] ?? false };
}

/** As it is written. */
export function cardData({ onlyWayOut, ...plain }: CardGrant): PlainMap {
  return { ...plain, ...(onlyWayOut ? { "only-way-out": true } : {}) };
}
