/** `stop`. */
import type { StopResponseJson } from "../../contract/index.ts";
import { actOn } from "../act-on.ts";

export default actOn<StopResponseJson>({
  method: "Stop",
  example: "stop radicale",
  done: (name, { exitCode = 0 }) => `${name} has ended (exit code ${exitCode})`,
});
