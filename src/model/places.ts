/**
 * Places: where Skerry keeps things on this host.
 *
 * Below $SKERRY_HOME when that is set (trials and tests); else by the XDG base directory specification for a user, and
 * by file-hierarchy(7) for root, whose compartments run as other users and could not pass root's home folder.
 */

export interface Places {
  /** The owner's files: `deployments/NAME.yaml`, `recipes/`, `os-bases/`, `facts.yaml`, `mirrors.yaml`. */
  readonly config: string;
  /** `store/debs`, `store/layers`, `locks/`, `volumes/INSTANCE/VOLUME`, `copies/INSTANCE/REQUEST`. */
  readonly data: string;
  /** `audit/`, `uids.json`. */
  readonly state: string;
  /** `apt/BASE`: lists of the archives. Can be deleted at any time. */
  readonly cache: string;
  /** `agent.sock`, `compartments/ID/`. Gone after a reboot. */
  readonly runtime: string;
  /** The program itself: its own recipes, bases and helper. */
  readonly program: string;
}

/** Where the helper lies once it is built. @param program - as in Places */
export function helperPath(program: string): string {
  return `${program}/helper/build/skerry-helper`;
}

/**
 * @param program - absolute path of the folder that holds the start script
 * @param runtimeFallback - where sockets go when the session names no runtime folder: `/tmp/skerry-UID`
 */
export function placesFrom(
  environment: Readonly<Record<string, string | undefined>>,
  uid: number,
  program: string,
): Places {
  const home = environment["SKERRY_HOME"];
  if (home !== undefined && home !== "") {
    return {
      config: `${home}/config`,
      data: `${home}/data`,
      state: `${home}/state`,
      cache: `${home}/cache`,
      runtime: `${home}/run`,
      program,
    };
  }
  if (uid === 0) {
    return {
      config: "/etc/skerry",
      data: "/var/lib/skerry",
      state: "/var/lib/skerry-state",
      cache: "/var/cache/skerry",
      runtime: "/run/skerry",
      program,
    };
  }
  const user = environment["HOME"] ?? "/";
  const xdg = (name: string, otherwise: string) => {
    const value = environment[name];
    return value?.startsWith("/") === true ? value : otherwise;
  };
  return {
    config: `${xdg("XDG_CONFIG_HOME", `${user}/.config`)}/skerry`,
    data: `${xdg("XDG_DATA_HOME", `${user}/.local/share`)}/skerry`,
    state: `${xdg("XDG_STATE_HOME", `${user}/.local/state`)}/skerry`,
    cache: `${xdg("XDG_CACHE_HOME", `${user}/.cache`)}/skerry`,
    runtime: xdg("XDG_RUNTIME_DIR", "") === "" ? `/tmp/skerry-${uid}` : `${environment["XDG_RUNTIME_DIR"]}/skerry`,
    program,
  };
}

/** Where an instance keeps what it wrote to a folder that was granted as `copy`. */
export function copyFolder({ data }: Places, instance: string, request: string): string {
  return `${data}/copies/${instance}/${request}`;
}

/** The parts of such a folder: what the app wrote, as overlayfs keeps it, and what overlayfs needs beside it. */
export const COPY_UPPER = "upper";
export const COPY_WORK = "work";
