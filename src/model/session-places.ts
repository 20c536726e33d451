/**
 * Session places: where the owner's session looks for what it starts and shows. Not Skerry's own folders: others write
 * there, too.
 */

export interface SessionPlaces {
  /** Units of systemd: `skerry-NAME.service`. */
  readonly units: string;
  /** Entries of menus: `skerry.NAME.desktop`. Undefined for root, who has no menus of his own. */
  readonly applications: string | undefined;
}

/**
 * With $SKERRY_HOME (trials and tests) below it, unless the XDG variable is set as well; else by the XDG base directory
 * specification, and for root where systemd.unit(5) has the administrator's own.
 */
export function sessionPlacesFrom(
  environment: Readonly<Record<string, string | undefined>>,
  uid: number,
): SessionPlaces {
  const trial = environment["SKERRY_HOME"] ?? "";
  const user = environment["HOME"] ?? "/";
  const xdg = (name: string, otherwise: string) => {
    const value = environment[name];
    return value?.startsWith("/") === true ? value : otherwise;
  };
  const config = xdg("XDG_CONFIG_HOME", trial === "" ? `${user}/.config` : `${trial}/session/config`);
  const data = xdg("XDG_DATA_HOME", trial === "" ? `${user}/.local/share` : `${trial}/session/data`);
  if (uid === 0 && trial === "") return { units: "/etc/systemd/system", applications: undefined };
  return { units: `${config}/systemd/user`, applications: `${data}/applications` };
}

/** Which files below these places may be Skerry's. */
export const SESSION_FILE_PATTERN = /^(skerry-[a-z][a-z0-9-]{0,39}\.service|skerry\.[a-z][a-z0-9-]{0,39}\.desktop)$/;

const HANDED_ON = ["SKERRY_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"] as const;

/** What a start from outside of this session has to know, so that it finds the same places. */
export function sessionEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    HANDED_ON.flatMap((name) => {
      const value = environment[name] ?? "";
      return value === "" ? [] : [[name, value]];
    }),
  );
}
