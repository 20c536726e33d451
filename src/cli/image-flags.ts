/** The words of commands that look at images: which ones, and how much is said meanwhile. */
import { JSON_FLAG } from "./command.ts";
import { proposeImages } from "./names.ts";

export interface ImageFlags {
  readonly quiet: boolean;
  readonly json: boolean;
}

export const IMAGE_PARAMETERS = {
  flags: { quiet: { kind: "boolean", brief: "No progress.", default: false }, json: JSON_FLAG },
  positional: {
    kind: "array",
    parameter: {
      parse: String,
      brief: "Images; all without one.",
      placeholder: "NAME",
      proposeCompletions: proposeImages,
    },
  },
  aliases: { q: "quiet" },
} as const;
