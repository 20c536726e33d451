/**
 * Asking the agent without a Node of our own, and the streams of what it answers: against an agent and a monitor that say
 * whatever a test has them say.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { CANNOT_HERE, closeWorkshop, openWorkshop, startTicks, until, type Workshop } from "./helper.fixture.ts";

/** Its words, closed each by a zero, with their number before them. */
function answered(...words: readonly string[]): Buffer {
  return http([String(words.length + 1), ...words].map((word) => `${word}\0`).join(""));
}

function http(body: string, status = "200 OK"): Buffer {
  return Buffer.from(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n${body}`);
}

describe("ask", { skip: CANNOT_HERE }, () => {
  let workshop: Workshop;
  let room: string;
  let answer: Buffer;
  const questions: string[] = [];
  const servers: Server[] = [];
  const inside: number[] = [];
  const socket = () => join(room, "agent.sock");
  /** Of the stand-in for a monitor: what it does with each label. */
  let onLabel: (label: string, client: Socket) => void;

  before(async () => {
    workshop = openWorkshop();
    room = mkdtempSync(join(workshop.folder, "r"));
    mkdirSync(join(room, "run"));
    writeFileSync(join(room, "script"), 'printf "<%s>" "$SKERRY_ASK" "$@"; exit 9\n');
    await listen(socket(), (client) => {
      let said = "";
      client
        .on("error", () => {})
        .on("data", (piece) => {
          said += piece.toString("latin1");
          const [head = "", body] = said.split("\r\n\r\n");
          if (body === undefined || body.length < Number(/Length: (\d+)/.exec(head)?.[1])) return;
          questions.push(body);
          client.end(answer);
        });
    });
    await listen(join(room, "run/channel"), (client) => {
      let said = Buffer.alloc(0);
      const hear = (piece: Buffer) => {
        said = Buffer.concat([said, piece]);
        if (said.length < 4 || said.length < 4 + said.readUInt32BE()) return;
        client.off("data", hear).pause();
        client.unshift(said.subarray(4 + said.readUInt32BE()));
        onLabel(said.subarray(4, 4 + said.readUInt32BE()).toString("latin1"), client.resume());
      };
      client.on("error", () => {}).on("data", hear);
    });
  });
  after(() => {
    for (const server of servers) server.close();
    for (const pid of inside) process.kill(pid, "SIGKILL");
    closeWorkshop(workshop);
  });

  async function listen(path: string, serve: (client: Socket) => void): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, serve);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
  }

  function begin(...command: readonly string[]) {
    const words = ["ask", "--socket", socket(), "--else", join(room, "script"), "--", ...command];
    const child = spawn(workshop.helper, words, { stdio: ["pipe", "pipe", "pipe"], env: { TERM: "xterm" } });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (piece) => (stdout += String(piece)));
    child.stderr.on("data", (piece) => (stderr += String(piece)));
    child.stdin.on("error", () => {});
    const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      child.once("close", (code) => resolve({ code, stdout, stderr }));
    });
    return { child, ended, said: () => stdout };
  }

  async function ask(...command: readonly string[]) {
    const { child, ended } = begin(...command);
    child.stdin.end();
    return await ended;
  }

  const left = (...words: readonly string[]) => ({
    code: 9,
    stdout: ["off", "exec", ...words].map((word) => `<${word}>`).join(""),
    stderr: "",
  });

  test("it asks with the words as they are, and becomes what it is told, with a clean environment", async () => {
    answer = answered("run", "/bin/sh", "-c", 'printf "<%s>" "$0" "$@" "$TERM" "$PATH"; exit 7', "a b", "");
    const { code, stdout } = await ask("web", "printf", "ä\n", "", "x");
    assert.equal(code, 7);
    assert.equal(stdout, "<a b><><></usr/sbin:/usr/bin:/sbin:/bin>");
    assert.equal(Buffer.from(questions.at(-1) ?? "", "latin1").toString(), "ppp\0\0web\0printf\0ä\n\0\0x\0");
  });

  test("what is no answer leaves it to the command line, with the very same words", async () => {
    const none: readonly Buffer[] = [
      http("", "409 Conflict"),
      http("", "404 Not Found"),
      Buffer.alloc(0),
      Buffer.from("HTTP/1.1 200 OK\r\n"),
      http(""),
      http("\0"),
      http("3\0run\0"),
      http("4\0run\0/bin/true\0"),
      http("3\0run\0/bin/true"),
      http("03\0run\0/bin/true\0"),
      answered("run", "bin/true"),
      answered("rum", "/bin/true"),
      answered("machine", "1", "1"),
      http(`9001\0run\0/bin/true\0${"x\0".repeat(9000)}`),
      http("x".repeat(3 * 1024 * 1024)),
    ];
    for (answer of none)
      assert.deepEqual(await ask("web", "a b", "", "--", "ü"), left("web", "--", "a b", "", "--", "ü"));
  });

  test("bytes that nobody of ours says start nothing but the command line", async () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((piece) => Buffer.from(piece));
    const whole = answered("run", "/bin/true", "a word");
    const broken = fc.oneof(
      bytes,
      bytes.map((piece) => Buffer.concat([http(""), piece])),
      fc.nat({ max: whole.length - 1 }).map((length) => whole.subarray(0, length)),
    );
    await fc.assert(
      fc.asyncProperty(broken, async (given) => {
        answer = given;
        assert.deepEqual(await ask("web", "true"), left("web", "--", "true"));
      }),
      { numRuns: 60 },
    );
  });

  test("nobody there, a path that is too long, or a folder as a stream: the command line has the words for it", async () => {
    const to = async (path: string, directory?: string) => {
      const words = ["ask", "--socket", path, "--else", join(room, "script"), "--", "web", "true"];
      const line = directory === undefined ? 'exec "$0" "$@"' : `exec "$0" "$@" <${directory}`;
      const child = spawn("/bin/sh", ["-c", line, workshop.helper, ...words], { stdio: ["ignore", "pipe", "inherit"] });
      let stdout = "";
      child.stdout.on("data", (piece) => (stdout += String(piece)));
      return await new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr: "" })));
    };
    answer = answered("run", "/bin/true");
    assert.deepEqual(await to(`${room}/nobody`), left("web", "--", "true"));
    assert.deepEqual(await to(`/${"x".repeat(120)}`), left("web", "--", "true"));
    assert.deepEqual(await to(socket(), "/"), left("web", "--", "true"));
    assert.deepEqual(await to(socket()), { code: 0, stdout: "", stderr: "" });
  });

  test("a start tells who becomes it, where, and how, says its notes, and is left with the very same words", async () => {
    const run = async (flags: string, words: readonly string[]) => {
      const all = ["ask", "--socket", socket(), "--else", join(room, "script"), "--run", flags, "--", ...words];
      const child = spawn(workshop.helper, all, { stdio: ["ignore", "pipe", "pipe"], env: {}, cwd: room });
      let [stdout, stderr] = ["", ""];
      child.stdout.on("data", (piece) => (stdout += String(piece)));
      child.stderr.on("data", (piece) => (stderr += String(piece)));
      const code = await new Promise((resolve) => child.once("close", resolve));
      return { pid: child.pid, end: { code, stdout, stderr } };
    };
    answer = answered("start", "one\ntwo", "/bin/sh", "-c", 'printf "<%s>" "$$" "$@"; exit 7', "sh", "a b");
    const { pid, end } = await run("-c", ["box", "a b", "--"]);
    assert.deepEqual(end, { code: 7, stdout: `<${pid}><a b>`, stderr: "one\ntwo\n" });
    assert.equal(questions.at(-1), `npp\0\0-c\0${pid}\0${room}\0box\0a b\0--\0`);
    answer = answered("start", "", "/bin/true");
    assert.deepEqual((await run("-q", ["box"])).end, { code: 0, stdout: "", stderr: "" });
    const flagged: Readonly<Record<string, readonly string[]>> = {
      "-": [],
      "-q": ["--quiet"],
      "-c": ["--clone"],
      "-qc": ["--quiet", "--clone"],
    };
    const none = [answered("run", "/bin/true"), answered("start", "/bin/true"), answered("start", "", "bin/true")];
    for (answer of [http("", "409 Conflict"), ...none, answered("machine", "1", "1", "x", "y")])
      for (const [flags, words] of Object.entries(flagged)) {
        const said = ["off", "run", ...words, "box", "--", "a b", "--"].map((word) => `<${word}>`).join("");
        assert.deepEqual((await run(flags, ["box", "a b", "--"])).end, { code: 9, stdout: said, stderr: "" });
      }
  });

  /** A process whose /run is a folder of ours, as a wall's first process has the monitor's. */
  async function machine(): Promise<readonly [string, string]> {
    const words = ["--dev-bind", "/", "/", "--bind", join(room, "run"), "/run", "--", "/bin/sleep", "1000"];
    const sleeper = spawn("/usr/bin/bwrap", words, { stdio: "ignore" });
    // bubblewrap waits for its child, which has become sleep once /run is ours.
    const child = () => Number(readFileSync(`/proc/${sleeper.pid}/task/${sleeper.pid}/children`, "utf8").trim());
    await until(() => child() > 0 && readlinkSync(`/proc/${child()}/exe`).endsWith("sleep"));
    const pid = child();
    inside.push(pid);
    return [String(pid), startTicks(pid)];
  }

  /** Serves one program: what is read and said on each stream is the test's. */
  function program(act: Readonly<Record<string, (client: Socket, label: string) => void>>): string[] {
    const labels: string[] = [];
    let id = 1;
    onLabel = (label, client) => {
      labels.push(label);
      const [word = ""] = label.split(/[ \0]/);
      const own = act[word];
      if (own === undefined) client.write(`+${(id += 2)}\n`);
      else own(client, label);
    };
    return labels;
  }

  const up = (then: (client: Socket) => void) => (client: Socket) => {
    client.write("+5\n");
    then(client);
  };

  test("a program in a machine has our streams both ways, and its exit code is ours", async () => {
    let control: Socket | undefined;
    let heard = "";
    const large = "0123456789abcdef".repeat(100_000);
    const labels = program({
      exec: up((client) => (control = client)),
      in: up((client) =>
        client.on("data", (piece) => (heard += String(piece))).on("end", () => control?.end("exit 42\n")),
      ),
      out: up((client) => client.end(large)),
      err: up((client) => client.end("words\n")),
    });
    answer = answered("machine", ...(await machine()), "cat", "", "a b");
    const { child, ended } = begin("web", "cat");
    child.stdin.end(large);
    const { code, stdout, stderr } = await ended;
    assert.deepEqual([code, stderr], [42, "words\n"]);
    assert.ok(stdout === large && heard === large);
    assert.equal(labels[0], "exec ppp 24 80\0cat\0\0a b\0");
    assert.deepEqual(labels.slice(1).toSorted(), ["err 5", "in 5", "out 5"]);
  });

  test("a signal is told to the machine, which decides what comes of it", async () => {
    let control: Socket | undefined;
    const labels = program({
      exec: up((client) => (control = client)),
      out: up((client) => void client.end("up")),
      err: up((client) => client.end()),
      signal: up(() => control?.end("exit 143\n")),
    });
    answer = answered("machine", ...(await machine()), "sleep");
    const { child, ended, said } = begin("web", "sleep");
    await until(() => said() === "up");
    child.kill("SIGTERM");
    assert.equal((await ended).code, 143);
    assert.ok(labels.includes("signal 5 15"));
  });

  test("who stops reading is told to the machine, and the command's own answer to that counts", async () => {
    let control: Socket | undefined;
    program({
      exec: up((client) => (control = client)),
      err: up((client) => client.end()),
      out: up((client) => {
        const more = (error?: Error | null): void => {
          if (error) control?.end("exit 141\n");
          else client.write(Buffer.alloc(65536, "y"), more);
        };
        more();
      }),
    });
    answer = answered("machine", ...(await machine()), "yes");
    const { child, ended, said } = begin("web", "yes");
    await until(() => said().length > 0);
    child.stdout.destroy();
    assert.equal(await new Promise((resolve) => child.once("exit", resolve)), 141);
    void ended;
  });

  test("what a monitor must not say ends it with our own code, and no byte of it reaches a terminal", async () => {
    const [pid, ticks] = await machine();
    answer = answered("machine", pid, ticks, "true");
    const quiet = { in: up(() => {}), out: up((client) => client.end()), err: up((client) => client.end()) };
    const cases: readonly (readonly [(client: Socket) => void, RegExp])[] = [
      [(client) => client.end("-no \x1b[2J room\n"), /^skerry: no \?\[2J room\n$/],
      [(client) => client.end(), /^skerry: the machine has ended\n$/],
      [(client) => client.destroy(), /^skerry: the machine has ended\n$/],
      [(client) => client.end("+0\n"), /^skerry: /],
      [(client) => client.end("+99999999999\n"), /^skerry: /],
      [(client) => client.end("+ 7\n"), /^skerry: /],
      [(client) => client.end("x".repeat(5000)), /^skerry: x{200,300}\n$/],
      [up((client) => client.end()), /^skerry: the machine has ended\n$/],
      [up((client) => client.end("exit 256\n")), /^skerry: the machine has ended\n$/],
      [up((client) => client.end("exit -1\n")), /^skerry: the machine has ended\n$/],
      [up((client) => client.end("exit 0")), /^skerry: the machine has ended\n$/],
      [up((client) => client.end("exit 0\nexit 1\n")), /^skerry: the machine has ended\n$/],
      [up((client) => client.end("e".repeat(100_000))), /^skerry: the machine has ended\n$/],
    ];
    for (const [exec, words] of cases) {
      program({ exec, ...quiet });
      const { code, stdout, stderr } = await ask("web", "true");
      assert.deepEqual([code, stdout], [125, ""]);
      assert.match(stderr, words);
    }
    // Another process by now, and a link in the socket's place.
    answer = answered("machine", pid, String(Number(ticks) + 1), "true");
    assert.deepEqual(await ask("web", "true"), { code: 125, stdout: "", stderr: "skerry: the machine has ended\n" });
    const [other, otherTicks] = await machine();
    renameSync(join(room, "run/channel"), join(room, "run/elsewhere"));
    symlinkSync("elsewhere", join(room, "run/channel"));
    answer = answered("machine", other, otherTicks, "true");
    assert.equal((await ask("web", "true")).code, 125);
    unlinkSync(join(room, "run/channel"));
    renameSync(join(room, "run/elsewhere"), join(room, "run/channel"));
    rmSync(join(room, "run/elsewhere"), { force: true });
  });
});
