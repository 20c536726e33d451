/**
 * Words: how the helper asks the agent (helper/ask.c): words in, words out, each closed by a zero byte, at the agent's own
 * socket beside the contract.
 *
 * Invariant: what is malformed, or declined, has one answer, after which the command line asks the usual way.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AgentContext } from "../context.ts";
import { settingsMark } from "../settings-mark.ts";
import { hasChanged } from "../version.ts";

/** As many as the helper sends. */
const QUESTION_BYTES_LIMIT = 1024 * 1024;

const NOT_HERE = 409;

/**
 * @param answer - undefined where it is declined
 * @returns false where something else is asked for
 */
export function answerWords(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  answer: (words: readonly string[]) => Promise<readonly string[] | undefined>,
): boolean {
  if (request.method !== "POST" || request.url !== path) return false;
  const answered = async () => {
    const asked = wordsIn(await bodyOf(request));
    const words = asked === undefined ? undefined : await answer(asked);
    if (words === undefined) {
      response.writeHead(NOT_HERE).end();
      return;
    }
    const body = Buffer.from([String(words.length + 1), ...words].map((word) => `${word}\0`).join(""));
    response.writeHead(200, { "content-length": body.length }).end(body);
  };
  answered().catch(() => response.destroy());
  return true;
}

/** Is this agent as new as its sources, the owner's settings and the helper? */
export async function isCurrent({ places, settings, version, helper }: AgentContext): Promise<boolean> {
  if (settingsMark(places) !== settings || hasChanged(places.program, version)) return false;
  return (await helper.state()).kind === "built";
}

function wordsIn(body: Buffer | undefined): readonly string[] | undefined {
  const text = body?.toString("utf8");
  // A word that is no UTF-8 would become another one here.
  if (body === undefined || text === undefined || !Buffer.from(text).equals(body)) return undefined;
  const words = text.split("\0");
  // Behind the last zero there is nothing.
  return words.pop() === "" ? words : undefined;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    const part = Buffer.from(piece);
    bytes += part.length;
    if (bytes > QUESTION_BYTES_LIMIT) return undefined;
    pieces.push(part);
  }
  return Buffer.concat(pieces);
}
