/** Refused watch: brings what the kernel has refused in a network, since nobody listens there, into its tally. */
import type { NameAddresses } from "../../broker/index.ts";
import { countRefusedDatagrams, listRefusedDatagrams, type ProcessName } from "../../host/index.ts";
import type { HostFacts } from "../../model/index.ts";
import { refusalWords } from "./reasons.ts";
import type { Tally } from "./tally.ts";

const LOOK_EVERY_MS = 1_000;

/**
 * @param of - a process of the compartment's network whose user namespace owns it
 * @returns ends it
 */
export function watchRefused(
  of: ProcessName,
  { programs }: HostFacts,
  addresses: NameAddresses,
  tally: Tally,
): () => void {
  const [nsenter, nft] = [programs["nsenter"]?.path, programs["nft"]?.path];
  if (nsenter === undefined || nft === undefined) return () => {};
  const told = new Map<string, number>();
  let seen = 0;
  let looking = false;
  const look = async () => {
    const count = await countRefusedDatagrams(of);
    if (count <= seen) return;
    seen = count;
    for (const { address, port, times } of await listRefusedDatagrams({ nsenter, nft }, of)) {
      const name = addresses.nameAt(address);
      const to = `${name ?? (address.includes(":") ? `[${address}]` : address)}:${port}/udp`;
      const more = times - (told.get(`${address} ${port}`) ?? 0);
      told.set(`${address} ${port}`, times);
      const because = refusalWords(name === undefined ? "no-rule" : "other-port");
      if (more > 0) tally.note({ allowed: false, to, because }, more);
    }
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch(() => {})
      .finally(() => {
        looking = false;
      });
  }, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}
