/** Small random wirings, for properties: few apps, few folders that lie in each other, few targets. */
import fc from "fast-check";
import type { Contribution, NetworkRule, Publish } from "../../model/index.ts";
import type { WiredApp } from "../graph/graph.ts";

export const NAMES = ["a", "b", "c", "d", "e"] as const;
export const FOLDERS = ["/", "/x", "/x/y", "/x/y/z", "/x-1", "/w"] as const;
export const TAGS = ["work", "home"] as const;

const HOST_RULE: NetworkRule = {
  text: "host",
  target: { kind: "zone", zone: "host" },
  protocol: "tcp",
  port: undefined,
  sameName: false,
  private: false,
  bytesPerDay: undefined,
  bytesPerSecond: undefined,
  answer: "real",
};

const published: fc.Arbitrary<Publish> = fc.constantFrom(
  { port: 1, at: { kind: "loopback", address: "127.0.0.1", port: 80 } },
  { port: 1, at: { kind: "loopback", address: "127.0.0.1", port: 81 } },
  { port: 1, at: { kind: "socket", path: "/x/y/s" } },
);

const contribution: fc.Arbitrary<readonly Contribution[]> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...FOLDERS), fc.constantFrom("read" as const, "write" as const), fc.boolean())
    .map(([source, access, hides]): readonly Contribution[] => [
      { kind: "bind", source, target: "/in", access },
      ...(hides ? [{ kind: "empty-folder", target: `/in/${source === "/" ? "x/y" : "y"}` } as const] : []),
    ]),
  fc
    .constantFrom(...FOLDERS)
    .map((source): readonly Contribution[] => [{ kind: "copy", request: "r", source, target: "/in" }]),
  fc
    .constantFrom(...FOLDERS)
    .map((source): readonly Contribution[] => [{ kind: "pick", source, files: ["y", "f"], target: "/in" }]),
  fc
    .constantFrom(...FOLDERS)
    .map((source): readonly Contribution[] => [
      { kind: "pick", source, files: ["y/*/f", "f"], found: [], target: "/in" },
    ]),
  fc.constant<readonly Contribution[]>([{ kind: "network", zones: [] }]),
  fc.constant<readonly Contribution[]>([{ kind: "network", zones: ["host"] }]),
  fc
    .tuple(fc.constantFrom(80, undefined), fc.constantFrom("real" as const, "ask" as const))
    .map(([port, answer]): readonly Contribution[] => [
      { kind: "named-network", request: "r", rules: [{ ...HOST_RULE, port, answer }] },
    ]),
  fc.constant<readonly Contribution[]>([]),
);

const app = (name: string): fc.Arbitrary<WiredApp> =>
  fc
    .tuple(
      fc.array(contribution, { maxLength: 3 }),
      fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.option(fc.constant(80), { nil: undefined })), { maxLength: 2 }),
      fc.uniqueArray(fc.constantFrom(...TAGS)),
      fc.boolean(),
      fc.integer({ min: 0, max: 9 }),
      fc.array(published, { maxLength: 2 }),
    )
    .map(([all, links, tags, volume, luck, publish]) => ({
      name,
      recipe: "r",
      tags,
      volumes: volume ? ["v"] : [],
      effective: all.map((contributions, index) => ({
        request: `r${index}`,
        service: "folder" as const,
        answer: "real" as const,
        gets: "",
        because: "answered" as const,
        contributions,
        warnings: [],
      })),
      secretFiles: [],
      disks: [],
      publish,
      links: links.map(([to, port]) => ({ to, port, as: undefined })),
      blocked: luck === 0 ? "unlucky" : undefined,
    }));

export const anyApps: fc.Arbitrary<readonly WiredApp[]> = fc
  .subarray([...NAMES], { minLength: 2 })
  .chain((names) => fc.tuple(...names.map(app)));
