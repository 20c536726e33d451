import assert from "node:assert/strict";
import { test } from "node:test";
import { readPolicy } from "./apt-policy.ts";

const SAID = `bash:
  Installed: (none)
  Candidate: 5.2.37-2+b5
  Version table:
     5.2.37-2+b5 500
        500 http://deb.debian.org/debian trixie/main amd64 Packages
libssl3t64:
  Installed: (none)
  Candidate: 3.5.1-1+deb13u1
  Version table:
     3.5.1-1+deb13u1 500
        500 http://deb.debian.org/debian-security trixie-security/main amd64 Packages
     3.5.1-1 500
        500 http://deb.debian.org/debian trixie/main amd64 Packages
gone:
  Installed: (none)
  Candidate: (none)
  Version table:
older:
  Installed: (none)
  Candidate: 2
  Version table:
     2 500
        500 http://deb.debian.org/debian trixie/main amd64 Packages
     1 500
        500 http://deb.debian.org/debian-security trixie-security/main amd64 Packages
`;

test("the newest version is read with whether a security archive has it", () => {
  assert.deepEqual(
    [...readPolicy(SAID)],
    [
      ["bash", { version: "5.2.37-2+b5", security: false }],
      ["libssl3t64", { version: "3.5.1-1+deb13u1", security: true }],
      ["older", { version: "2", security: false }],
    ],
  );
});

test("what is no answer of apt's names no version", () => {
  assert.deepEqual(
    [...readPolicy("../evil:\n  Candidate: 1\nx\n  Candidate: 2\nbash:\n  Candidate: \u001b[31m\n")],
    [],
  );
});
