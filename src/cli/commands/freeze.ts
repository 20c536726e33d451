/** `freeze`: stands still until it is thawed. */
import type { FreezeResponseJson } from "../../contract/index.ts";
import { actOn } from "../act-on.ts";

export default actOn<FreezeResponseJson>({
  method: "Freeze",
  example: "freeze radicale",
  done: (name, { by = "" }) => `${name} is frozen (by ${by === "cgroup" ? "its control group" : "signals"})`,
});
