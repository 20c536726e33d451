/** Cloud-init in a deployment: from text to value, and back. */
import * as z from "zod";
import { type CloudInit, SEED_DISK } from "../model/index.ts";
import type { PathFinding } from "./path-finding.ts";
import { quote } from "./complaint.ts";
import type { PlainData } from "./read-yaml.ts";
import { hostFile, pattern, resolveHome, shortenHome, wants } from "./schema-parts.ts";

/** With the emulated devices a machine has six places for disks. */
const MOST_BESIDE = 5;

/** One label or several of hostname(7), in small letters. */
const HOST_NAME = /^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

export const cloudInitSchema = z
  .strictObject(
    {
      "user-data": hostFile
        .optional()
        .describe(
          "A file of this host, which is handed on as it is, of at most 256 KiB; ~/ stands for the owner's home",
        ),
      "host-name": z
        .string(wants("a host name"))
        .check(
          pattern(
            HOST_NAME,
            (text) =>
              `${quote(text)} is no host name. Write small letters, digits, dashes and dots; at most 63 of them`,
          ),
        )
        .optional()
        .describe("Default: the instance's name"),
    },
    wants("a map with user-data and host-name, or {}"),
  )
  .meta({ title: "data for cloud-init" })
  .optional()
  .describe("Data for cloud-init, on a small disk for a system of its own (a recipe with image: disk)");

type CloudInitFile = z.output<typeof cloudInitSchema>;

export function checkCloudInit(written: CloudInitFile, disks: readonly string[]): readonly PathFinding[] {
  if (written === undefined) return [];
  const message = disks.includes(SEED_DISK)
    ? `the disk with data for cloud-init is called ${SEED_DISK}, and so is one of the disks. Give that one another name`
    : disks.length > MOST_BESIDE
      ? `data for cloud-init is a disk as well: at most ${MOST_BESIDE} others have a place`
      : undefined;
  return message === undefined ? [] : [{ path: ["cloud-init"], part: "key", message }];
}

/** @param home - stands for a leading `~/` */
export function toCloudInit(written: CloudInitFile, home: string): { readonly cloudInit?: CloudInit } {
  if (written === undefined) return {};
  const { "user-data": userData, "host-name": hostName } = written;
  return { cloudInit: { userData: userData === undefined ? undefined : resolveHome(userData, home), hostName } };
}

/** As it is written. */
export function cloudInitData({ userData, hostName }: CloudInit, home: string): PlainData {
  return {
    ...(userData === undefined ? {} : { "user-data": shortenHome(userData, home) }),
    ...(hostName === undefined ? {} : { "host-name": hostName }),
  };
}
