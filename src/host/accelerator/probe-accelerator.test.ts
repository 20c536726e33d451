import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bootProbe, probeAccelerator } from "./probe-accelerator.ts";
import { probeProgram } from "./probe-program.ts";
import { whyEmulated } from "./words.ts";

const QEMU = "/usr/bin/qemu-system-x86_64";
const folder = mkdtempSync(join(tmpdir(), "skerry-accelerator-"));
after(() => rmSync(folder, { recursive: true }));

/** A stand-in for QEMU, which counts how often it was started. */
function standIn(name: string, act: string): { readonly qemu: string; readonly starts: () => number } {
  const [qemu, counted] = [join(folder, name), join(folder, `${name}.starts`)];
  writeFileSync(qemu, `#!/bin/sh\necho x >>${counted}\n${act}\n`);
  chmodSync(qemu, 0o755);
  return { qemu, starts: () => (existsSync(counted) ? readFileSync(counted, "utf8").length / 2 : 0) };
}

test("the probe's program is an ELF with a note that says where it begins", () => {
  const elf = probeProgram();
  assert.equal(elf.subarray(0, 6).toString("latin1"), "\x7fELF\x02\x01");
  const note = Number(elf.readBigUInt64LE(64 + 56 + 8));
  assert.equal(elf.subarray(note + 12, note + 16).toString("latin1"), "Xen\0");
  assert.equal(elf.readUInt32LE(note + 16), Number(elf.readBigUInt64LE(24)));
});

test("emulated, the program counts, says so, and ends the machine", async (context) => {
  if (process.arch !== "x64" || !existsSync(QEMU)) return context.skip("cannot here: QEMU for amd64 is not installed");
  assert.equal(await bootProbe(QEMU, "tcg"), "counted");
});

test("a verdict is remembered for this boot and this QEMU, and no longer", async () => {
  const { qemu, starts } = standIn("good", "echo counted; exit 33");
  const wanted = { device: "opens", qemu, file: join(folder, "good.json") } as const;
  assert.deepEqual(await probeAccelerator(wanted), { kind: "kvm", because: undefined });
  assert.deepEqual((await probeAccelerator(wanted)).kind, "kvm");
  assert.equal(starts(), 1);
  writeFileSync(wanted.file, "{");
  assert.equal((await probeAccelerator(wanted)).kind, "kvm");
  assert.equal(starts(), 2);
  standIn("good", "echo counted; exit 33; another one");
  assert.equal((await probeAccelerator(wanted)).kind, "kvm");
  assert.equal(starts(), 3);
});

test("a host that stands still for a moment is asked once more", async () => {
  const { qemu, starts } = standIn(
    "late",
    `[ "$(wc -l <${folder}/late.starts)" = 2 ] || exec sleep 1000; echo counted; exit 33`,
  );
  const wanted = { device: "opens", qemu, file: join(folder, "late.json") } as const;
  assert.equal((await probeAccelerator(wanted)).kind, "kvm");
  assert.equal(starts(), 2);
});

test("a processor that is too slow, fails or says something else is not used", async () => {
  for (const [name, act, because] of [
    ["slow", "exec sleep 1000", "slow"],
    ["fails", "exit 1", "fails"],
    ["says", "echo else; exit 33", "fails"],
  ] as const) {
    const { qemu } = standIn(name, act);
    const verdict = await probeAccelerator({ device: "opens", qemu, file: join(folder, `${name}.json`) });
    assert.deepEqual(verdict, { kind: "emulated", because });
    assert.match(whyEmulated(verdict) ?? "", /trial/);
  }
});

test("without a device or QEMU nothing is tried", async () => {
  const { qemu, starts } = standIn("untried", "exit 1");
  const file = join(folder, "untried.json");
  assert.equal((await probeAccelerator({ device: "closed", qemu, file })).because, "closed");
  assert.equal((await probeAccelerator({ device: "absent", qemu, file })).because, "absent");
  assert.equal((await probeAccelerator({ device: "opens", qemu: undefined, file })).because, "no-qemu");
  assert.equal(starts(), 0);
});
