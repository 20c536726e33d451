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
import { refusalWords } from "./reasons.ts";
import type { Tally } from "./tally.ts";

/** A name keeps its address for longer than anybody may remember it. */
const REMEMBERED_S = 60;

/** A stream of questions on which nothing comes is ended. */
const IDLE_MS = 10_000;

/** Questions of one stream. */
const QUESTIONS_MOST = 1_000;

type Answers = (query: Uint8Array) => Uint8Array | undefined;

/**
 * @param empty - all names resolve, and nothing answers there
 * @returns undefined for what must not be answered
 */
export function answerTo(
  bytes: Uint8Array,
  { rules, empty }: { readonly rules: readonly NetworkRule[]; readonly empty: boolean },
  addresses: NameAddresses,
  tally: Tally,
): Uint8Array | undefined {
  const query = readQuery(bytes);
  if (!query.ok) return query.problem.answer;
  const { name, shown } = query.value;
  const refuse = (because: string, code: number) => {
    tally.note({ allowed: false, to: `${shown} (name)`, because });
    return writeCode(query.value, code);
  };
  if (name === undefined) return refuse("it is no name that could be granted", DNS_CODES.noSuchName);
  const verdict = empty ? undefined : decideName(rules, name);
  if (verdict?.kind === "refused") return refuse(refusalWords(verdict.because), DNS_CODES.noSuchName);
  const given = addresses.give(name);
  if (!given.ok) return refuse(`more than ${given.problem.limit} names at a time`, DNS_CODES.failed);
  return writeAnswer(query.value, [given.value.four, given.value.six], REMEMBERED_S);
}

/** The same over TCP. */
export function serveStream(socket: Socket, answer: Answers): void {
  const reader = new DnsStreamReader();
  let asked = 0;
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on("data", (piece: Buffer) => {
    const queries = reader.push(piece);
    asked += queries?.length ?? 0;
    const answers = queries?.map(answer);
    // Who does not read its answers, or does not ask as it should, gets no more.
    const broken = answers === undefined || asked > QUESTIONS_MOST || answers.some((one) => one === undefined);
    const taken = (answers ?? []).every((one) => one === undefined || socket.write(framed(one)));
    if (broken || !taken) socket.destroy();
  });
  socket.on("end", () => socket.end());
  socket.resume();
}
