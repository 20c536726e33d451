/**
 * Rule text: `example.org:443`, `*.example.org`, `192.0.2.0/24:8080`, `[2001:db8::1]:443`, `ntp.example.org:123/udp`,
 * `host:5432`, `lan`: what a rule names, and by which protocol and port. Text in, value or complaint out.
 *
 * Strict: a text that could be meant in two ways is refused with the form to write.
 */
import {
  classOf,
  classOfRange,
  firstOfRange,
  ipText,
  isHostName,
  NETWORK_ZONES,
  type NetworkRule,
  type NetworkTarget,
  nearest,
  parseIp,
  parseIpRange,
  unmapped,
  widthOf,
} from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { didYouMean, quote } from "./complaint.ts";

/** What a text alone says; the options stand beside it. */
export type RuleText = Pick<NetworkRule, "target" | "protocol" | "port">;

interface RuleFault {
  readonly kind: "rule-text";
  /** One line, escaped. */
  readonly message: string;
}

export const MAX_RULE_TEXT = 300;

const fault = (message: string) => refusal<RuleFault>({ kind: "rule-text", message });

export function parseRuleText(text: string): Result<RuleText, RuleFault> {
  if (text.length > MAX_RULE_TEXT) return fault(`at most ${MAX_RULE_TEXT} characters, found ${text.length}`);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text);
  if (scheme !== null) return fault(withoutScheme(text, scheme[1] ?? "", scheme[2] ?? ""));
  const [, body = text, word] = /^(.*)\/([a-z]+)$/i.exec(text) ?? [];
  if (word !== undefined && word !== "tcp" && word !== "udp")
    return fault(
      `${quote(text)} ends with no protocol. Write /udp, or nothing for TCP${didYouMean(word, ["tcp", "udp"])}`,
    );
  const split = splitPort(body);
  if (!split.ok) return split;
  const target = parseTarget(split.value.host, text);
  if (!target.ok) return target;
  return success({ target: target.value, protocol: word === "udp" ? "udp" : "tcp", port: split.value.port });
}

/** The port stands behind the last colon; an IPv6 address stands in brackets. */
function splitPort(body: string): Result<{ readonly host: string; readonly port: number | undefined }, RuleFault> {
  const closing = body.lastIndexOf("]");
  const colon = body.lastIndexOf(":");
  if (body.startsWith("[") && closing < 0) return fault(`${quote(body)} has no closing bracket`);
  if (closing < 0 && colon !== body.indexOf(":")) {
    const address = parseIpRange(body);
    const bracketed = address === undefined ? "[2001:db8::1]:443" : bracketedText(body);
    return fault(`${quote(body)} has several colons. An IPv6 address stands in brackets: ${bracketed}`);
  }
  if (colon <= closing) return success({ host: body, port: undefined });
  const port = body.slice(colon + 1);
  if (!/^[1-9][0-9]{0,4}$/.test(port) || Number(port) > 65_535)
    return fault(
      `${quote(port)} is no port. Write a number from 1 to 65535, or leave it out with its colon for any port`,
    );
  return success({ host: body.slice(0, colon), port: Number(port) });
}

function parseTarget(host: string, text: string): Result<NetworkTarget, RuleFault> {
  if (host === "") return fault(`${quote(text)} names nothing. Write a name, an address, host or lan`);
  if (host === "*") return success({ kind: "any-name" });
  const zone = NETWORK_ZONES.find((name) => name === host);
  if (zone !== undefined) return success({ kind: "zone", zone });
  if (host.startsWith("[")) return parseAddresses(host, text);
  if (/^[0-9.]+(\/|$)/.test(host)) return parseAddresses(host, text);
  return parseName(host);
}

function parseAddresses(host: string, text: string): Result<NetworkTarget, RuleFault> {
  const bracketed = /^\[([^[\]]*)\](\/[0-9]+)?$/.exec(host);
  const range = parseIpRange(bracketed === null ? host : `${bracketed[1] ?? ""}${bracketed[2] ?? ""}`);
  if (range === undefined || (range.family === 6) !== (bracketed !== null)) return fault(noAddress(host));
  const first = firstOfRange(range);
  const alone = range.prefix === widthOf(range);
  const shown = shownAddress({ ...range, bits: first.bits }, alone);
  if (first.bits !== range.bits)
    return fault(`${quote(text)} has bits behind its prefix. Write ${shown}, or the address alone`);
  const address = ipText(range);
  const four = unmapped(range);
  if (four.family !== range.family && alone)
    return fault(`${quote(text)} is an IPv4 address in another form. Write ${ipText(four)}`);
  const shut = SHUT[classOf(range)];
  if (shut !== undefined && (alone || classOfRange(range) !== undefined)) return fault(`${quote(text)} ${shut}`);
  return success({ kind: "addresses", family: range.family, address, prefix: range.prefix });
}

/** What no rule can open, with the way out where there is one. */
const SHUT: Readonly<Partial<Record<ReturnType<typeof classOf>, string>>> = {
  loopback: "is the app's own loopback. This host's is named host, such as host:5432",
  own: "is in the range from which Skerry gives names their addresses",
  unusable: "is no address that a connection can be made to: reserved, for many at once, or another one in disguise",
};

function parseName(host: string): Result<NetworkTarget, RuleFault> {
  const ascii = toAscii(host);
  const below = ascii.startsWith("*.");
  const name = (below ? ascii.slice(2) : ascii).toLowerCase();
  const written = below ? `*.${name}` : name;
  if (ascii !== host) {
    // Letters of other alphabets can look like these: the owner is to see which name it is.
    return fault(
      isHostName(name)
        ? `${quote(host)} is not written as it goes over the network. Write ${quote(written)}`
        : `${quote(host)} is no name: letters, digits and dashes, with dots between`,
    );
  }
  if (name.endsWith(".") && isHostName(name.slice(0, -1)))
    return fault(`${quote(host)} ends with a dot. Write ${quote(written.slice(0, -1))}`);
  if (name.includes("*"))
    return fault(`${quote(host)} has a star elsewhere than at its start. Write it as *.example.org`);
  if (name === "localhost") return fault(`"localhost" is the app itself. This host is named host, such as host:5432`);
  // `*.org` is very wide, and still what it says; a name of one word differs from place to place.
  if (isHostName(name) || (below && isHostName(`x.${name}`)))
    return success(below ? { kind: "names-below", suffix: name } : { kind: "name", name });
  const meant = nearest(name, NETWORK_ZONES);
  if (meant !== undefined) return fault(`${quote(host)} is no name with a dot. Did you mean "${meant}"?`);
  return fault(`${quote(host)} is no name such as example.org: letters, digits and dashes, with dots between`);
}

/** The form of a name that goes over the network; the text itself where there is none. */
function toAscii(host: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
  if (/^[\x00-\x7f]*$/.test(host)) return host;
  const star = host.startsWith("*.") ? "*." : "";
  const url = `http://${host.slice(star.length)}/`;
  const name = /[/?#@:\\[\]%]/.test(host) || !URL.canParse(url) ? "" : new URL(url).hostname;
  return `${star}${name}`;
}

function noAddress(host: string): string {
  const plain = host.replaceAll(/[[\]]/g, "");
  const range = parseIpRange(plain);
  if (range !== undefined) return `${quote(host)}: write ${range.family === 4 ? plain : bracketedText(plain)}`;
  return `${quote(host)} is no address. Write one such as 192.0.2.7, 192.0.2.0/24 or [2001:db8::1]`;
}

function bracketedText(text: string): string {
  const [address = "", prefix] = text.split("/");
  return `[${address}]${prefix === undefined ? "" : `/${prefix}`}`;
}

function shownAddress(
  range: { readonly family: 4 | 6; readonly bits: bigint; readonly prefix: number },
  alone: boolean,
) {
  const text = `${ipText(range)}${alone ? "" : `/${range.prefix}`}`;
  return range.family === 4 ? text : bracketedText(text);
}

function withoutScheme(text: string, scheme: string, rest: string): string {
  const [host = ""] = rest.split(/[/?#]/);
  const port = { http: ":80", https: ":443" }[scheme.toLowerCase()] ?? "";
  const candidate = /:[0-9]+$/.test(host) ? host : `${host}${port}`;
  const parsed = candidate.includes("://") ? undefined : parseRuleText(candidate);
  const wanted = parsed?.ok === true ? candidate : "example.org:443";
  return `${quote(text)} is an address of a page. A rule names a host and a port. Write ${quote(wanted)}`;
}

/** The same target, protocol and port, however written. */
export function ruleKey({ target, protocol, port }: RuleText): string {
  const named =
    target.kind === "addresses"
      ? `${ipText(parseIp(target.address) ?? { family: 4, bits: 0n })}/${target.prefix}`
      : target.kind === "name"
        ? target.name
        : target.kind === "names-below"
          ? `*.${target.suffix}`
          : target.kind === "zone"
            ? target.zone
            : "*";
  return `${named} ${protocol} ${port ?? "any"}`;
}
