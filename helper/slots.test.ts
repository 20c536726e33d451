/** `slot` outside of any machine: with folders where a machine has them, and an app behind bubblewrap. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, describe, test } from "node:test";
import { CANNOT_HERE, closeWorkshop, openWorkshop } from "./helper.fixture.ts";

/** In namespaces of its own, with rights over them, as the first programs of a machine are. */
const MACHINE = [
  ...["--unshare-user", "--unshare-pid", "--uid", "0", "--gid", "0", "--cap-add", "ALL", "--die-with-parent"],
  ...["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"],
  ...["--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"],
  ...["--tmpfs", "/folders/folder0", "--tmpfs", "/start/slots"],
];

/** An app that was started with the folder, and four who keep something of it. */
const BEGINNING = `
set -e
mkdir -p /folders/folder0/here/below /start/slots/folder0
echo text >/folders/folder0/here/name
mount --make-shared /start/slots
keeps='
  (cd /mnt/below; echo $BASHPID >>/tmp/holders; exec sleep 100) &
  (exec 7</mnt/name; echo $BASHPID >>/tmp/holders; exec sleep 100) &
  (unshare --user --mount --propagation private sh -c "echo \\$\\$ >>/tmp/holders; exec sleep 100") &
  (echo $BASHPID >>/tmp/others; exec sleep 100) &
  until [ "$(cat /tmp/holders /tmp/others | wc -l)" = 4 ]; do sleep 0.01; done
  touch /tmp/up; wait; exec sleep 100'
/usr/bin/bwrap --unshare-user --unshare-pid --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib \\
  --symlink usr/lib64 /lib64 --dev /dev --bind /tmp /tmp --ro-bind /start/slots/folder0 /mnt \\
  --bind /folders/folder0/here /mnt --json-status-fd 5 -- bash -c "$keeps" 5>/tmp/status &
until [ -e /tmp/up ]; do sleep 0.01; done
child=$(grep -o '"child-pid": [0-9]*' /tmp/status | cut -d' ' -f2)
ticks=$(cut -d' ' -f22 "/proc/$child/stat")
slot() { "$HELPER" slot --child "$child" --start-ticks "$ticks" -- "$@"; }
inside() { nsenter --user --mount --pid --target "$child" --preserve-credentials -- "$@" 2>&1; }
`;

describe("a folder's place in a machine", { skip: CANNOT_HERE }, () => {
  const workshop = openWorkshop();
  after(() => closeWorkshop(workshop));

  const machine = (script: string): string => {
    const words = [...MACHINE, "--ro-bind", workshop.helper, "/helper", "--setenv", "HELPER", "/helper", "--"];
    const options = { encoding: "utf8", timeout: 60_000 } as const;
    const done = spawnSync("/usr/bin/bwrap", [...words, "bash", "-c", BEGINNING + script], options);
    assert.equal(done.status, 0, done.stdout + done.stderr);
    return done.stdout;
  };

  test("what was shown from the start is taken away with those who hold it, and nobody else, and comes back", () => {
    const said = machine(`
      inside cat /mnt/name
      slot hide folder0 end
      inside ls -A /mnt
      for pid in $(cat /tmp/holders); do inside kill -0 $pid && echo $pid lives; done || true
      inside kill -0 $(cat /tmp/others) && echo other lives
      slot show folder0
      inside cat /mnt/name
      slot show folder0
      inside cat /mnt/name; slot hide folder0 end; inside ls -A /mnt; grep -c ' /start/slots/' /proc/self/mountinfo || true
    `);
    // What has ended is a zombie in this small world until its parent asks for it, and bash does.
    assert.match(said, /^text\n3\n(.*No such process\n)*other lives\ntext\ntext\n0\n0\n$/);
  });

  test("who holds it can be counted, and lives on", () => {
    const said = machine(
      `slot hide folder0 count; for pid in $(cat /tmp/holders); do inside kill -0 $pid && echo lives; done`,
    );
    assert.equal(said, "3\nlives\nlives\nlives\n");
  });

  test("in a whole system the place is the folder's own, what was shown is taken from whoever holds it, and the rest stays", () => {
    const words = [...MACHINE, ...["--tmpfs", "/run/skerry/folders/folder0", "--tmpfs", "/srv"]];
    const script = `
      set -e
      mkdir -p /run/skerry/folders/folder0/here/below /srv/docs/own
      echo text >/run/skerry/folders/folder0/here/name
      mount --make-shared /srv
      mount --bind /run/skerry/folders/folder0/here /srv/docs
      slot() { "$HELPER" slot --place /srv/docs -- "$@"; }
      (cd /srv/docs/below; echo $BASHPID >/tmp/holder; exec sleep 100) &
      (exec 7</srv/docs/name; echo $BASHPID >/tmp/second; exec sleep 100) &
      (echo $BASHPID >/tmp/other; exec sleep 100) &
      unshare --mount --propagation slave sh -c 'echo $$ >/tmp/apart; exec sleep 100' &
      for file in holder second other apart; do until [ -s /tmp/$file ]; do sleep 0.01; done; done
      slot hide folder0 count
      slot hide folder0 end
      ls -A /srv/docs
      wait $(cat /tmp/holder) $(cat /tmp/second) || true
      kill -0 $(cat /tmp/other); kill -0 $(cat /tmp/apart)
      slot show folder0; slot show folder0
      cat /srv/docs/name; cat /run/skerry/folders/folder0/here/name
      grep -c ' /srv/docs ' /proc/self/mountinfo
      slot hide folder0 end
      grep -c ' /srv/docs ' /proc/self/mountinfo || true
      "$HELPER" slot --place /srv/nowhere -- show folder0 2>&1 || true
      kill $(cat /tmp/other) $(cat /tmp/apart)`;
    const own = [...words, "--ro-bind", workshop.helper, "/helper", "--setenv", "HELPER", "/helper", "--"];
    const options = { encoding: "utf8", timeout: 60_000 } as const;
    const done = spawnSync("/usr/bin/bwrap", [...own, "bash", "-c", script], options);
    assert.equal(done.status, 0, done.stdout + done.stderr);
    assert.equal(
      done.stdout,
      "2\n2\nown\ntext\ntext\n1\n0\n0\nskerry-helper: slot: /run/skerry/folders/folder0/here: No such file or directory\n",
    );
  });

  test("a name that is none, and an app that is gone, are refused", () => {
    const said = machine(`
      for name in ../folder0 '' folder9; do slot show "$name" 2>&1 || true; done
      ticks=1; slot hide folder0 end 2>&1 || true`);
    assert.deepEqual(said.trim().split("\n"), [
      "skerry-helper: slot: ../folder0: not a name",
      "skerry-helper: slot: : not a name",
      "skerry-helper: slot: /folders/folder9: No such file or directory",
      said.trim().split("\n").at(-1),
    ]);
    assert.match(said, /is another one by now; the compartment has ended\n$/);
  });
});
