import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { parseIp } from "../model/index.ts";
import { addressesIn, HostsFile } from "./hosts-file.ts";

const TEXT = `# 192.0.2.1 commented.example
127.0.0.1\tlocalhost
192.0.2.7   nas.example  NAS  # the old one is 192.0.2.6 nas.example
2001:DB8::7 nas.example
192.0.2.8 other.example\r
192.0.2.300 wrong.example
fe80::1%eth0 zone.example
 192.0.2.9 shifted.example
0.0.0.0 ads.example
192.0.2.7 nas.example`;

test("a name has all addresses that the file gives it, in one form, and each once", () => {
  const of = (name: string) => addressesIn(TEXT, name);
  assert.deepEqual(of("nas.example"), ["192.0.2.7", "2001:db8::7"]);
  assert.deepEqual(of("nas"), ["192.0.2.7"]);
  assert.deepEqual(of("other.example"), ["192.0.2.8"]);
  assert.deepEqual(of("ads.example"), ["0.0.0.0"], "who is to be decided about it says that it leads nowhere");
});

test("a part of a name, a comment, and a line that does not begin with an address say nothing", () => {
  for (const name of [
    "example",
    "as.example",
    "commented.example",
    "wrong.example",
    "zone.example",
    "shifted.example",
    "",
  ])
    assert.deepEqual(addressesIn(TEXT, name), [], name);
});

test("whatever the text, what comes out are addresses, and not too many", () => {
  const line = fc
    .tuple(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), fc.constantFrom(" ", "\t", "#", ""))
    .map(([address, gap]) => `${address}${gap}a.example`);
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const found = addressesIn(lines.join("\n"), "a.example");
      assert.ok(found.length <= 16 && found.every((one) => parseIp(one) !== undefined));
    }),
  );
});

test("a file that changes is read anew, one that is not there says nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-hosts-"));
  const path = join(folder, "hosts");
  const hosts = new HostsFile(path);
  assert.deepEqual(await hosts.addressesOf("a.example"), []);
  writeFileSync(path, "192.0.2.1 a.example\n");
  assert.deepEqual(await hosts.addressesOf("a.example"), ["192.0.2.1"]);
  assert.deepEqual(await hosts.addressesOf("b.example"), []);
  writeFileSync(`${path}.new`, "192.0.2.2 a.example\n");
  renameSync(`${path}.new`, path);
  assert.deepEqual(await hosts.addressesOf("a.example"), ["192.0.2.2"]);
  rmSync(path);
  assert.deepEqual(await hosts.addressesOf("a.example"), []);
  rmSync(folder, { recursive: true });
});
