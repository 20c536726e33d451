/**
 * Resolver: answers an app's questions for names. A granted name gets addresses of its own; all others do not exist.
 *
 * No question leaves the host from here: what an app asks for by a name cannot be used to tell somebody something.
 */
import type { Socket } from "node:net";
import {
  decideName,
  DNS_CODES,
  DnsStreamReader,
  framed,
  type NameAddresses,
  readQuery,
  writeAnswer,
  writeCode,
} from "../../broker/index.ts";
import type { NetworkRule } from "../../model/index.ts";
import type { NetworkGranted } from "./granted.ts";
import { refusalWords } from "./reasons.ts";
import type { Decided } from "./tally.ts";

/** A name keeps its address for longer than anybody may remember it. */
const REMEMBERED_S = 60;

/** A stream of questions on which nothing comes is ended. */
const IDLE_MS = 10_000;

/** Questions of one stream. */
const QUESTIONS_MOST = 1_000;

type Answers = (query: Uint8Array) => Promise<Uint8Array | undefined>;

export interface Answered {
  /** Undefined for what must not be answered. */
  readonly answer: Uint8Array | undefined;
  /** The name that may be used from now on, with its addresses. */
  readonly given?: { readonly name: string; readonly addresses: readonly string[] };
}

/** @param empty - all names resolve, and nothing answers there */
export function answerTo(
  bytes: Uint8Array,
  { rules, links, empty }: Pick<NetworkGranted, "rules" | "links" | "empty">,
  addresses: NameAddresses,
  note: (decided: Decided) => void,
): Answered {
  const query = readQuery(bytes);
  if (!query.ok) return { answer: query.problem.answer };
  const { name, shown } = query.value;
  const refuse = (because: string, code: number, rule?: NetworkRule) => {
    note({ allowed: false, to: `${shown} (name)`, because, rule });
    return { answer: writeCode(query.value, code) };
  };
  if (name === undefined) return refuse("it is no name that could be granted", DNS_CODES.noSuchName);
  const linked = links.some(({ as }) => as === name);
  const verdict = empty || linked ? undefined : decideName(rules, name);
  if (verdict?.kind === "refused") return refuse(refusalWords(verdict.because), DNS_CODES.noSuchName, verdict.rule);
  const given = addresses.give(name);
  if (!given.ok) return refuse(`more than ${given.problem.limit} names at a time`, DNS_CODES.failed);
  const both = [given.value.four, given.value.six];
  return { answer: writeAnswer(query.value, both, REMEMBERED_S), given: { name, addresses: both } };
}

/** The same over TCP, one question after the other. */
export function serveStream(socket: Socket, answer: Answers): void {
  const reader = new DnsStreamReader();
  let asked = 0;
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  const serve = async () => {
    for await (const piece of socket as AsyncIterable<Buffer>) {
      const queries = reader.push(piece);
      asked += queries?.length ?? 0;
      if (queries === undefined || asked > QUESTIONS_MOST) return;
      for (const query of queries) {
        const said = await answer(query);
        // Who does not read its answers, or asks what must not be answered, gets no more.
        if (said === undefined || !socket.write(framed(said))) return;
      }
    }
    await new Promise<void>((resolve) => socket.end(resolve));
  };
  void serve()
    .catch(() => {})
    .finally(() => socket.destroy());
}
