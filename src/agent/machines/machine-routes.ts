/** Machine routes: the service of running machines as it is on the wire. Translates and nothing else. */
import type { ConnectRouter } from "@connectrpc/connect";
import { MachineService } from "../../contract/index.ts";
import type { Agent } from "../agent.ts";
import { valueOf } from "../routes.ts";
import { memoryOfMachine } from "./machine-memory.ts";

export function machineRoutes(agent: Agent) {
  return (router: ConnectRouter) =>
    router.service(MachineService, {
      async machineMemory({ name, wantedMib }) {
        const found = valueOf(await memoryOfMachine(agent, name, wantedMib === 0 ? undefined : wantedMib));
        return { memoryMib: found.memoryMiB, mostMib: found.mostMiB };
      },
    });
}
