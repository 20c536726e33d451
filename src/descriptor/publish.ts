/**
 * Publish: an entry of `publish`, as a port alone or as a map, to a value and back. What it means stands with the type, in
 * model/publish.ts.
 *
 * Invariant: what is no address of this host's loopback, and no path, is refused; nothing is published to other machines.
 */
import * as z from "zod";
import {
  ipText,
  parseIp,
  placeText,
  type Publish,
  PUBLISHED_MOST,
  type PublishPlace,
  SOCKET_PATH_BYTES,
} from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { PathFinding } from "./path-finding.ts";
import { found, quote } from "./complaint.ts";
import type { PlainData } from "./read-yaml.ts";
import { hostFile, listOf, resolveHome, shortenHome, wants } from "./schema-parts.ts";

/** `[` with the longest IPv6 address, `]:` and a port. */
const MAX_TEXT = 60;

const DEFAULT_ADDRESS = "127.0.0.1";

const WIDE =
  "Only 127.0.0.1 and [::1] are published to: what other machines are to reach needs a server of your own before it";

const port = z.int(wants("a port from 1 to 65535")).min(1).max(65_535);

const loopback = z
  .string(wants("an address of loopback with a port, such as 127.0.0.1:8080"))
  .max(MAX_TEXT)
  .superRefine((text, context) => {
    const parsed = parseLoopback(text);
    if (!parsed.ok) context.addIssue({ code: "custom", message: parsed.problem.message });
  });

const entry = z
  .strictObject(
    {
      port: port.describe("A TCP port on which it listens inside"),
      on: loopback
        .optional()
        .describe("Where on this host: an address of loopback with a port. Default: 127.0.0.1, the same port"),
      socket: hostFile
        .optional()
        .describe("In place of on: the path of a Unix socket that is made there, for its owner alone"),
    },
    wants("a port, or a map such as { port: 8080, on: 127.0.0.1:8080 }"),
  )
  .meta({ title: "a published port" });

export const publishSchema = listOf(z.union([port, entry]), "published ports", PUBLISHED_MOST)
  .optional()
  .describe("Ports of it that are reached from this host. Default: none");

type PublishFile = NonNullable<z.output<typeof publishSchema>>;

interface NotLoopback {
  readonly kind: "not-loopback";
  readonly message: string;
}

function parseLoopback(text: string): Result<Extract<PublishPlace, { readonly kind: "loopback" }>, NotLoopback> {
  const no = (message: string) => refusal({ kind: "not-loopback", message } as const);
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([^:[\]]{1,45})):([1-9][0-9]{0,4})$/.exec(text);
  const [, six, four, digits] = match ?? [];
  if (match === null || Number(digits) > 65_535)
    return no(`expected an address with a port such as 127.0.0.1:8080 or [::1]:8080, found ${found(text)}`);
  const address = parseIp(six ?? four ?? "");
  if (address?.family !== (six === undefined ? 4 : 6))
    return no(`${quote(six ?? four ?? "")} is no address. Write 127.0.0.1 or [::1]`);
  const isLoopback = address.family === 4 ? address.bits >> 24n === 127n : address.bits === 1n;
  if (!isLoopback) return no(`${quote(text)} is no address of this host's loopback. ${WIDE}`);
  return success({ kind: "loopback", address: ipText(address), port: Number(digits) });
}

/** @param files - as the schema and `checkPublish` let them pass */
export function toPublish(files: PublishFile, home: string): { readonly publish?: readonly Publish[] } {
  return files.length === 0 ? {} : { publish: files.map((file) => toEntry(file, home)) };
}

function toEntry(file: PublishFile[number], home: string): Publish {
  if (typeof file === "number") return { port: file, at: { kind: "loopback", address: DEFAULT_ADDRESS, port: file } };
  const { on, socket } = file;
  if (socket !== undefined) return { port: file.port, at: { kind: "socket", path: resolveHome(socket, home) } };
  if (on === undefined) return toEntry(file.port, home);
  const at = parseLoopback(on);
  if (!at.ok) throw new Error("an address that cannot be read was let in");
  return { port: file.port, at: at.value };
}

/** What is wrong within an entry, or between two. */
export function checkPublish(files: PublishFile, home: string): readonly PathFinding[] {
  const seen = new Map<string, number>();
  return files.flatMap((file, index): readonly PathFinding[] => {
    const path = ["publish", index];
    if (typeof file !== "number" && file.on !== undefined && file.socket !== undefined)
      return [{ path: [...path, "socket"], part: "key", message: "socket: a second place, beside on. Keep one" }];
    const { at } = toEntry(file, home);
    if (at.kind === "socket" && Buffer.byteLength(at.path) > SOCKET_PATH_BYTES) {
      const message = `${quote(at.path)} has more than ${SOCKET_PATH_BYTES} bytes, which no Unix socket may have`;
      return [{ path: [...path, "socket"], part: "value", message }];
    }
    const before = seen.get(placeText(at));
    seen.set(placeText(at), before ?? index);
    if (before === undefined) return [];
    return [{ path, part: "value", message: `${quote(placeText(at))} is published twice, first as entry ${before}` }];
  });
}

/** As it is written: the port alone where it is the same on both sides. */
export function publishData({ port: inside, at }: Publish, home: string): PlainData {
  if (at.kind === "socket") return { port: inside, socket: shortenHome(at.path, home) };
  return at.address === DEFAULT_ADDRESS && at.port === inside ? inside : { port: inside, on: placeText(at) };
}
