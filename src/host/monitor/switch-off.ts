/** Switch off: a machine whose app did not end when it was asked. The VMM is told to end it, and writes down what it must. */
import { Qmp } from "./qmp.ts";
import type { Raised } from "./raise.ts";

/** As of what was killed. */
export const SWITCHED_OFF = 137;

const ANSWERS_WITHIN_MS = 2_000;

/** What does not answer is killed by who asked us. */
export function switchOff({ stream, vmm }: Pick<Raised, "stream" | "vmm">): void {
  void stream("qmp")
    .connected.then(async (socket) => {
      const qmp = Qmp.on(socket);
      await qmp.begin(ANSWERS_WITHIN_MS);
      await qmp.execute("quit", {}, ANSWERS_WITHIN_MS);
    })
    .catch(() => vmm.kill("SIGTERM"));
}
