/** Settings: the small formats beside recipes and deployments, from text to value: bases, migrations, mirrors, facts. */
import type { HostFacts, Migration, OsBase } from "../model/index.ts";
import { type Result, success } from "../result.ts";
import { readChecked } from "./check.ts";
import type { DescriptorProblem, Source } from "./complaint.ts";
import { baseSchema, factsSchema, migrationSchema, mirrorsSchema, settingsSchema } from "./schemas.ts";

/** Reads `os-bases/NAME/base.yaml`. The base's name is the source's. */
export function parseBase(text: string, source: Source): Result<OsBase, DescriptorProblem> {
  const file = readChecked(text, source, "base", baseSchema);
  if (!file.ok) return file;
  const { summary, engine, state, until, successor, packages, snapshot, guest } = file.value;
  const archives = file.value.archives.map(({ snapshot, keyring, ...archive }) => ({
    ...archive,
    trusts: { keyring },
    snapshotName: snapshot,
  }));
  const mergedUsr = file.value["merged-usr"] ?? [];
  const aging = { state, until, successor };
  const base = { name: source.name, summary, engine, ...aging, archives, packages, snapshot, mergedUsr };
  return success({ ...base, ...(guest === undefined ? {} : { guest }) });
}

/** Reads `migrations/RECIPE.yaml`. The recipe's name is the source's. */
export function parseMigration(text: string, source: Source): Result<Migration, DescriptorProblem> {
  const file = readChecked(text, source, "migration", migrationSchema);
  return file.ok ? success({ from: file.value.from, to: file.value.to }) : file;
}

/** From where archives are really fetched on this host. */
export interface Mirrors {
  /** From an archive's address, as its base writes it, to the one to use instead. */
  readonly mirrors: Readonly<Record<string, string>>;
  readonly proxy: string | undefined;
  readonly snapshot: string | undefined;
}

/** Reads the owner's `mirrors.yaml`. */
export function parseMirrors(text: string, source: Source): Result<Mirrors, DescriptorProblem> {
  const file = readChecked(text, source, "mirrors", mirrorsSchema);
  if (!file.ok) return file;
  const { mirrors = {}, proxy, snapshot } = file.value;
  return success({ mirrors, proxy, snapshot });
}

/** What an owner has settled for all instances. */
export interface Settings {
  /** `address:port` or an address alone; empty means those of the host. */
  readonly dns: readonly string[];
  /** Whole days that audit records are kept; undefined: as long as there is room for them. */
  readonly auditKeepDays: number | undefined;
}

/** Reads the owner's `settings.yaml`. */
export function parseSettings(text: string, source: Source): Result<Settings, DescriptorProblem> {
  const file = readChecked(text, source, "settings", settingsSchema);
  if (!file.ok) return file;
  const { dns = [], audit } = file.value;
  return success({ dns, auditKeepDays: audit?.keep === undefined ? undefined : Number.parseInt(audit.keep, 10) });
}

/** The facts that a file may override; a key that is absent was not written. */
export type FactOverrides = Partial<
  Pick<
    HostFacts,
    | "kernel"
    | "architecture"
    | "distribution"
    | "overlay"
    | "landlockAbi"
    | "seccomp"
    | "tun"
    | "kvm"
    | "accelerator"
    | "gpus"
    | "locale"
    | "timeZone"
    | "memoryMiB"
    | "cpus"
  >
>;

/** Reads the owner's `facts.yaml`. */
export function parseFacts(text: string, source: Source): Result<FactOverrides, DescriptorProblem> {
  const file = readChecked(text, source, "facts", factsSchema);
  if (!file.ok) return file;
  const { skerry: _, accelerator, ...facts } = file.value;
  const chosen = accelerator === undefined ? undefined : { kind: accelerator, because: "written" };
  const written = Object.entries({ ...facts, accelerator: chosen }).filter(([, value]) => value !== undefined);
  // The schema has exactly these keys, and what is undefined has just been taken out.
  return success(Object.fromEntries(written) as FactOverrides);
}
