import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { arp, ethernet, EVERYBODY, ipv4, OTHER, PROVIDER, STATION } from "./frame.fixture.ts";
import { framed, FrameReader } from "./frames.ts";
import { openHub } from "./hub.ts";
import { readStations } from "./stations.ts";
import { joinWire } from "./wire.ts";

const folder = mkdtempSync(`${tmpdir()}/hub-`);
const line = ({ name, mac, ipv4: ip }: typeof STATION | typeof OTHER) =>
  `${name} ${mac.toString("hex")} ${[...ip].join(".")}`;
const said: string[] = [];
const sockets: Socket[] = [];
after(() => {
  rmSync(folder, { recursive: true });
  // The hub stays as long as its process.
  setImmediate(() => process.exit());
});

function writeList(...stations: readonly (typeof STATION | typeof OTHER)[]): void {
  writeFileSync(`${folder}/list.new`, [`provider ${PROVIDER.toString("hex")}`, ...stations.map(line), ""].join("\n"));
  renameSync(`${folder}/list.new`, `${folder}/list`);
}

/** As a VMM does it: it connects once. */
function card(path: string) {
  const socket = connect(path);
  sockets.push(socket);
  const got: Buffer[] = [];
  const reader = new FrameReader();
  socket.on("error", () => {});
  socket.on("data", (piece) => got.push(...(reader.read(piece) ?? [])));
  return { send: (frame: Buffer) => socket.write(framed(frame)), got };
}

async function until(what: string, seen: () => boolean): Promise<void> {
  for (let waited = 0; !seen(); waited += 10) {
    assert.ok(waited < 60_000, what);
    await pause(10);
  }
}

test("machines reach their provider through ports, and each other not at all", async () => {
  for (const { name } of [STATION, OTHER]) mkdirSync(`${folder}/${name}`);
  writeList(STATION);
  // Its station is there before the provider is.
  await joinWire(`${folder}/ada.card`, `${folder}/ada/socket`);
  const ada = card(`${folder}/ada.card`);
  const places = { card: `${folder}/card`, list: `${folder}/list`, ports: folder };
  await openHub(places, (text) => said.push(text));
  const provider = card(`${folder}/card`);
  const right = ethernet(0x0800, ipv4(6, Buffer.alloc(20)));
  const sending = setInterval(() => ada.send(right), 50);
  await until("a frame comes through", () => provider.got.length > 0);
  clearInterval(sending);
  assert.ok(provider.got.every((frame) => frame.equals(right)));

  ada.send(ethernet(0x0800, ipv4(6, Buffer.alloc(20), { from: OTHER.ipv4 })));
  ada.send(ethernet(0x0800, ipv4(6, Buffer.alloc(20)), { to: OTHER.mac }));
  await until("both are counted", () => said.length >= 2);
  assert.deepEqual(said, [
    "ada: frame dropped (ipv4-source), 1 so far",
    "ada: frame dropped (not-for-provider), 1 so far",
  ]);
  assert.ok(provider.got.every((frame) => frame.equals(right)));

  // A station that comes later is let in while the provider runs.
  writeList(STATION, OTHER);
  await joinWire(`${folder}/bob.card`, `${folder}/bob/socket`);
  const bob = card(`${folder}/bob.card`);
  const before = provider.got.length;
  const hello = ethernet(0x0806, arp(1, { mac: OTHER.mac, ip: OTHER.ipv4 }), { from: OTHER.mac, to: EVERYBODY });
  const calling = setInterval(() => bob.send(hello), 50);
  await until("the later one is heard", () => provider.got.length > before);
  clearInterval(calling);
  const answer = ethernet(0x0800, ipv4(6, Buffer.alloc(20)), { from: PROVIDER, to: OTHER.mac });
  provider.send(answer);
  await until("it is answered", () => bob.got.length > 0);
  assert.deepEqual(bob.got, [answer]);
  assert.deepEqual(ada.got, [], "a question to everybody and an answer to another are nobody else's");
  await until("all is counted for whoever asks", () => {
    const rows = JSON.parse(readFileSync(`${folder}/counts.json`, { encoding: "utf8", flag: "a+" }) || "[]");
    return JSON.stringify(rows).includes('"dropped":{"ipv4-source":1,"not-for-provider":1}');
  });
});

test("what says it is a frame and is none ends that stream alone, which is begun anew", async () => {
  const intruder = connect(`${folder}/ada/socket`);
  intruder.on("error", () => {});
  const shut = new Promise<void>((resolve) => intruder.once("close", () => resolve()));
  intruder.write(Buffer.alloc(8, 0xff));
  await shut;
});

test("a list that makes no sense is none", () => {
  for (const text of [
    "",
    "provider 02534b00000",
    "provider 02534b000001\n../up 02534b000005 100.127.0.5\n",
    "provider 02534b000001\nada 02534b000005 100.127.0.256\n",
    "provider 02534b000001\nada 02534b000005 100.127.0.5\nada 02534b000006 100.127.0.6\n",
    "provider 02534b000001\nada 02534b000005 100.127.0.5 more\n",
  ])
    assert.equal(readStations(text), undefined);
});
