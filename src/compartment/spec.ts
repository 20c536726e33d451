/**
 * Spec: from a deployment, its image and what was granted to the neutral description of one start. Pure.
 *
 * Everything inside that is not the image's stands here: who the user is, which small files are written for this host,
 * which variables are set, where volumes lie.
 */
import { type Effective, folderTarget } from "../grant/index.ts";
import type { Image } from "../image/index.ts";
import {
  type CompartmentSpec,
  type CompartmentUser,
  type Contribution,
  type Deployment,
  type HostFacts,
  isByName,
  type OwnSystem,
  type Places,
  type Recipe,
} from "../model/index.ts";
import { BACKENDS, NAMED_NETWORK, PROVIDER_ADDRESS, RESOLVER_ADDRESS } from "../backends/index.ts";
import { type Result, refusal, success } from "../result.ts";

export interface StartWanted {
  readonly id: string;
  readonly deployment: Deployment;
  readonly recipe: Recipe;
  readonly image: Image;
  /** Host folders of the image's layers, the topmost first. */
  readonly layers: readonly string[];
  readonly effective: readonly Effective[];
  readonly user: CompartmentUser;
  /** 32 hexadecimal digits, the instance's own. */
  readonly machineId: string;
  /** What the user adds to the program's command. */
  readonly extra: readonly string[];
  /** Host files among `extra`, by their place in it: each becomes a grant of that file alone. */
  readonly files: ReadonlyMap<number, { readonly folder: string; readonly name: string }>;
  /** TERM of the caller's terminal; undefined without one. */
  readonly terminal: string | undefined;
  readonly acceptWeaker: readonly string[];
  readonly endsWithCaller: boolean;
  /** Folder requests that can be answered otherwise while it runs. */
  readonly slotsFor: readonly string[];
  /** Of a system of its own. */
  readonly disks: readonly Extract<Contribution, { readonly kind: "disk" }>[];
}

export type SpecProblem =
  | {
      readonly kind: "unknown-program";
      readonly recipe: string;
      readonly program: string;
      readonly known: readonly string[];
    }
  | { readonly kind: "no-arguments"; readonly program: string };

type PublishContribution = Extract<Contribution, { readonly kind: "publish" }>;

export const HOME_INSIDE = "/home/app";

/** Where a host file that was named as an argument appears, in a folder of its own. */
const ARGUMENTS_INSIDE = "/run/skerry/arguments";

export function hasFileArguments({ contributions }: CompartmentSpec): boolean {
  return contributions.some((one) => one.kind === "pick" && one.target.startsWith(`${ARGUMENTS_INSIDE}/`));
}

export function specFor(wanted: StartWanted, facts: HostFacts, places: Places): Result<CompartmentSpec, SpecProblem> {
  const { deployment, recipe } = wanted;
  const name = deployment.program ?? Object.keys(recipe.programs)[0] ?? "";
  const program = Object.hasOwn(recipe.programs, name) ? recipe.programs[name] : undefined;
  if (program === undefined) {
    return refusal({
      kind: "unknown-program",
      recipe: recipe.name,
      program: name,
      known: Object.keys(recipe.programs),
    });
  }
  if (program.arguments === "none" && wanted.extra.length > 0) return refusal({ kind: "no-arguments", program: name });
  const [command, ...fixed] = program.command;
  if (recipe.system !== undefined) return success(systemSpec(wanted, recipe.system, command));
  const contributions = [
    ...hostFiles(wanted),
    ...volumes(wanted, places),
    ...wanted.effective.flatMap((effective) => [...slots(effective, wanted), ...effective.contributions]),
    ...(recipe.provides?.includes("network") === true ? [{ kind: "ports" } as const] : []),
    ...linkContributions(deployment),
    ...publishContributions(deployment),
    ...argumentFiles(wanted),
    ...Object.entries(deployment.secrets ?? {}).map(([name, source]) => ({ kind: "secret", name, source }) as const),
    ...variables(wanted, facts),
  ];
  return success({
    name: deployment.name,
    id: wanted.id,
    layers: wanted.layers,
    command: [command, ...fixed, ...extraWords(wanted)],
    directory: directoryOf(wanted.effective),
    user: wanted.user,
    contributions,
    limits: deployment.limits,
    acceptWeaker: wanted.acceptWeaker,
    ownSandbox: recipe.ownSandbox,
    ...(deployment.vmm === undefined ? {} : { vmm: deployment.vmm }),
    ...(recipe.guest === undefined ? {} : { guest: recipe.guest }),
    endsWithCaller: wanted.endsWithCaller,
  });
}

/**
 * A system of its own: nothing of it is furnished by us, so each thing that its owner lets in stands here by itself, and
 * is refused where it cannot be let in.
 */
function systemSpec(wanted: StartWanted, system: OwnSystem, command: string): CompartmentSpec {
  const { deployment, effective, machineId } = wanted;
  const { requests } = wanted.recipe;
  const { name, limits, secrets = {}, environment } = deployment;
  return {
    ...{ name, id: wanted.id, layers: [], command: [command], directory: "/", user: wanted.user, limits },
    contributions: [
      ...wanted.disks,
      ...effective.flatMap((one) =>
        intoSystem(one, deployment.requests[one.request] ?? requests[one.request] ?? NO_PLACE),
      ),
      ...linkContributions(deployment),
      ...publishContributions(deployment),
      ...Object.entries(secrets).map(([secret, source]) => ({ kind: "secret", name: secret, source }) as const),
      ...Object.entries(environment).map(([key, value]) => ({ kind: "variable", name: key, value }) as const),
    ],
    ...{ acceptWeaker: wanted.acceptWeaker, ownSandbox: false, endsWithCaller: wanted.endsWithCaller },
    ...(deployment.vmm === undefined ? {} : { vmm: deployment.vmm }),
    system: { ...system, machineId },
  };
}

/** Of a request that nobody asks for any more. */
const NO_PLACE = { inside: undefined };

/** A folder has no place there, and is known by its request's name; nothing in it reads variables of ours. */
function intoSystem(
  { request, service, contributions }: Effective,
  asked: Parameters<typeof folderTarget>[1],
): readonly Contribution[] {
  if (service === "display") return contributions.filter(({ kind }) => kind !== "variable");
  if (service !== "folder") return contributions;
  const place = folderTarget(request, asked);
  return contributions.map((one) =>
    "target" in one ? { ...one, target: `/${request}${one.target.slice(place.length)}` } : one,
  );
}

/** The environment that programs entered later get as well. */
export function environmentOf(spec: CompartmentSpec, terminal: string | undefined): Readonly<Record<string, string>> {
  const own = spec.contributions.flatMap((entry) =>
    entry.kind === "variable" ? [[entry.name, entry.value] as const] : [],
  );
  return { ...Object.fromEntries(own), ...(terminal === undefined ? {} : { TERM: terminal }) };
}

/** Small files that tell the program who and where it is; those of the image would tell it of the build. */
function hostFiles({ image, user, deployment, machineId, effective }: StartWanted): readonly Contribution[] {
  const granted = new Set(effective.flatMap(({ contributions }) => contributions.map(({ kind }) => kind)));
  // A link is reached by a name as well.
  const byNames = granted.has("named-network") || linkContributions(deployment).length > 0;
  // The loopback of a machine is its own.
  const onLoopback = byNames && BACKENDS[deployment.isolation]?.boots !== true;
  const outside = onLoopback ? NAMED_NETWORK.resolver.address : RESOLVER_ADDRESS;
  const resolver = granted.has("port") ? PROVIDER_ADDRESS : outside;
  // A provider looks names up for those that may go wherever it goes itself, or by name.
  const ported = effective.some((one) =>
    one.contributions.some((entry) => entry.kind === "port" && (entry.rules?.some(isByName) ?? true)),
  );
  const cards = effective.flatMap(({ contributions }) => contributions.filter((one) => one.kind === "card"));
  const networked = granted.has("network") || byNames || ported || cards.length > 0;
  // What the machine reaches by a card of its own, none of ours stands in.
  const resolvers = cards.length === 0 ? [resolver] : cards.flatMap(({ card }) => card.dns);
  const { uid, gid } = user;
  const others = (text: string, id: number) =>
    text.split("\n").filter((line) => line !== "" && line.split(":")[2] !== String(id) && !line.startsWith("app:"));
  const files = {
    "/etc/passwd": [...others(image.passwd, uid), `app:x:${uid}:${gid}:app:${HOME_INSIDE}:/bin/sh`],
    "/etc/group": [...others(image.group, gid), `app:x:${gid}:`],
    "/etc/hostname": [deployment.name],
    "/etc/hosts": ["127.0.0.1 localhost", `127.0.1.1 ${deployment.name}`, "::1 localhost ip6-localhost"],
    "/etc/machine-id": [machineId],
    "/etc/resolv.conf": networked ? resolvers.map((one) => `nameserver ${one}`) : ["# no network is granted"],
  };
  return Object.entries(files).map(([target, lines]) => ({ kind: "file", target, content: `${lines.join("\n")}\n` }));
}

function volumes({ recipe, deployment }: StartWanted, places: Places): readonly Contribution[] {
  return Object.entries(recipe.volumes).map(([name, { class: lives, inside }]) =>
    lives === "temp"
      ? { kind: "memory-folder", target: inside }
      : { kind: "bind", source: volumePath(places, deployment.name, name), target: inside, access: "write" },
  );
}

/** Links without a port are about the order of starts, and let nothing through. */
export function linkContributions({ service }: Deployment): readonly Extract<Contribution, { kind: "link" }>[] {
  return service.links.flatMap(({ to, port, as = to }) => (port === undefined ? [] : [{ kind: "link", to, port, as }]));
}

/** What is let in from the host. */
export function publishContributions({ publish = [] }: Pick<Deployment, "publish">): readonly PublishContribution[] {
  return publish.map(({ port, at }) => ({ kind: "publish", port, at }));
}

/** Where a volume of an instance lies on the host. */
export function volumePath(places: Places, instance: string, volume: string): string {
  return `${places.data}/volumes/${instance}/${volume}`;
}

/** Every folder that was asked for has its place, whether it is granted or not. */
function slots(
  { request, service }: Effective,
  { slotsFor, deployment, recipe }: StartWanted,
): readonly Contribution[] {
  const asked = deployment.requests[request] ?? recipe.requests[request];
  if (!slotsFor.includes(request) || service !== "folder" || asked === undefined) return [];
  return [{ kind: "slot", request, target: folderTarget(request, asked) }];
}

function argumentFiles({ files }: StartWanted): readonly Contribution[] {
  return [...files].map(([index, { folder, name }]) => ({
    kind: "pick",
    source: folder,
    files: [name],
    target: `${ARGUMENTS_INSIDE}/${index}`,
  }));
}

function extraWords({ extra, files }: StartWanted): readonly string[] {
  return extra.map((word, index) => {
    const file = files.get(index);
    return file === undefined ? word : `${ARGUMENTS_INSIDE}/${index}/${file.name}`;
  });
}

function variables({ deployment, image, user, terminal }: StartWanted, facts: HostFacts): readonly Contribution[] {
  const values: Readonly<Record<string, string>> = {
    PATH: "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games",
    HOME: HOME_INSIDE,
    USER: "app",
    LOGNAME: "app",
    SHELL: "/bin/sh",
    // The one locale that every image has, where no component has made the host's.
    LANG: image.locale ?? "C.UTF-8",
    TZ: facts.timeZone,
    XDG_RUNTIME_DIR: `/run/user/${user.uid}`,
    ...(terminal === undefined ? {} : { TERM: terminal }),
    ...deployment.environment,
  };
  return Object.entries(values).map(([name, value]) => ({ kind: "variable", name, value }));
}

/** The first folder that is let in, since that is what the program is for; else the home inside. */
function directoryOf(effective: readonly Effective[]): string {
  const folder = effective.flatMap(({ service, contributions }) =>
    service === "folder" ? contributions.slice(0, 1) : [],
  )[0];
  return folder !== undefined && "target" in folder ? folder.target : HOME_INSIDE;
}
