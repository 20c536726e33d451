/** Secrets in a deployment: from text to value. What is written is where a secret comes from, never what it is. */
import * as z from "zod";
import type { SecretSource } from "../model/index.ts";
import type { PathFinding } from "./path-finding.ts";
import { quote } from "./complaint.ts";
import type { PlainData } from "./read-yaml.ts";
import { hostFile, listOf, mapOf, name, pattern, resolveHome, shortenHome, wants } from "./schema-parts.ts";

/** secret-tool(1) would take a word that begins with a dash for an option. */
const attribute = z
  .string(wants("a word"))
  .check(
    pattern(
      /^[A-Za-z0-9_][A-Za-z0-9_:.-]{0,99}$/,
      (text) => `${quote(text)} is no name of an attribute, such as service`,
    ),
  );

const attributeValue = z
  .string(wants("text; put numbers in quotes"))
  .max(500)
  .check(pattern(/^[^-]/, (text) => `${quote(text)} is empty, or begins with a dash`));

const word = z.string(wants("text; put numbers in quotes")).max(4096);

const secret = z
  .strictObject(
    {
      file: hostFile.optional().describe("A file of this host; ~/ stands for the owner's home"),
      command: listOf(word, "a program and its arguments", 50)
        .min(1)
        .optional()
        .describe("A program of this host that prints it; what it prints loses one line end"),
      keyring: mapOf(attribute, attributeValue, "attributes", 10)
        .optional()
        .describe("Attributes of it in the owner's keyring, as for secret-tool lookup"),
      as: z
        .literal("descriptor", wants("the word descriptor"))
        .optional()
        .describe(
          "descriptor: an open file, which SECRET_NAME_FD says the number of. Default: a file at /run/secrets/NAME",
        ),
    },
    wants("a map with the keys of a secret"),
  )
  .meta({ title: "a secret" });

export const secretsSchema = mapOf(name, secret, "secrets", 50)
  .optional()
  .describe(
    "Files in memory at /run/secrets/NAME, or descriptors, read at each start from one of file, command, keyring. Default: none",
  );

type SecretsFile = NonNullable<z.output<typeof secretsSchema>>;

const SOURCES = ["file", "command", "keyring"] as const;

const PROGRAM = /^(\/|[A-Za-z0-9])[A-Za-z0-9_.+/-]{0,4094}$/;

export function checkSecrets(secrets: SecretsFile): readonly PathFinding[] {
  return Object.entries(secrets).flatMap(([key, written]): readonly PathFinding[] => {
    const named = SOURCES.filter((source) => written[source] !== undefined);
    const path = ["secrets", key];
    if (named.length !== 1) {
      const message = `a secret comes from one of ${SOURCES.join(", ")}; found ${named.length === 0 ? "none" : named.join(" and ")}`;
      return [{ path, part: "value", message }];
    }
    const program = written.command?.[0];
    if (program !== undefined && !PROGRAM.test(program)) {
      const message = `${quote(program)} is no program. Write a path such as /usr/bin/pass, or a name such as pass`;
      return [{ path: [...path, "command", 0], part: "value", message }];
    }
    if (written.keyring !== undefined && Object.keys(written.keyring).length === 0) {
      const message = "no attribute. Write at least one, such as { service: example }";
      return [{ path: [...path, "keyring"], part: "value", message }];
    }
    return [];
  });
}

/** @param home - stands for a leading `~/` */
export function toSecrets(secrets: SecretsFile, home: string): Readonly<Record<string, SecretSource>> {
  return Object.fromEntries(Object.entries(secrets).map(([key, written]) => [key, toSource(written, home)]));
}

function toSource({ as, ...from }: SecretsFile[string], home: string): SecretSource {
  return { ...toPlace(from, home), ...(as === undefined ? {} : { as }) };
}

function toPlace({ file, command, keyring }: Omit<SecretsFile[string], "as">, home: string): SecretSource {
  if (file !== undefined) return { kind: "file", path: resolveHome(file, home) };
  const [program, ...rest] = command ?? [];
  if (program !== undefined) return { kind: "command", command: [program, ...rest] };
  return { kind: "keyring", attributes: keyring ?? {} };
}

/** As it is written. */
export function secretData(source: SecretSource, home: string): PlainData {
  const as = source.as === undefined ? {} : { as: source.as };
  if (source.kind === "file") return { file: shortenHome(source.path, home), ...as };
  return source.kind === "command" ? { command: source.command, ...as } : { keyring: source.attributes, ...as };
}
