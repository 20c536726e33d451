/** `kill`. */
import type { KillResponseJson } from "../../contract/index.ts";
import { actOn } from "../act-on.ts";

export default actOn<KillResponseJson>({
  method: "Kill",
  example: "kill radicale",
  done: (name, { exitCode = 0 }) => `${name} has ended (exit code ${exitCode})`,
});
