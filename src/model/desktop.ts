/** Desktop: what a recipe says for the menus of a graphical session. Plain data, checked in descriptor/. */
export interface Desktop {
  /** As the menu shows it. */
  readonly name: string;
  /** Name of an icon in the session's icon theme; undefined means a general one. */
  readonly icon: string | undefined;
  /** Registered categories of the menu specification: `Utility`. */
  readonly categories: readonly string[];
  /** What it offers to open: `text/plain`. Only for a program whose arguments may be files. */
  readonly mimeTypes: readonly string[];
  /** It has no window of its own and runs in the session's terminal. */
  readonly terminal: boolean;
}
