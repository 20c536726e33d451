/** The real network from a virtual machine: the same that a container of that answer reaches. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { makeTwoNetworks, SKERRY, type TwoNetworks, whyNoNetworks } from "./network.fixture.ts";
import { lacksForMachines, makeTrial, type Trial, VM_DEPLOYMENT } from "./trial.fixture.ts";

const skip = lacksForMachines() === false ? (whyNoNetworks() ?? false) : lacksForMachines();

let trial: Trial;
let networks: TwoNetworks | undefined;

before(async () => {
  if (skip !== false) return;
  trial = makeTrial();
  networks = await makeTwoNetworks(trial);
});

after(async () => {
  if (skip !== false) return;
  await networks?.close();
  await trial.close();
});

const OPEN = ["203.0.113.10", "198.51.100.10", "2001:db8:1::10"];

/** The host, what is private, the metadata of clouds, and our own ends. */
const SHUT = ["203.0.113.1", "2001:db8::1", "10.99.0.1", "169.254.10.1", "fd00::1", "198.18.0.1", "64:ff9b::a63:1"];

const LOOK = `
import errno, socket, sys
for address in sys.argv[1:]:
    try:
        with socket.create_connection((address, 7777), 60) as made:
            print(address, made.recv(100).decode())
    except OSError as error:
        print(address, errno.errorcode.get(error.errno, error))
def again(ask):
    # Datagrams may be lost, and a server that stands still for a while answers too late.
    for _ in range(5):
        try:
            return ask()
        except OSError as error:
            said = error
    return said
def datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(b"x", ("198.51.100.10", 7777))
        return client.recv(100).decode()
print("datagram", again(datagram))
print("name", again(lambda: socket.gethostbyname("skerry.test")))
`;

test("from a machine the internet is reached, and neither the host nor what is private", { skip }, async () => {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  writeFileSync(
    `${trial.home}/config/deployments/wide.yaml`,
    `${VM_DEPLOYMENT}answers: { network: { answer: real } }\n`,
  );
  const words = ["run", "--quiet", "wide", "--", "-c", 'exec python3 - "$@"', "look", ...OPEN, ...SHUT];
  const ended = await networks?.onHost([SKERRY, ...words], LOOK);
  assert.equal(ended?.code, 0, ended?.stderr);
  assert.deepEqual(ended?.stdout.trim().split("\n"), [
    ...OPEN.map((address) => `${address} ${address}`),
    ...SHUT.map((address) => `${address} ECONNREFUSED`),
    "datagram 198.51.100.10",
    "name 198.51.100.10",
  ]);
});
