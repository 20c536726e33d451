/** Packages that mean harm: what their archives and their scripts try stays inside the layer, or ends the build. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import {
  type Archive,
  type BuildTrial,
  makeArchive,
  makeBuildTrial,
  NO_GPG,
} from "../hostile/packages/archive.fixture.ts";
import type { DebSpec, TarEntry } from "../hostile/packages/deb.fixture.ts";
import { processesSaying, until } from "./life.fixture.ts";
import { CACHE } from "./trial.fixture.ts";

/** Outside of everything that is Skerry's: must stay as it is. */
const CANARY = `${CACHE}/canary-${process.pid}`;

/** In names of what scripts and archives try to make outside. */
const MARK = `skerry-evil-${process.pid}`;

const folder = (name: string): TarEntry => ({ name, type: "5", mode: 0o755 });

/** Packages whose names say what they try. Each is the only one of a recipe of the same name. */
const PACKAGES: readonly DebSpec[] = [
  {
    name: "set-id",
    files: [
      folder("./usr/"),
      folder("./usr/bin/"),
      { name: "./usr/bin/set-id", mode: 0o6755, content: "#!/bin/sh\n" },
      { name: "./usr/bin/set-id-other", mode: 0o4644, content: "" },
    ],
    // The layer's own find is not to be believed.
    scripts: {
      postinst: `cp /bin/true /usr/bin/set-id-made
chmod 6755 /usr/bin/set-id-made
chown 1:1 /usr/bin/set-id-other && chmod 6755 /usr/bin/set-id-other
printf '#!/bin/sh\\nexit 0\\n' > /usr/local/find
chmod 755 /usr/local/find
mv /usr/bin/find /usr/bin/find.real
cp /usr/local/find /usr/bin/find
cp /usr/local/find /usr/bin/chmod`,
    },
  },
  {
    name: "file-rights",
    // A file that carries capabilities: version 2 of the attribute, CAP_SETUID, effective.
    scripts: {
      postinst: `cp /bin/true /usr/bin/able
cat > /tmp/set.pl <<'END'
my $value = pack("V5", 0x02000001, 1 << 7, 0, 0, 0);
my $name = "security.capability";
my $path = "/usr/bin/able";
syscall(188, $path, $name, $value, length($value), 0) == 0 or die "setxattr: $!";
END
perl /tmp/set.pl`,
    },
  },
  { name: "device-node", files: [folder("./dev-nodes/"), { name: "./dev-nodes/disk", type: "4", device: [8, 0] }] },
  { name: "char-node", files: [folder("./dev-nodes/"), { name: "./dev-nodes/mem", type: "3", device: [1, 1] }] },
  {
    name: "through-link",
    files: [
      folder("./etc/"),
      { name: "./etc/evil", type: "2", link: `../../../../../../../..${CANARY}` },
      { name: `./etc/evil/${MARK}`, content: "out" },
    ],
  },
  {
    name: "dot-dot",
    files: [{ name: `./../../../../../../../../../..${CANARY}/${MARK}`, content: "out" }],
  },
  { name: "absolute", files: [{ name: `${CANARY}/${MARK}`, content: "out" }] },
  { name: "hard-link", files: [folder("./etc/"), { name: "./etc/evil-link", type: "1", link: `${CANARY}/one` }] },
  {
    name: "odd-names",
    files: [
      folder("./etc/"),
      { name: "./etc/a\u001b[31mred\u0007", content: "odd" },
      { name: "./etc/-rf", content: "odd" },
    ],
  },
  {
    name: "mount-points",
    files: [
      { name: "./work", type: "2", link: "/" },
      { name: "./mnt/", type: "5", mode: 0o755 },
      { name: "./mnt/data", type: "2", link: "/etc" },
    ],
  },
  {
    name: "passwd-link",
    scripts: { postinst: "mv /etc/passwd /etc/passwd.real\nln -s passwd.real /etc/passwd\nexit 0" },
  },
  { name: "passwd-pipe", scripts: { postinst: "rm /etc/passwd\nln -s /proc/kmsg /etc/passwd\n" } },
  {
    name: "looks-around",
    scripts: {
      postinst: `fail() { echo "REACHED: $1"; exit 9; }
test ! -e ${CANARY} || fail canary
test ! -e /home/ada || fail homes
test ! -e /work || fail work
test "$(cat /proc/1/comm)" = bwrap || fail "processes of the host: $(cat /proc/1/comm)"
test "$(wc -l < /proc/net/route)" = 1 || fail route

test "$(grep -c : /proc/net/dev)" = 1 || fail interfaces
! bash -c ': < /dev/tcp/127.0.0.1/PORT' 2>/dev/null || fail network
for d in /dev/sda /dev/vda /dev/mem /dev/kmsg /dev/kvm /dev/fuse; do test ! -e $d || fail $d; done
! mount -t tmpfs none /mnt 2>/dev/null || fail mount
! mount -t proc proc /mnt 2>/dev/null || fail proc
! mount -o remount,rw /proc/sys 2>/dev/null || fail remount
! umount /proc/sys 2>/dev/null || fail umount
! unshare -r true 2>/dev/null || fail "user namespace"
! unshare -rmpf mount -t proc proc /mnt 2>/dev/null || fail "proc of its own"
! ( : >> /proc/sys/kernel/core_pattern ) 2>/dev/null || fail core_pattern
! ( : >> /proc/sysrq-trigger ) 2>/dev/null || fail sysrq
! mknod /tmp/disk b 8 0 2>/dev/null || fail mknod
! mknod /tmp/zero c 1 5 2>/dev/null || fail mknod
! perl -e 'chroot("/tmp"); chdir("../../../../../.."); chroot("."); exit(-e "${CANARY}" ? 0 : 1)' || fail chroot
test "$(ls /proc | grep -c '^[0-9]')" -lt 20 || fail processes
for p in / /tmp /etc /usr; do ( : > $p/${MARK} ) || true; done
echo looked > /usr/share/looked`,
    },
  },
  {
    name: "stays-behind",
    scripts: { postinst: `setsid bash -c 'exec -a ${MARK}-sleeper sleep 1000' </dev/null >/dev/null 2>&1 &` },
  },
  { name: "two-lines", files: [folder("./etc/"), { name: "./etc/two\nlines", content: "odd" }] },
  { name: "fails", scripts: { postinst: 'echo "no luck today"\nexit 7' } },
];

let archive: Archive;
let trial: BuildTrial;
let listener: ReturnType<typeof createServer>;
let reached = 0;

before(async () => {
  if (NO_GPG !== false) return;
  mkdirSync(CANARY, { recursive: true });
  writeFileSync(`${CANARY}/one`, "one");
  listener = createServer((socket) => {
    reached++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const made = PACKAGES.map((spec) => ({
    ...spec,
    scripts: Object.fromEntries(
      Object.entries(spec.scripts ?? {}).map(([name, text]) => [name, text.replaceAll("PORT", String(port))]),
    ),
  }));
  archive = await makeArchive(made);
  trial = makeBuildTrial(archive);
  for (const { name } of PACKAGES) trial.recipe(name, [name]);
});

after(async () => {
  if (NO_GPG !== false) return;
  await trial.close();
  await archive.close();
  listener.close();
  rmSync(CANARY, { recursive: true, force: true });
});

/** Builds, and looks that nothing was left half and nothing outside was touched. */
async function build(name: string) {
  const ended = await trial.skerry(["build", name]);
  assert.deepEqual(trial.stored("building"), [], `${name} left a half build`);
  assert.deepEqual(readdirSync(CANARY), ["one"], `${name} wrote outside`);
  assert.equal(readFileSync(`${CANARY}/one`, "utf8"), "one");
  assert.equal(lstatSync(`${CANARY}/one`).nlink, 1, `${name} linked to what is outside`);
  for (const place of ["/", "/etc", "/tmp", "/usr", trial.home, `${trial.home}/files`])
    assert.ok(!existsSync(`${place}/${MARK}`), `${name} wrote ${place}/${MARK}`);
  return ended;
}

/** Path of the top layer's file system. */
function layerOf(recipe: string): string {
  const image: { readonly layers: readonly string[] } = JSON.parse(
    readFileSync(`${trial.home}/data/images/${recipe}.json`, "utf8"),
  );
  return `${trial.home}/data/store/layers/${image.layers.at(-1)}/fs`;
}

const options = { skip: NO_GPG };

test("no file of a layer is set-id, whatever the layer's own tools say", options, async () => {
  const ended = await build("set-id");
  assert.equal(ended.code, 0, ended.stderr);
  for (const name of ["set-id", "set-id-made", "set-id-other"]) {
    const { mode } = lstatSync(`${layerOf("set-id")}/usr/bin/${name}`);
    assert.equal((mode & 0o6000).toString(8), "0", name);
  }
});

test("no file of a layer carries capabilities", options, async (t) => {
  const ended = await build("file-rights");
  if (/setxattr: /.test(ended.stderr)) assert.fail(ended.stderr);
  assert.equal(ended.code, 0, ended.stderr);
  const able = `${layerOf("file-rights")}/usr/bin/able`;
  assert.ok(existsSync(able));
  if (!existsSync("/usr/sbin/getcap")) {
    t.skip("cannot here: getcap is not installed (Debian's package libcap2-bin)");
    return;
  }
  assert.equal(spawnSync("/usr/sbin/getcap", [able]).stdout.toString(), "");
});

for (const name of ["device-node", "char-node"]) {
  test(`an archive with a ${name} ends the build, and the message names it`, options, async () => {
    const ended = await build(name);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /dev-nodes\/(?:disk|mem)/);
    assert.match(ended.stderr, /Operation not permitted/);
    assert.ok(!existsSync(`${trial.home}/data/images/${name}.json`));
  });
}

for (const name of ["through-link", "dot-dot", "absolute", "hard-link"]) {
  test(`an archive that leads outside (${name}) ends inside its layer`, options, async () => {
    const ended = await build(name);
    // Built or refused: what counts is looked at in build().
    assert.ok([0, 1].includes(ended.code), ended.stderr);
    if (ended.code !== 0) assert.match(ended.stderr, new RegExp(`build ${name}: .* failed`));
  });
}

test("odd file names are no more than names, and nothing of them reaches the terminal", options, async () => {
  const ended = await build("odd-names");
  assert.equal(ended.code, 0, ended.stderr);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  assert.doesNotMatch(ended.stdout + ended.stderr, /[\u001b\u0007]/);
  assert.ok(existsSync(`${layerOf("odd-names")}/etc/-rf`));
});

test("links where mount points will be lead nowhere", options, async () => {
  const ended = await build("mount-points");
  assert.equal(ended.code, 0, ended.stderr);
  const text = readFileSync(`${trial.home}/config/recipes/mount-points.yaml`, "utf8");
  const request = "requests: { files: { service: folder, why: to see, inside: /work, verbs: [read] } }\n";
  const volume = "volumes: { data: { class: data, inside: /mnt/data/deep } }\n";
  writeFileSync(`${trial.home}/config/recipes/mount-points.yaml`, `${text}${request}${volume}`);
  const ran = await trial.skerry(["run", "--rm", "mount-points", `--folder=${CANARY}:/work=real`]);
  // It starts with what was granted in its place, or it says why it cannot; it never mounts over another place.
  if (ran.code !== 0) assert.match(ran.stderr, /work|mnt/);
  assert.deepEqual(readdirSync(CANARY), ["one"]);
  assert.ok(!existsSync(`${layerOf("mount-points")}/etc/deep`));
});

test("a layer whose passwd is a link is read inside it", options, async () => {
  const ended = await build("passwd-link");
  assert.equal(ended.code, 0, ended.stderr);
});

test("a passwd that leads to the kernel's log ends the build", options, async () => {
  const ended = await build("passwd-pipe");
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /passwd/);
});

test("a script sees no host: files, processes, network, devices, mounts, namespaces", options, async () => {
  const ended = await build("looks-around");
  assert.doesNotMatch(ended.stderr, /REACHED/);
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(reached, 0);
  assert.equal(readFileSync(`${layerOf("looks-around")}/usr/share/looked`, "utf8"), "looked\n");
});

test("what a script leaves running ends with the build", options, async () => {
  const ended = await build("stays-behind");
  assert.equal(ended.code, 0, ended.stderr);
  // bubblewrap says that it has ended before the kernel has ended all that was in it.
  await until("what it left running has ended", () => processesSaying(`${MARK}-sleeper`).length === 0);
});

test("a script that fails ends the build with its own words", options, async () => {
  const ended = await build("fails");
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /no luck today/);
  assert.match(ended.stderr, /error: build fails: install 1 packages failed/);
});

test("a file name of two lines ends the build, and is shown escaped", options, async () => {
  const ended = await build("two-lines");
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /newline not allowed/);
});
