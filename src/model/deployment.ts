/**
 * Deployment: the owner's word on one instance of a recipe. Every request is bound to an answer.
 *
 * Complete, not a diff: what is not written is denied. Plain data, checked in descriptor/.
 */
import type { Answer } from "./answer.ts";
import type { CloudInit } from "./cloud-init.ts";
import type { Disk } from "./disk.ts";
import type { IoLimits } from "./io-limits.ts";
import type { NetworkRule } from "./network-rule.ts";
import type { CardGrant } from "./pci.ts";
import type { Publish } from "./publish.ts";
import type { Request } from "./recipe.ts";
import type { SecretSource } from "./secret.ts";
import type { Service } from "./service.ts";

export interface Deployment {
  /** The instance's name: `[a-z][a-z0-9-]{0,39}`; the file's name without `.yaml`. */
  readonly name: string;
  /** Name of the recipe that it deploys. */
  readonly recipe: string;
  readonly isolation: "container" | "vm";
  /** With `vm`: what runs the machine. Undefined where it was not written. */
  readonly vmm?: VmmName;
  /** Words of the owner's own by which several are spoken of at once, as `skerry prove` does. */
  readonly tags: readonly string[];
  /** Name of one of the recipe's programs; undefined means the recipe's default. */
  readonly program: string | undefined;
  /** Requests that the owner adds to those of the recipe, by name. */
  readonly requests: Readonly<Record<string, Request>>;
  /** By the request's name. */
  readonly answers: Readonly<Record<string, Grant>>;
  readonly limits: Limits;
  /** Set inside, besides what Skerry sets itself. */
  readonly environment: Readonly<Record<string, string>>;
  /** By name: where what is at /run/secrets/NAME, or handed on as a descriptor, comes from. */
  readonly secrets?: Readonly<Record<string, SecretSource>>;
  /** Ports of it that are reached from this host; at least one where it is there. */
  readonly publish?: readonly Publish[];
  /** By name, in the order in which the machine looks for what it boots: disks of a system of its own. */
  readonly disks?: Readonly<Record<string, Disk>>;
  /** What a system of its own is told at its first start. */
  readonly cloudInit?: CloudInit;
  /** How it lives in the background. */
  readonly service: Service;
}

/** Programs that run virtual machines, as a deployment chooses among them; the first is the default. */
export const VMM_NAMES = ["qemu", "cloud-hypervisor", "crosvm", "firecracker"] as const;

export type VmmName = (typeof VMM_NAMES)[number];

/** An answer with its options. Which options go with which answer is checked in grant/. */
export interface Grant {
  readonly answer: Answer;
  /** Host folder, absolute (a leading `~/` is already resolved). */
  readonly folder: string | undefined;
  /** With `subset`: the chosen files, relative to the folder, without `..`. */
  readonly files: readonly string[] | undefined;
  /** With a `real` network: what else may be reached besides the internet. */
  readonly allow: readonly NetworkZone[] | undefined;
  /** With `subset` of a network: what may be reached, and nothing else. */
  readonly rules: readonly NetworkRule[] | undefined;
  /** With `fake` for a variable: what it is set to. */
  readonly value?: string;
  /** With a `real` network or a `subset` of it: the instance whose machine the way leads through. With a display: whose it is. */
  readonly through?: string;
  /** With a `real` network: the way out is a card of this host's, given to the machine whole. */
  readonly card?: CardGrant;
}

/** `host`: the host's own addresses. `lan`: private and link-local ranges. */
export const NETWORK_ZONES = ["host", "lan"] as const;

export type NetworkZone = (typeof NETWORK_ZONES)[number];

/** What is undefined was not written: a default is then preferred, not promised. */
export interface Limits {
  /** Whole bytes. */
  readonly memoryBytes: number | undefined;
  /** Processes and threads. */
  readonly tasks: number | undefined;
  /** Whole percent of one CPU: 150 is one and a half. */
  readonly cpuPercent: number | undefined;
  /** Something of it is limited, where it is there. */
  readonly io?: IoLimits;
  /** Whole bytes that its own data may take. */
  readonly diskBytes?: number;
}
