/** `thaw`: goes on after a freeze. */
import type { ThawResponseJson } from "../../contract/index.ts";
import { actOn } from "../act-on.ts";

export default actOn<ThawResponseJson>({ method: "Thaw", example: "thaw radicale", done: (name) => `${name} goes on` });
