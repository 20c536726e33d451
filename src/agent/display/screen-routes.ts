/** Screen routes: the screens' service as it is on the wire. Translates and nothing else. */
import type { ConnectRouter } from "@connectrpc/connect";
import { ScreenService } from "../../contract/index.ts";
import type { Agent } from "../agent.ts";
import { machinePicture } from "../disks/machine-picture.ts";
import { valueOf } from "../routes.ts";

export function screenRoutes(agent: Agent) {
  return (router: ConnectRouter) =>
    router.service(ScreenService, {
      async takePicture({ name }) {
        const own = valueOf(await machinePicture(agent, name));
        if (own !== undefined) return { argv: [...own] };
        const { screen, command } = valueOf(await agent.life.screens.picture(name));
        const entered = { command, directory: "/", terminal: "", purpose: "screenshot" };
        return { argv: [...valueOf(await agent.enter(screen, entered))] };
      },
    });
}
