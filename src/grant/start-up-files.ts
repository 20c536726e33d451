/** Files that run something when their owner logs in or opens a shell: who can write them can do all that the owner can. */
import { isWithin } from "../model/index.ts";

/** Relative to the home folder. */
export const START_UP_FILES: readonly string[] = [
  ".bashrc",
  ".bash_profile",
  ".bash_login",
  ".bash_logout",
  ".profile",
  ".zshrc",
  ".zshenv",
  ".zprofile",
  ".xprofile",
  ".xsession",
  ".xinitrc",
  ".config/autostart",
  ".config/environment.d",
  ".config/fish",
  ".config/git",
  ".config/systemd/user",
  ".config/sway",
  ".config/i3",
  ".config/hypr",
  ".config/labwc",
  ".gitconfig",
  ".gnupg",
  ".local/bin",
  ".local/share/applications",
  ".local/share/systemd/user",
  ".ssh",
  ".vimrc",
  "bin",
];

/** @returns those that a writable grant of `folder` reaches, relative to home */
export function startUpFilesWithin(folder: string, home: string): readonly string[] {
  return START_UP_FILES.filter((name) => isWithin(`${home}/${name}`, folder) || isWithin(folder, `${home}/${name}`));
}

/** Whether a file is one of them, or lies in one: what comes there is run without being asked for. */
export function isStartUpFile(path: string, home: string): boolean {
  return START_UP_FILES.some((name) => isWithin(path, `${home}/${name}`));
}
