/** Outgoing: where a name leads, as far as the rule that granted it lets it, and a connection to the first that answers. */
import type { Socket } from "node:net";
import { decideAddress, HOST_NAME, type Refusal } from "../../broker/index.ts";
import type { NetworkRule } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { HostNames } from "./host-names.ts";
import { ownAddresses } from "./own-addresses.ts";
import { connectBuffered } from "./reading.ts";

/** To one address of a server; the next one is tried then. */
const CONNECT_MS = 10_000;

/** The host itself, asked for by its name. */
const LOOPBACK = ["127.0.0.1", "::1"];

export interface NowhereProblem {
  readonly kind: "nowhere";
  /** `unknown`: the name has no address. */
  readonly because: Refusal | "unknown";
}

/** @returns addresses that may be connected to, at least one */
export async function addressesFor(
  rule: NetworkRule,
  target: { readonly name: string } | { readonly address: string },
  names: HostNames,
): Promise<Result<readonly string[], NowhereProblem>> {
  const own = ownAddresses();
  const found =
    "address" in target
      ? [target.address]
      : target.name === HOST_NAME && rule.target.kind === "zone"
        ? LOOPBACK
        : await names.addressesOf(target.name);
  const verdicts = found.map((one) => decideAddress(rule, one, own));
  const allowed = verdicts.flatMap((one) => (one.kind === "allowed" ? [one.address] : []));
  if (allowed.length > 0) return success(allowed);
  const refused = verdicts.find((one) => one.kind === "refused");
  return refusal({ kind: "nowhere", because: refused?.because ?? "unknown" });
}

/** @returns undefined where none answers, or the app has gone meanwhile */
export async function connectToFirst(
  addresses: readonly string[],
  port: number,
  app: Socket,
): Promise<Socket | undefined> {
  for (const host of addresses) {
    if (app.destroyed) return undefined;
    const socket = connectBuffered({ host, port, allowHalfOpen: true, noDelay: true, timeout: CONNECT_MS });
    const answered = await new Promise<boolean>((resolve) => {
      const gone = () => resolve(false);
      socket.once("connect", () => {
        app.off("close", gone);
        resolve(true);
      });
      socket.on("error", gone);
      socket.once("timeout", gone);
      app.once("close", gone);
    });
    if (answered) return socket;
    socket.destroy();
  }
  return undefined;
}
