/**
 * Three machines: an app's, a net VM that its way leads through, and a server outside in a network of its own. What its
 * answer names is reached, and nothing else; the net VM can be started anew; who speaks in another's name is not heard.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { after, test } from "node:test";
import { bytes, ethernet, ipv4 } from "../../src/host/monitor/frame.fixture.ts";
import { framed } from "../../src/host/monitor/frames.ts";
import { done, killAgent, recorded, until } from "./life.fixture.ts";
import { makeTwoNetworks, SKERRY, whyNoNetworks } from "./network.fixture.ts";
import { lacksForMachines, makeTrial } from "./trial.fixture.ts";

const skip = lacksForMachines() === false ? (whyNoNetworks() ?? false) : lacksForMachines();
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 400_000;

const GRANTED = "198.51.100.10";
const NOT_NAMED = "203.0.113.10";
const PRIVATE = "10.99.0.1";

function deploy(name: string, recipe: string, rest: string): void {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  const path = `${trial.home}/config/deployments/${name}.yaml`;
  writeFileSync(path, `skerry: deployment/1\nrecipe: ${recipe}\nisolation: vm\n${rest}`);
}

/** What a try says: the address that the server was reached at, or why it was not. */
const TRY = `try() { (exec 3<>/dev/tcp/$1/7777 && timeout 60 head -c 40 <&3) 2>&1 | sed '$!d; s/.*: //'; }`;

const REQUEST = "requests: { network: { service: network, why: to be tried } }\n";

test("an app's way leads through a net VM and no further than its answer; either side can begin anew", {
  skip,
}, async () => {
  const networks = await makeTwoNetworks(trial);
  try {
    deploy("net", "net-vm", "answers: { network: real }\n");
    const subset = `{ answer: subset, allow: ["${GRANTED}:7777"], through: net }`;
    deploy("ada", "dev-shell", `${REQUEST}answers: { network: ${subset} }\n`);
    deploy("bob", "dev-shell", `${REQUEST}answers: { network: { answer: real, through: net } }\n`);
    const onHost = async (...words: string[]) => {
      const ended = await networks.onHost([SKERRY, ...words]);
      assert.equal(ended.code, 0, ended.stderr);
      return ended;
    };
    const loop = `while :; do echo "granted $(try ${GRANTED})"; echo "other $(try ${NOT_NAMED})"; echo "private $(try ${PRIVATE})"; echo round; sleep 1; done`;
    await onHost("start", "-q", "ada", "--", "-c", `${TRY}; ${loop}`);
    const said = async (name: string) => (await done(trial, ["logs", name])).stdout;
    const reached = async () => (await said("ada")).split(`granted ${GRANTED}`).length - 1;
    await until("the server is reached", async () => (await reached()) > 0, LIMIT_MS);
    await until("all was tried", async () => /private .*\nround/.test(await said("ada")), LIMIT_MS);
    // Whole rounds alone: the last one may be half said.
    const text = await said("ada");
    const lines = text.slice(0, text.lastIndexOf("round")).split("\n");
    const refused = lines.filter((line) => /^(other|private) /.test(line));
    assert.ok(refused.length > 0 && refused.every((line) => line.endsWith("No route to host")), refused.join("\n"));

    const ports = `${trial.home}/state/machines/net/ports`;
    const counted = (): readonly Counted[] => JSON.parse(readFileSync(`${ports}/counts.json`, "utf8")).ports;
    // Past the machine, its kernel and QEMU: whoever has them all has this socket, and no other.
    const from = { from: bytes("02534b000002"), to: bytes("02534b000001") };
    const spoofed = ethernet(0x0800, ipv4(6, Buffer.alloc(20), { from: Buffer.from([100, 127, 0, 3]) }), from);
    const spoof = async () =>
      await new Promise<void>((resolve, reject) => {
        const port = connect(`${ports}/ada/socket`, () => port.end(framed(spoofed), resolve)).once("error", reject);
      });
    await spoof();
    const dropped = () => counted().find(({ name }) => name === "ada")?.dropped["ipv4-source"];
    await until("the spoofed frame is counted", () => dropped() === 1, LIMIT_MS);
    const words = "skerry: ada: frame dropped (ipv4-source), 1 so far";
    await until("it is said", async () => (await said("net")).includes(words), LIMIT_MS);
    const onRecord = async () =>
      (await recorded(trial, "ada"))
        .filter(({ kind }) => kind === "frames-dropped")
        .map(({ facts }) => ({ ...facts, id: undefined }));
    const record = { through: "net", because: "IPv4 in the name of another address", times: 1, id: undefined };
    await until("the spoofed frame is on record", async () => (await onRecord()).length > 0, LIMIT_MS);
    assert.deepEqual(await onRecord(), [record]);
    // Who is killed between both says it twice.
    await until("that it is told is written down", () => existsSync(`${ports}/../told.json`), LIMIT_MS);

    // The next agent goes on where this one was.
    await killAgent(trial);
    await spoof();
    await until("a second one is counted", () => dropped() === 2, LIMIT_MS);
    await onHost("ps");
    await until("the second one is on record", async () => (await onRecord()).length > 1, LIMIT_MS);
    assert.deepEqual(await onRecord(), [record, record]);

    const look = "for again in 1 2 3 4 5; do getent ahostsv4 skerry.test && break; done | head -n 1";
    const inside = `${look}; ${TRY}; echo "granted $(try ${GRANTED})"; echo "other $(try ${NOT_NAMED})"; echo "private $(try ${PRIVATE})"; echo "ada $(try 100.127.0.2)"`;
    const { stdout } = await onHost("run", "-q", "bob", "--", "-c", inside);
    assert.match(stdout, new RegExp(`^${GRANTED} `), "names are looked up by the net VM");
    assert.match(
      stdout,
      new RegExp(`granted ${GRANTED}\nother ${NOT_NAMED}\nprivate No route to host\nada No route to host\n`),
    );

    const before = await reached();
    const restarted = await done(trial, ["restart", "net"], { timeoutMs: LIMIT_MS });
    assert.equal(restarted.code, 0, restarted.stderr);
    await until("it goes on", async () => (await reached()) > before + 2, LIMIT_MS);
    assert.deepEqual(
      counted().map(({ name }) => name),
      ["ada", "bob"],
    );
    const proved = await trial.skerry(["prove", "no ada can reach network 203.0.113.99"]);
    assert.equal(proved.code, 1);
    assert.match(proved.stdout, /through net/, "the way through the net VM counts");
  } finally {
    await trial.client.call("Kill", { name: "ada" });
    await trial.client.call("Stop", { name: "net", graceMs: 60_000 });
    await trial.client.shutdown();
    await networks.close();
  }
});

interface Counted {
  readonly name: string;
  readonly passed: number;
  readonly dropped: Readonly<Record<string, number>>;
}

test("what a way through another machine cannot be is refused by name, before anything starts", { skip }, async () => {
  deploy("plain", "dev-shell", "");
  const refusedWith = async (grant: string, because: RegExp) => {
    deploy("carl", "dev-shell", `${REQUEST}answers: { network: ${grant} }\n`);
    const refused = await trial.skerry(["plan", "carl"]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, because);
  };
  await refusedWith("{ answer: real, through: nobody }", /nobody/);
  await refusedWith("{ answer: real, through: plain }", /leads through plain, which provides no network/);
  await refusedWith('{ answer: subset, allow: ["[2001:db8::1]:443"], through: net }', /a name, an IPv4 address/);
  const apart = '{ answer: subset, allow: ["example.org:443", "*.example.org:80"], through: net }';
  await refusedWith(apart, /"example\.org:443".*example\.org and the names below it have different ports/);
  await refusedWith(
    "{ answer: subset, allow: [{ to: example.org, quota: 1 MB/day }], through: net }",
    /names, addresses/,
  );
  await refusedWith("{ answer: subset, allow: [{ to: example.org, answer: ask }], through: net }", /cannot wait/);
  await refusedWith("{ answer: ask, through: net }", /through/);
  writeFileSync(`${trial.home}/config/deployments/box.yaml`, "skerry: deployment/1\nrecipe: net-vm\n");
  const refused = await trial.skerry(["plan", "box"]);
  assert.match(refused.stderr, /box is a system of its own, which container cannot start\n {2}write isolation: vm/);
});
