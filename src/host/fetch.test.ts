import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { after, beforeEach, test } from "node:test";
import { fetchFile, redirectTarget } from "./fetch.ts";

const CONTENT = Buffer.from("what was signed\n".repeat(5000));
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

const folder = mkdtempSync(`${tmpdir()}/skerry-fetch-`);
const servers: Server[] = [];

beforeEach(() => {
  for (const name of readdirSync(folder)) rmSync(`${folder}/${name}`);
});

after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(folder, { recursive: true, force: true });
});

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

const path = `${folder}/file`;

async function get(uris: readonly string[], more: Partial<Parameters<typeof fetchFile>[1]> = {}) {
  const wanted = { uris, path, sha256: SHA256, size: CONTENT.length };
  return await fetchFile(wanted, { signal: new AbortController().signal, proxy: undefined, ...more });
}

function nothingHalf(): void {
  assert.deepEqual(readdirSync(folder), []);
}

test("a file comes whole, is counted as it comes, and is not asked for again", async () => {
  let asked = 0;
  const uri = await serve((_, response) => {
    asked++;
    response.end(CONTENT);
  });
  let bytes = 0;
  assert.deepEqual(await get([uri], { onBytes: (count) => (bytes += count) }), { ok: true, value: uri });
  assert.equal(bytes, CONTENT.length);
  assert.deepEqual(readFileSync(path), CONTENT);
  assert.deepEqual(await get([uri]), { ok: true, value: undefined });
  assert.equal(asked, 1);
});

test("a file of the right size and another content is fetched anew", async () => {
  const uri = await serve((_, response) => response.end(CONTENT));
  writeFileSync(path, Buffer.alloc(CONTENT.length));
  assert.deepEqual(await get([uri]), { ok: true, value: uri });
  assert.deepEqual(readFileSync(path), CONTENT);
});

test("a server that stops half-way is left after the idle time, twice, and then the next address is asked", async () => {
  let asked = 0;
  const silent = await serve((_, response) => {
    asked++;
    response.writeHead(200, { "content-length": CONTENT.length });
    response.write(CONTENT.subarray(0, 100));
  });
  const alive = await serve((_, response) => response.end(CONTENT));
  // Long enough for the one that answers: this process serves it, and may stand still.
  assert.deepEqual(await get([silent, alive], { idleMs: 1000 }), { ok: true, value: alive });
  assert.equal(asked, 2);
});

test("the silence is what is told of a server that only stops", async () => {
  const silent = await serve((_, response) => {
    response.writeHead(200, { "content-length": CONTENT.length });
    response.write(CONTENT.subarray(0, 100));
  });
  const mute = await serve(() => {});
  for (const uri of [silent, mute]) {
    const fetched = await get([uri], { idleMs: 100 });
    assert.ok(!fetched.ok && fetched.problem.kind === "fetch-failed");
    assert.match(fetched.problem.tried[0]?.because ?? "", /no answer for 0\.1 s/);
  }
  nothingHalf();
});

test("what was counted of a file that failed is taken back", async () => {
  const uri = await serve((_, response) => {
    response.writeHead(200, { "content-length": CONTENT.length });
    response.write(CONTENT.subarray(0, 1000), () => response.destroy());
  });
  let bytes = 0;
  const fetched = await get([uri], { onBytes: (count) => (bytes += count) });
  assert.ok(!fetched.ok);
  assert.equal(bytes, 0);
});

test("another content, more of it and less of it are each refused, and leave nothing", async () => {
  const other = Buffer.from(CONTENT);
  other.writeUInt8(1, 0);
  for (const [content, because] of [
    [other, "wrong-content"],
    [Buffer.concat([CONTENT, Buffer.from("x")]), "wrong-content"],
    [CONTENT.subarray(1), "cut-off"],
  ] as const) {
    const uri = await serve((_, response) => response.end(content));
    const fetched = await get([uri]);
    assert.ok(!fetched.ok && fetched.problem.kind === "fetch-failed");
    assert.equal(fetched.problem.tried[0]?.because, because);
    nothingHalf();
  }
});

test("a server that sends without end is cut off", async () => {
  let gone = false;
  const uri = await serve((_, response) => {
    response.on("close", () => (gone = true));
    const more = () => {
      if (!response.destroyed) response.write(Buffer.alloc(65536), more);
    };
    more();
  });
  const fetched = await get([uri]);
  assert.ok(!fetched.ok);
  for (let turn = 0; !gone && turn < 1000; turn++) await new Promise(setImmediate);
  nothingHalf();
});

test("redirects are followed a few times, relative ones too", async () => {
  const uri = await serve((request, response) => {
    if (request.url === "/there") response.end(CONTENT);
    else response.writeHead(302, { location: "/there" }).end();
  });
  assert.deepEqual(await get([`${uri}/here`]), { ok: true, value: `${uri}/here` });
});

test("a circle of redirects, and one to another protocol, are refused", async () => {
  for (const location of ["/again", "file:///etc/passwd", "ftp://example.org/"]) {
    const uri = await serve((_, response) => response.writeHead(301, { location }).end());
    const fetched = await get([uri]);
    assert.ok(!fetched.ok && fetched.problem.kind === "fetch-failed");
    assert.match(fetched.problem.tried[0]?.because ?? "", /redirect/);
  }
});

test("a redirect from https leads to https only", () => {
  const from = new URL("https://archive.test/a");
  assert.throws(() => redirectTarget(from, "http://archive.test/b"), /from https to http/);
  assert.equal(redirectTarget(from, "/b").href, "https://archive.test/b");
  assert.equal(redirectTarget(new URL("http://archive.test/a"), "https://x.test/").href, "https://x.test/");
});

test("a redirect that is no address is a failed try, not a fault", async () => {
  const uri = await serve((_, response) => response.writeHead(301, { location: "http://[" }).end());
  const fetched = await get([uri]);
  assert.ok(!fetched.ok && fetched.problem.kind === "fetch-failed");
});

test("a signal ends it at once and leaves nothing", async () => {
  const ending = new AbortController();
  const uri = await serve((_, response) => {
    response.writeHead(200, { "content-length": CONTENT.length });
    response.write(CONTENT.subarray(0, 100), () => ending.abort());
  });
  assert.deepEqual(await get([uri], { signal: ending.signal }), { ok: false, problem: { kind: "interrupted" } });
  nothingHalf();
});

test("a proxy is asked for the whole address, and its refusal is told", async () => {
  const asked: string[] = [];
  const proxy = await serve((request, response) => {
    asked.push(request.url ?? "");
    response.end(CONTENT);
  });
  assert.ok((await get(["http://archive.invalid/pool/x.deb"], { proxy })).ok);
  assert.deepEqual(asked, ["http://archive.invalid/pool/x.deb"]);
  rmSync(path);
  const fetched = await get(["https://archive.invalid/pool/x.deb"], { proxy });
  assert.ok(!fetched.ok && fetched.problem.kind === "fetch-failed", "this one knows no CONNECT");
  nothingHalf();
});
