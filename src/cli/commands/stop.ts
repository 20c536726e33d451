/** `stop`. */
import type { StopResponseJson } from "../../contract/index.ts";
import { actOn } from "../act-on.ts";

export default actOn<StopResponseJson>({
  method: "Stop",
  example: "stop radicale",
  done: (name, { exitCode = 0, by = "" }) => `${name} has ended (exit code ${exitCode})${HOW[by] ?? ""}`,
});

/** Where asking was not enough. */
const HOW: Readonly<Record<string, string>> = {
  "powered-off": "; it did not when it was asked, so its machine was switched off",
  killed: "; it did not when it was asked, so it was killed",
};
