/** Ways into a virtual machine and out of it: published ports, links between both walls, and the sign that it is ready. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, until } from "./life.fixture.ts";
import { NO_NAMED_NETWORKS } from "./named-network.fixture.ts";
import { freePorts } from "./publish.fixture.ts";
import { lacksForMachines, makeTrial } from "./trial.fixture.ts";

const skip = lacksForMachines() === false ? NO_NAMED_NETWORKS : lacksForMachines();

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

const trial = makeTrial();
after(async () => await trial.close());
mkdirSync(`${trial.home}/config/deployments`, { recursive: true });

function deploy(name: string, recipe: string, isolation: "container" | "vm", more: string): void {
  const text = `skerry: deployment/1\nrecipe: ${recipe}\nisolation: ${isolation}\n${more}`;
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, text);
}

/** What comes back from a name and port, one line for each. */
const ASK = `
import socket, sys
for place in sys.argv[1:]:
    host, port = place.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), 200) as made:
            made.sendall(b"GET /.web/ HTTP/1.0\\r\\n\\r\\n")
            print(place, made.recv(99).split(b"\\r\\n")[0].decode(), flush=True)
    except OSError as error:
        print(place, type(error).__name__, flush=True)
`;

async function asked(name: string, places: readonly string[]): Promise<readonly string[]> {
  const words = ["run", "--quiet", name, "--", "-c", 'exec python3 - "$@"', "ask", ...places];
  const { stdout } = await done(trial, words, { input: ASK, timeoutMs: LIMIT_MS });
  return stdout.trim().split("\n");
}

test("a calendar server runs in a machine by one word: it comes up for who connects, is reached where it is published and linked, and keeps its data", {
  skip,
}, async () => {
  const [port = 0] = await freePorts(1);
  const published = `publish: [{ port: 5232, on: "127.0.0.1:${port}" }]\n`;
  deploy("calendar", "radicale", "vm", `on-demand: true\n${published}`);
  // In a container, somebody whom the machine reaches.
  deploy("server", "dev-shell", "container", "");
  const greet = `exec python3 -c '
import socket
listener = socket.create_server(("127.0.0.1", 5432))
print("serving", flush=True)
while True:
    taken, _ = listener.accept()
    taken.sendall(b"from the container")
    taken.close()'`;
  await done(trial, ["start", "-q", "server", "--", "-c", greet]);
  await until("it serves", async () => (await done(trial, ["logs", "server"])).stdout.includes("serving"));

  const links = "links: [{ to: calendar, port: 5232, as: calendar.internal }, { to: server, port: 5432, as: db }]\n";
  const expected = ["calendar.internal:5232 HTTP/1.0 200 OK", "db:5432 from the container"];
  const places = ["calendar.internal:5232", "db:5432", "calendar.internal:5433"];
  deploy("contained", "dev-shell", "container", links);
  assert.deepEqual((await asked("contained", places)).slice(0, 2), expected);

  // Its owner starts it, so that it is there for as long as the rest takes.
  await trial.skerry(["stop", "calendar"], { timeoutMs: LIMIT_MS });
  await done(trial, ["start", "-q", "calendar"], { timeoutMs: LIMIT_MS });
  const made = await fetch(`http://127.0.0.1:${port}/user/calendar/`, {
    method: "MKCALENDAR",
    headers: { authorization: `Basic ${Buffer.from("user:x").toString("base64")}` },
  });
  assert.equal(made.status, 201, await made.text());
  const kept = `${trial.home}/data/volumes/calendar/data/collection-root/user`;
  const isKept = () => existsSync(kept) && readdirSync(kept).includes("calendar");
  await until("the collection is in its volume", isKept, LIMIT_MS);

  deploy("machine", "dev-shell", "vm", links);
  const seen = await asked("machine", places);
  assert.deepEqual(seen.slice(0, 2), expected);
  assert.equal(seen[2], "calendar.internal:5433 ConnectionRefusedError");
  await done(trial, ["stop", "calendar"], { timeoutMs: LIMIT_MS });
});
