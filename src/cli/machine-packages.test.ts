import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { wantedForMachines } from "./machine-packages.ts";

const config = mkdtempSync(join(tmpdir(), "skerry-packages-"));
after(() => rmSync(config, { recursive: true }));
for (const folder of ["deployments", "recipes"]) mkdirSync(join(config, folder));
const places = { config, program: join(import.meta.dirname, "../..") };

function write(path: string, text: string): void {
  writeFileSync(join(config, path), text);
}

async function names(): Promise<readonly string[]> {
  return (await wantedForMachines(places)).map(({ name }) => name);
}

test("what deployments want for machines is said for those that are written, and for no others", async () => {
  assert.deepEqual(await names(), []);
  write("deployments/app.yaml", "skerry: deployment/1\nrecipe: ripgrep\n");
  write("deployments/broken.yaml", "isolation: vm\n");
  write("deployments/notes.txt", "skerry: deployment/1\nrecipe: ripgrep\nisolation: vm\n");
  assert.deepEqual(await names(), []);
  write("deployments/app.yaml", "skerry: deployment/1\nrecipe: ripgrep\nisolation: vm\n");
  assert.deepEqual(await names(), ["qemu-system-x86", "erofs-utils"]);
  const disk = "system: { answer: subset, file: /srv/system.iso }";
  write("deployments/debian.yaml", `skerry: deployment/1\nrecipe: own-system\nisolation: vm\ndisks: { ${disk} }\n`);
  assert.deepEqual(await names(), ["qemu-system-x86", "erofs-utils", "ovmf"]);
  write(
    "recipes/secure.yaml",
    "skerry: recipe/1\nsummary: A system\nimage: disk\nmachine: { firmware: bios, tpm: true }\n",
  );
  const own = "work: { answer: empty, size: 1 GiB }";
  write("deployments/debian.yaml", `skerry: deployment/1\nrecipe: secure\nisolation: vm\ndisks: { ${own} }\n`);
  assert.deepEqual(await names(), ["qemu-system-x86", "erofs-utils", "swtpm", "qemu-utils"]);
});
