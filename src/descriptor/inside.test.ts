import assert from "node:assert/strict";
import { test } from "node:test";
import { insideFault, overlaps } from "./inside.ts";

test("places of the app's own may be used", () => {
  const free =
    "/home/app /home/app/.config /home/app/a/b /work /work/x /srv /srv/www /mnt/x /media/x /data /data/x /opt/x" +
    " /var/lib/radicale-data /var/www /var/www/html /var/lib/dpkg-of-mine /anything";
  for (const path of free.split(" ")) assert.equal(insideFault(path), undefined, path);
});

test("places of the image and of the wall may not", () => {
  const taken =
    "/ /usr /usr/local /bin /bin/x /sbin /lib /lib32 /lib64 /lib64/x /libexec /etc /etc/passwd /proc /proc/1 /sys /dev" +
    " /dev/shm /boot /run /run/user /tmp /tmp/x /root /home /home/ada /home/application /opt /var /var/lib /var/cache/x" +
    " /var/lib/dpkg /var/lib/apt/lists /var/www2 /var/log";
  for (const path of taken.split(" ")) assert.equal(typeof insideFault(path), "string", path);
});

test("a path that is not clean is refused before it is looked at", () => {
  for (const path of ["", ".", "work", "/work/", "//work", "/work/../etc", "/./work", `/${"a".repeat(256)}`, "/a\0b"]) {
    assert.match(insideFault(path) ?? "", /not a clean absolute path/, path);
  }
});

test("two things at one place overlap once, and the later one is to blame", () => {
  const thing = (what: string, inside: string) => ({ what, inside });
  const blamed = (...things: readonly { readonly what: string; readonly inside: string }[]) =>
    overlaps(things).map(({ thing, other }) => `${thing.what} in ${other.what}`);
  assert.deepEqual(blamed(thing("a", "/work"), thing("b", "/work")), ["b in a"]);
  assert.deepEqual(blamed(thing("a", "/work/x"), thing("b", "/work")), ["a in b"]);
  assert.deepEqual(blamed(thing("a", "/work"), thing("b", "/workshop"), thing("c", "/data")), []);
});
