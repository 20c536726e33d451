/**
 * Client: asks the agent over its Unix socket, in the Connect protocol's JSON form, with nothing but node:http.
 *
 * Starts the agent where none answers, and replaces one that was started from other sources.
 * Source: the Connect protocol's specification (unary JSON; streams in envelopes of one flag byte and four of length).
 */
import { existsSync, lstatSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { InfoResponseJson } from "../contract/index.ts";
import { ownProgram } from "../host/own-program.ts";
import { startDetached } from "../host/start-detached.ts";
import type { Places } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { socketPath } from "./socket.ts";
import { BUNDLED } from "./version.ts";

/** What the agent refused, with a text for a person. */
export interface CallProblem {
  readonly kind: "call-failed";
  /** A code of the Connect protocol: `not_found`, `failed_precondition`… */
  readonly code: string;
  readonly text: string;
}

const PREFIX = "/skerry.agent.v1.";

/** An answer larger than this is none of the agent's. */
const ANSWER_LIMIT_BYTES = 32 * 1024 * 1024;

/** Flag of the last envelope of a stream. */
const END_OF_STREAM = 2;

/**
 * An agent is there all day and works for moments: it gains nothing from optimizing compilers and a large space for young
 * objects, which take tens of mebibytes.
 */
const SMALL = ["--max-semi-space-size=1", "--no-opt", "--no-maglev"] as const;

/**
 * One that ends is noticed at once. One that begins looks at its host, and first brings to an end what another has left half
 * done, for which it may have to ask a machine (grants/machine-slot.ts).
 */
const STARTS_WITHIN_MS = 120_000;

/** An agent that has not said who it is after this time hangs. A busy host can stand still for many seconds. */
const SAYS_WHO_WITHIN_MS = 30_000;

/** One that was asked to end, and answers still. */
const ENDS_WITHIN_MS = 30_000;

interface AgentProgram {
  readonly argv: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export class AgentClient {
  readonly #places: Places;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  #ready: Promise<Result<void, CallProblem>> | undefined;

  constructor(places: Places, environment: Readonly<Record<string, string | undefined>>) {
    this.#places = places;
    this.#environment = environment;
  }

  /** One question, one answer. The caller names the answer's JSON type, as generated from the contract. */
  async call<Answer>(method: string, question: object, signal?: AbortSignal): Promise<Result<Answer, CallProblem>> {
    this.#ready ??= this.#start();
    const ready = await this.#ready;
    if (!ready.ok) return ready;
    const answer = await this.#call<Answer>(method, question, signal);
    if (answer.ok || answer.problem.code !== NOBODY_THERE) return answer;
    // It has ended since it was last asked, and so has heard nothing of the question.
    this.#ready = this.#start();
    const again = await this.#ready;
    return again.ok ? await this.#call<Answer>(method, question, signal) : again;
  }

  /** One question, many answers. */
  async *stream<Answer>(
    method: string,
    question: object,
    signal: AbortSignal,
  ): AsyncGenerator<Answer, Result<void, CallProblem>> {
    this.#ready ??= this.#start();
    const ready = await this.#ready;
    if (!ready.ok) return ready;
    const body = Buffer.from(JSON.stringify(question));
    const post = async () => await this.#post(method, "application/connect+json", envelope(0, body), signal);
    let response: IncomingMessage;
    try {
      response = await post();
    } catch (error) {
      if (signal.aborted) return interrupted();
      const why = lost(error);
      if (why.ok || why.problem.code !== NOBODY_THERE) return why;
      this.#ready = this.#start();
      const again = await this.#ready;
      if (!again.ok) return again;
      try {
        response = await post();
      } catch (second) {
        return signal.aborted ? interrupted() : lost(second);
      }
    }
    let rest = Buffer.alloc(0);
    try {
      for await (const piece of response) {
        rest = Buffer.concat([rest, Buffer.isBuffer(piece) ? piece : Buffer.from(String(piece))]);
        for (let whole = wholeEnvelope(rest); whole !== undefined; whole = wholeEnvelope(rest)) {
          rest = rest.subarray(whole.length);
          if ((whole.flag & END_OF_STREAM) === 0) yield JSON.parse(whole.text);
          else return endOf(whole.text);
        }
        if (rest.length > ANSWER_LIMIT_BYTES) return lost(new Error("the answer is too large"));
      }
    } catch (error) {
      return signal.aborted ? interrupted() : lost(error);
    }
    return signal.aborted ? interrupted() : lost(new Error("the answer ended half-way"));
  }

  /** Asks a running agent to end. @returns false where none runs */
  async shutdown(): Promise<boolean> {
    if (!existsSync(this.#places.runtime) || !this.#ownFolder().ok) return false;
    const answer = await this.#call("Shutdown", {});
    if (!answer.ok) return false;
    for (const deadline = performance.now() + ENDS_WITHIN_MS; performance.now() < deadline; await pause(10)) {
      if (!(await this.#call("Info", {})).ok) break;
    }
    return true;
  }

  async #call<Answer>(method: string, question: object, signal?: AbortSignal): Promise<Result<Answer, CallProblem>> {
    try {
      const response = await this.#post(method, "application/json", Buffer.from(JSON.stringify(question)), signal);
      const pieces: Buffer[] = [];
      let bytes = 0;
      for await (const piece of response) {
        pieces.push(Buffer.isBuffer(piece) ? piece : Buffer.from(String(piece)));
        bytes += piece.length;
        if (bytes > ANSWER_LIMIT_BYTES) return lost(new Error("the answer is too large"));
      }
      const text = Buffer.concat(pieces).toString("utf8");
      return response.statusCode === 200 ? success(JSON.parse(text)) : failed(JSON.parse(text));
    } catch (error) {
      return signal?.aborted === true ? interrupted() : lost(error);
    }
  }

  async #post(method: string, type: string, body: Buffer, signal?: AbortSignal): Promise<IncomingMessage> {
    const socket = socketPath(this.#places);
    if (!socket.ok) throw new Error(socket.problem.text);
    const headers = { "content-type": type, "content-length": body.length, "connect-protocol-version": "1" };
    return await new Promise((resolve, reject) => {
      const sent = request({
        // Without an agent of Node's, which would keep the connection and looks for addresses in the socket's path.
        createConnection: () => connect(socket.value),
        method: "POST",
        path: `${PREFIX}${method.includes("/") ? method : `AgentService/${method}`}`,
        headers,
        ...(signal === undefined ? {} : { signal }),
      });
      sent.once("response", resolve);
      sent.once("error", reject);
      sent.end(body);
    });
  }

  async #start(): Promise<Result<void, CallProblem>> {
    const { runtime, program } = this.#places;
    const socket = socketPath(this.#places);
    if (!socket.ok) return refusal({ kind: "call-failed", code: "failed_precondition", text: socket.problem.text });
    const own = this.#ownFolder();
    if (!own.ok) return own;
    const running = await this.#call<InfoResponseJson>(
      "Info",
      { version: BUNDLED },
      AbortSignal.timeout(SAYS_WHO_WITHIN_MS),
    );
    if (running.ok && running.value.program === program && running.value.stale !== true) return success(undefined);
    if (running.ok) await this.shutdown();
    else if (running.problem.code === "canceled") return notResponding(runtime);
    const { argv, environment } = this.#program(["--nonblock", "--conflict-exit-code", "0"], []);
    const log = `${runtime}/agent.log`;
    const deadline = performance.now() + STARTS_WITHIN_MS;
    const said = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
    while (performance.now() < deadline) {
      const started = startDetached(argv, { log, environment });
      // 0 says that another one has the lock. It answers in a moment, or it is just ending, and then it is our turn.
      while (performance.now() < deadline && started.ended() !== 0) {
        if ((await this.#call("Info", {}, AbortSignal.timeout(SAYS_WHO_WITHIN_MS))).ok) return success(undefined);
        const ended = started.ended();
        if (ended !== undefined && ended !== 0) return doesNotStart(ended, log, said);
        await pause(15);
      }
      if ((await this.#call("Info", {}, AbortSignal.timeout(SAYS_WHO_WITHIN_MS))).ok) return success(undefined);
      await pause(30);
    }
    return doesNotStart("no answer", log, said);
  }

  /** Does an agent answer? Starts none. */
  async answers(): Promise<boolean> {
    return existsSync(this.#places.runtime) && this.#ownFolder().ok && (await this.#call("Info", {})).ok;
  }

  /** What runs an agent that stays, in the foreground. Where another one runs, it waits for its end. */
  foreground(): Result<AgentProgram, CallProblem> {
    const own = this.#ownFolder();
    return own.ok ? success(this.#program([], ["--stay"])) : own;
  }

  /** flock keeps the lock in a process of its own, so that nothing that the agent starts can hold it. */
  #program(flock: readonly string[], words: readonly string[]): AgentProgram {
    const node = [
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      ...SMALL,
      ownProgram("agent/main"),
      ...words,
    ];
    const argv = ["/usr/bin/flock", ...flock, "--close", `${this.#places.runtime}/agent.lock`, ...node] as const;
    const environment = {
      ...this.#environment,
      NODE_EXTRA_CA_CERTS: extraCertificates(this.#environment),
      SKERRY_TRACE: undefined,
    };
    return { argv, environment };
  }

  /** In a folder that others may write to, somebody else could answer, and say what is to be run. */
  #ownFolder(): Result<void, CallProblem> {
    const { runtime } = this.#places;
    let because = "";
    try {
      mkdirSync(runtime, { recursive: true, mode: 0o700 });
      const about = lstatSync(runtime);
      if (!about.isDirectory()) because = "is no folder";
      else if (about.uid !== process.getuid?.()) because = `belongs to somebody else (user id ${about.uid})`;
      else if ((about.mode & 0o022) !== 0) because = "can be written by others";
    } catch (error) {
      because = `cannot be made: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (because === "") return success(undefined);
    const text = `${runtime} ${because}; Skerry keeps its sockets in a folder of this user alone\n  take it away, or set SKERRY_HOME (or XDG_RUNTIME_DIR) to a folder of yours`;
    return refusal({ kind: "call-failed", code: "permission_denied", text });
  }
}

function notResponding(runtime: string): Result<never, CallProblem> {
  const text = `an agent has ${runtime}/agent.sock, and does not say who it is within ${SAYS_WHO_WITHIN_MS / 1000} s\n  end it (fuser ${runtime}/agent.lock names it); compartments run on`;
  return refusal({ kind: "call-failed", code: "unavailable", text });
}

/** @param said - bytes that were in its log before */
function doesNotStart(ended: number | string, log: string, said: number): Result<never, CallProblem> {
  const words = readFileSync(log).subarray(said).toString("utf8").slice(-2000).trim();
  const how = typeof ended === "number" ? `exit code ${ended}` : ended;
  return refusal({
    kind: "call-failed",
    code: "unavailable",
    text: `the agent does not start (${how}):\n  ${words}\n  its log: ${log}`,
  });
}

/** The start script takes the variable away where nothing is fetched, since Node reads the file at every start. */
function extraCertificates(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  return environment["NODE_EXTRA_CA_CERTS"] ?? (environment["SKERRY_EXTRA_CA_CERTS"] || undefined);
}

function envelope(flag: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

function wholeEnvelope(
  bytes: Buffer,
): { readonly flag: number; readonly length: number; readonly text: string } | undefined {
  if (bytes.length < 5) return undefined;
  const length = 5 + bytes.readUInt32BE(1);
  return bytes.length < length
    ? undefined
    : { flag: bytes.readUInt8(0), length, text: bytes.toString("utf8", 5, length) };
}

function endOf(text: string): Result<void, CallProblem> {
  const end: unknown = JSON.parse(text);
  const error = typeof end === "object" && end !== null && "error" in end ? end.error : undefined;
  return error === undefined ? success(undefined) : failed(error);
}

function failed(error: unknown): Result<never, CallProblem> {
  const { code, message } = { code: "internal", message: "", ...(typeof error === "object" ? error : {}) };
  return refusal({ kind: "call-failed", code, text: message });
}

/** Our own code beside those of the protocol: the question reached nobody. */
const NOBODY_THERE = "nobody-there";

function lost(error: unknown): Result<never, CallProblem> {
  const refused =
    error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ECONNREFUSED");
  if (refused) return refusal({ kind: "call-failed", code: NOBODY_THERE, text: "no agent runs" });
  return refusal({
    kind: "call-failed",
    code: "unavailable",
    text: `the agent does not answer: ${error instanceof Error ? error.message : String(error)}`,
  });
}

function interrupted(): Result<never, CallProblem> {
  return refusal({ kind: "call-failed", code: "canceled", text: "interrupted" });
}
