/**
 * Virtual machines, beside a bare QEMU with the same kernel: how long it takes until an app says its first word, and how fast
 * it reads a granted folder. The bare one is what one would type by hand: the same first root, and a shell of busybox's in it;
 * the app is a shell as well.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENVIRONMENT, imageOf, ownRecipe, PLACES, SKERRY, skerry } from "./home.ts";
import { measureCopy, measureEntry } from "./vm-entry.ts";
import { type Figure, inTurn, type Measured, msFigure, type Runner } from "./measure.ts";

const NAME = "bench-vm";
/** The same in a container. */
const BESIDE = "bench-vm-beside";
const WORD = "first word";
/** Of Debian's qemu-system-common. */
const VIRTIOFSD = "/usr/lib/qemu/virtiofsd";
const MEBIBYTE = 1024 * 1024;

/** Each far more than a reader fetches ahead. Of one alone, half of the time is what an emulated machine does for the first time. */
const FILE_MIB = 96;
const FILES = [1, 2, 3];

/** Of /proc/uptime before and after, a while after the start: what a start still does is none of this figure's, on either side. */
function readingOf(folder: string): string {
  const read = `for n in ${FILES.join(" ")}; do dd if=${folder}/$n of=/dev/null bs=1M 2>/dev/null; done`;
  return `sleep 4; read -r a b </proc/uptime; ${read}; read -r c d </proc/uptime; echo took $a $c`;
}

export async function measureMachines(rounds: number): Promise<readonly Figure[]> {
  const scratch = mkdtempSync(join(tmpdir(), "skerry-bench-"));
  try {
    const folder = join(scratch, "folder");
    mkdirSync(folder);
    for (const file of FILES) writeFileSync(join(folder, String(file)), Buffer.alloc(FILE_MIB * MEBIBYTE, "skerry"));
    machineOf(folder);
    skerry("run", "-q", NAME, "--", "-c", "true");
    const ours = (...words: readonly string[]) => [SKERRY, "run", "-q", NAME, "--", ...words] as const;
    const first = (name: string, argv: readonly string[]): Runner => ({ name, run: async () => await firstWord(argv) });
    const speak = `echo ${WORD}; /bin/poweroff -f`;
    skerry("vm", "snapshot", "-q", NAME);
    const clone = [SKERRY, "run", "-q", "--clone", NAME, "--", "-c", `echo ${WORD}`];
    const [app, cloned, bare, sameWords] = await inTurn(
      [
        first("a cold start", ours("-c", `echo ${WORD}`)),
        first("clone", clone),
        first("bare QEMU, busybox", byHand([], speak)),
        first("the same with our kernel's words", byHand([], speak, "cryptomgr.notests")),
      ],
      rounds,
    );
    const reads = await readsOf(folder, ours, rounds * 2);
    const entry = await measureEntry({ machine: NAME, container: BESIDE }, rounds);
    const copy = await measureCopy(NAME);
    if (app === undefined || cloned === undefined || bare === undefined || sameWords === undefined)
      throw new Error("four were asked for");
    const amount = `machine: ${FILES.length * FILE_MIB} MiB of a folder`;
    return [
      msFigure("machine: first word of a clone", cloned, app, 0.2),
      msFigure("machine: first word of an app", app, sameWords, undefined),
      msFigure("machine: first word of an app", app, bare, 1.5),
      msFigure(amount, reads.app, reads.plan9, 1.1),
      ...(reads.virtiofs === undefined ? [] : [msFigure(amount, reads.app, reads.virtiofs, 1.1)]),
      ...entry,
      copy,
    ];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A deployment with one folder, in a machine; whoever runs as another user may read it. */
function machineOf(folder: string): void {
  ownRecipe(NAME, ["ripgrep"], "requests:\n  folder: { service: folder, why: measured, inside: /work }\n", "/bin/sh");
  mkdirSync(`${PLACES.config}/deployments`, { recursive: true, mode: 0o700 });
  const answers = `answers: { folder: { answer: real, folder: ${folder} } }`;
  const text = `skerry: deployment/1\nrecipe: ${NAME}\nisolation: vm\n${answers}\n`;
  writeFileSync(`${PLACES.config}/deployments/${NAME}.yaml`, text);
  writeFileSync(`${PLACES.config}/deployments/${BESIDE}.yaml`, text.replace("isolation: vm\n", ""));
}

interface Reads {
  readonly app: Measured;
  readonly plan9: Measured;
  /** Undefined where this host has no daemon for it. */
  readonly virtiofs: Measured | undefined;
}

async function readsOf(
  folder: string,
  ours: (...words: readonly string[]) => readonly string[],
  rounds: number,
): Promise<Reads> {
  const runner = (name: string, argv: readonly string[]): Runner => ({
    name,
    run: async () => {
      const took = /took ([\d.]+) ([\d.]+)/.exec(await outputOf(argv));
      if (took === null) throw new Error(`${name} read nothing`);
      return (Number(took[2]) - Number(took[1])) * 1000;
    },
  });
  const share = ["-fsdev", `local,id=f,path=${folder},security_model=none,readonly=on`];
  const device = ["-device", "virtio-9p-pci,fsdev=f,mount_tag=f"];
  const options = "ro,trans=virtio,version=9p2000.L,cache=mmap,msize=512000";
  const plan9 = readByHand([...share, ...device], `mount -t 9p -o ${options} f /r/mnt`);
  const runners = [runner("app", ours("-c", readingOf("/work"))), runner("the same 9p by hand", plan9)];
  if (existsSync(VIRTIOFSD)) runners.push(runner("virtio-fs by hand", virtiofsByHand(folder)));
  const [app, hand, virtiofs] = await inTurn(runners, rounds);
  if (app === undefined || hand === undefined) throw new Error("two were asked for");
  return { app, plan9: hand, virtiofs };
}

/** By the same program as in the app, from the same disk. @param mount - what is read, at `/r/mnt` */
function readByHand(more: readonly string[], mount: string): readonly string[] {
  const script = [
    ...["mount -t proc proc /proc", "for m in /modules/*; do insmod $m; done", "mkdir /r; mount -t devtmpfs dev /dev"],
    ...["mount -t erofs -o ro /dev/vda /r", mount, "mount -t proc proc /r/proc; mount -t devtmpfs dev /r/dev"],
    ...[`busybox chroot /r /bin/sh -c '${readingOf("/mnt")}'`, "poweroff -f"],
  ];
  const disk = `${PLACES.data}/store/layers/${imageOf(NAME).layers[0] ?? ""}/disk.erofs`;
  const drive = ["-drive", `id=d,if=none,format=raw,readonly=on,file=${disk}`, "-device", "virtio-blk-pci,drive=d"];
  return byHand([...more, ...drive], script.join("; "), "cryptomgr.notests");
}

/** Its daemon wants to be root, so an ordinary user gives it a range of users; the VMM shares all memory with it. */
function virtiofsByHand(folder: string): readonly string[] {
  const socket = `${folder}.socket`;
  const user = process.getuid?.() === 0 ? "" : "--map-auto --map-root-user";
  const daemon = `mount -t tmpfs own /run && exec "$0" --socket-path="$1" -o source="$2" -o cache=always`;
  const script = `rm -f ${socket}
    unshare --mount ${user} sh -c '${daemon}' ${VIRTIOFSD} ${socket} ${folder} >/dev/null 2>&1 &
    until [ -S ${socket} ]; do kill -0 $! || exit; sleep 0.02; done
    exec "$@"`;
  const memory = ["-object", "memory-backend-memfd,id=m,size=1024M,share=on", "-numa", "node,memdev=m"];
  const device = ["-chardev", `socket,id=f,path=${socket}`, "-device", "vhost-user-fs-pci,chardev=f,tag=f"];
  return ["/bin/sh", "-c", script, "sh", ...readByHand([...memory, ...device], "mount -t virtiofs -o ro f /r/mnt")];
}

/** Of this store's kernel, as a person would start it. */
function byHand(more: readonly string[], script: string, words = "quiet"): readonly string[] {
  const guests = `${PLACES.data}/store/guests`;
  const [guest = ""] = readdirSync(guests);
  return [
    ...["/usr/bin/qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"],
    ...["-M", "q35", "-accel", "tcg", "-cpu", "max,-cx16", "-kernel", `${guests}/${guest}/kernel`],
    ...["-initrd", `${guests}/${guest}/root.cpio`, "-m", "1024", ...more],
    ...["-append", `console=ttyS0 quiet panic=-1 ${words} rdinit=/bin/sh -- -c "export PATH=/bin; ${script}"`],
  ];
}

/** Milliseconds from before it is started until its first word is read; then it ends by itself. */
async function firstWord(argv: readonly string[]): Promise<number> {
  const begun = performance.now();
  let said: number | undefined;
  const text = await outputOf(argv, (so) => {
    if (so.includes(WORD)) said ??= performance.now() - begun;
  });
  if (said === undefined) throw new Error(`it never said a word of its own: ${text.slice(-300)}`);
  return said;
}

async function outputOf([program = "", ...rest]: readonly string[], heard?: (soFar: string) => void): Promise<string> {
  const child = spawn(program, rest, { env: ENVIRONMENT, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (piece) => {
    text += String(piece);
    heard?.(text);
  });
  await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  return text;
}
