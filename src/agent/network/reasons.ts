/** Reasons: why something was refused, in words for records and listings. */
import type { NotSameName, Refusal } from "../../broker/index.ts";
import { unreachable } from "../../result.ts";

export function refusalWords(because: Refusal): string {
  switch (because) {
    case "no-rule":
      return "no rule names it";
    case "denied":
      return "a rule denies it";
    case "other-port":
      return "it is granted with another port or protocol";
    case "no-address":
      return "it is no address";
    case "private-address":
      return "its address is private";
    case "link-local-address":
      return "its address is link-local";
    case "loopback-address":
      return "its address is loopback";
    case "host-address":
      return "its address is this host's";
    case "metadata-address":
      return "its address is where cloud machines are told their keys";
    case "unusable-address":
      return "its address is none of one machine";
    default:
      return unreachable(because);
  }
}

export function sameNameWords(because: NotSameName): string {
  switch (because) {
    case "not-tls":
      return "it does not begin as TLS does";
    case "no-name":
      return "its TLS asks for no name";
    case "other-name":
      return "its TLS asks for another name";
    case "encrypted-name":
      return "the name that its TLS asks for is encrypted";
    case "malformed":
      return "its TLS is malformed";
    default:
      return unreachable(because);
  }
}
