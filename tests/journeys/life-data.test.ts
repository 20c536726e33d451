/** What an app keeps, kept: radicale's collections through stops, an undeploy, and what is needed to lose them. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { after, test } from "node:test";
import { done, json, listed, until } from "./life.fixture.ts";
import { makeTrial } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

const VOLUME = `${trial.home}/data/volumes/radicale`;

/** A request from inside, where alone the server can be reached. @returns its status and body */
async function ask(method: string, path: string, body = ""): Promise<string | undefined> {
  const script = [
    "import sys, urllib.request",
    "method, path, body = sys.argv[1:]",
    "request = urllib.request.Request('http://127.0.0.1:5232' + path, body.encode() or None, method=method)",
    "request.add_header('Authorization', 'Basic YWRhOng=')",
    "request.add_header('Content-Type', 'text/calendar')",
    "answer = urllib.request.urlopen(request)",
    "print(answer.status, answer.read().decode())",
  ].join("\n");
  const { code, stdout } = await trial.skerry([
    "exec",
    "radicale",
    "--",
    "/usr/bin/python3",
    "-c",
    script,
    method,
    path,
    body,
  ]);
  return code === 0 ? stdout : undefined;
}

async function startServer(): Promise<void> {
  await done(trial, ["start", "-q", "radicale"]);
  await until("the server answers", async () => await ask("GET", "/.web/"));
}

const MKCALENDAR = `<?xml version="1.0"?><C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:set><D:prop><D:displayname>Tides</D:displayname></D:prop></D:set></C:mkcalendar>`;

const EVENT = [
  "BEGIN:VCALENDAR",
  "VERSION:2.0",
  "PRODID:-//tides",
  "BEGIN:VEVENT",
  "UID:high",
  "DTSTAMP:20261120T120000Z",
  "DTSTART:20261120T120000Z",
  "SUMMARY:High water",
  "END:VEVENT",
  "END:VCALENDAR",
  "",
].join("\r\n");

test("what was put into a calendar is there after a stop and a start", async () => {
  await startServer();
  assert.match((await ask("MKCALENDAR", "/ada/tides/", MKCALENDAR)) ?? "refused", /^201/);
  assert.match((await ask("PUT", "/ada/tides/high.ics", EVENT)) ?? "refused", /^201/);
  await done(trial, ["stop", "radicale"]);
  assert.deepEqual(await listed(trial), []);
  await startServer();
  assert.match((await ask("GET", "/ada/tides/high.ics")) ?? "gone", /High water/);
});

test("a second instance of the same recipe runs beside it and has data of its own", async () => {
  await done(trial, ["deploy", "radicale", "--as", "other"]);
  await done(trial, ["start", "-q", "other"]);
  assert.deepEqual((await listed(trial)).map(({ name }) => name).toSorted(), ["other", "radicale"]);
  const find = (name: string) => ["exec", name, "--", "find", "/var/lib/radicale-data", "-name", "high.ics"];
  assert.match((await done(trial, find("radicale"))).stdout, /tides\/high\.ics\n$/);
  assert.equal((await done(trial, find("other"))).stdout, "");
  await done(trial, ["stop", "other"]);
  await done(trial, ["undeploy", "other", "--with-data"]);
});

test("what runs is not undeployed", async () => {
  assert.match((await done(trial, ["undeploy", "radicale"], { code: 1 })).stderr, /radicale runs already/);
  assert.ok((await listed(trial)).length === 1);
});

test("undeploy keeps the data and says where, and a new deployment has it again", async () => {
  await done(trial, ["stop", "radicale"]);
  const { stdout } = await done(trial, ["undeploy", "radicale"]);
  assert.equal(stdout, `radicale is no longer deployed\nkept ${VOLUME}/data\n`);
  assert.deepEqual(await json(trial, ["deployments"]), []);
  assert.ok(existsSync(VOLUME));
  await done(trial, ["deploy", "radicale"]);
  await startServer();
  assert.match((await ask("GET", "/ada/tides/high.ics")) ?? "gone", /High water/);
  await done(trial, ["stop", "radicale"]);
});

test("undeploy --with-data removes volumes, logs and state, and nothing of others", async () => {
  await done(trial, ["run", "-q", "dev-shell", "--", "-c", "echo mine > ~/data/mine"]);
  assert.deepEqual(await json(trial, ["undeploy", "radicale", "--with-data"]), { name: "radicale", kept: [] });
  const names = (folder: string) => readdirSync(`${trial.home}/${folder}`).filter((name) => name.includes("radicale"));
  for (const folder of ["data/volumes", "state/logs", "state/instances", "config/deployments"])
    assert.deepEqual(names(folder), [], folder);
  assert.equal((await done(trial, ["run", "-q", "dev-shell", "--", "-c", "cat ~/data/mine"])).stdout, "mine\n");
});
