/**
 * Granted doors of both walls: the same deployment in a container and in a machine, with folders, secrets, variables and
 * limits, and the same program that looks at them from inside and tries to get more. One start for each wall.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Answers, projectIn } from "./doors.fixture.ts";
import { commandOf, done, json, listed, processesSaying, until } from "./life.fixture.ts";
import { familyOf, processorSecondsOf } from "./machine.fixture.ts";
import { endOf, lacksForMachines, makeTrial, type Trial } from "./trial.fixture.ts";

/** What fixtures/granted.py reports. */
interface Seen {
  readonly folders: Readonly<Record<string, readonly string[] | string>>;
  readonly read: Answers;
  readonly chosen: readonly string[];
  readonly nothing: readonly string[];
  readonly shut: Readonly<Record<string, Answers>>;
  readonly others: Readonly<Record<string, Answers>>;
  readonly up: readonly (readonly string[] | string)[];
  readonly found: readonly string[];
  readonly owned: string;
  readonly "set-id": readonly (string | number | readonly string[])[];
  readonly nodes: readonly string[];
  readonly work: unknown;
  readonly mapped: string;
  readonly lock: string;
  readonly added: string;
  readonly environment: Answers;
  readonly secrets: { readonly tried: readonly string[] } & Readonly<Record<string, unknown>>;
  readonly volumes: readonly string[];
  readonly mounts: string;
}

const IS_ROOT = process.getuid?.() === 0;

/** Emulated, at half of a processor, and on a machine with other work. */
const LIMIT_MS = 400_000;

/** In no file but those that mean to hold it; others may run this test at the same time. */
const MARK = `klabautermann-${randomBytes(6).toString("hex")}`;

const PROGRAM = readFileSync(join(import.meta.dirname, "fixtures/granted.py"), "utf8");

/** One that is denied is there and shut, so that it can be granted while the app runs. */
const FOLDERS = ["chosen", "nothing", "reading", "real", "shut", "subset"];

const REQUESTS = ["real", "subset", "chosen", "nothing", "shut"].map(
  (name) => `  ${name}: { service: folder, why: to try, verbs: [read, write], inside: /mnt/${name} }\n`,
);
const VARIABLES = ["real", "empty", "fake", "deny"].map(
  (answer) => `  var-${answer}: { service: variable, name: VAR_${answer.toUpperCase()}, why: to try }\n`,
);
const RECIPE = `skerry: recipe/1
summary: A shell to try doors with
packages: [bash, git, python3, build-essential, ca-certificates, less]
programs: { shell: /bin/bash }
requests:
  reading: { service: folder, why: to try, verbs: [read], inside: /mnt/reading }
${REQUESTS.join("")}${VARIABLES.join("")}volumes:
  data: { class: data, inside: /home/app/data }
  scratch: { class: temp, inside: /var/lib/scratch }
`;

for (const wall of ["container", "vm"] as const)
  describe(`granted doors of a ${wall}`, { skip: wall === "vm" && lacksForMachines() }, () => {
    let trial: Trial;
    let listener: Server;
    let seen: Seen;
    let stderr = "";
    let real: string;
    let reading: string;
    let say: (line: string) => Promise<unknown>;
    let close: () => Promise<number>;
    let enforces: (limit: "memory" | "cpu") => boolean;
    const owner = () => `${trial.files}/owner`;

    before(async () => {
      trial = makeTrial();
      const told: {
        readonly cgroup: Readonly<Record<"memory" | "cpu", string | null>>;
        readonly systemd: { readonly user: boolean };
      } = JSON.parse((await done(trial, ["facts", "--json"])).stdout);
      enforces = (limit) => told.systemd.user || told.cgroup[limit] !== null;
      mkdirSync(owner());
      writeFileSync(`${owner()}/key`, `${MARK}-key`, { mode: 0o600 });
      writeFileSync(`${owner()}/handed`, `${MARK}-handed`, { mode: 0o600 });
      writeFileSync(`${trial.files}/neighbour`, `${MARK}-neighbour`);
      [real = "", reading = ""] = ["real", "reading"].map((name) => projectIn(trial, name));
      for (const name of ["subset", "chosen", "nothing", "shut"]) projectIn(trial, name);
      listener = createServer((socket) => socket.on("error", () => {}).end(`${MARK}-listener`));
      await new Promise<void>((resolve) => listener.listen(`${trial.files}/listener`, resolve));
      chmodSync(`${trial.files}/listener`, 0o777);
      for (const folder of [real, reading]) furnish(folder);
      mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
      mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
      writeFileSync(`${trial.home}/config/recipes/dev-shell.yaml`, RECIPE);
      writeFileSync(`${trial.home}/config/deployments/app.yaml`, deployment());
      await look();
    });

    after(async () => {
      listener?.close();
      await trial?.close();
    });

    /** What an owner's folder may hold that leads elsewhere. */
    function furnish(folder: string): void {
      symlinkSync("../neighbour", `${folder}/up`);
      symlinkSync(`${trial.files}/neighbour`, `${folder}/away`);
      symlinkSync("around", `${folder}/around`);
      spawnSync("/usr/bin/ln", [`${trial.files}/listener`, `${folder}/listener`]);
      for (const [name, mode] of [
        ["theirs", 0o600],
        ["shared", 0o644],
      ] as const) {
        writeFileSync(`${folder}/${name}`, `${name}\n`, { mode });
        if (IS_ROOT) chownSync(`${folder}/${name}`, 4321, 4321);
      }
      if (IS_ROOT) spawnSync("/usr/bin/mknod", ["-m", "666", `${folder}/device`, "c", "1", "3"]);
      else writeFileSync(`${folder}/device`, "");
    }

    function deployment(): string {
      const answer = (name: string, more = "") => `folder: ${trial.files}/${name}${more} }\n`;
      const limits = ["memory", "cpu"].flatMap((limit) =>
        enforces(limit === "cpu" ? "cpu" : "memory") || (wall === "vm" && limit === "memory")
          ? [limit === "cpu" ? "cpu: 50 %" : "memory: 256 MiB"]
          : [],
      );
      return `skerry: deployment/1
recipe: dev-shell
isolation: ${wall}
answers:
  reading: { answer: real, ${answer("reading")}  real: { answer: real, ${answer("real")}  subset: { answer: subset, ${answer("subset")}  chosen: { answer: subset, ${answer("chosen", ", files: [one.txt, sub/three.txt]")}  nothing: { answer: empty, ${answer("nothing")}  shut: deny
  var-real: real
  var-empty: empty
  var-fake: { answer: fake, value: "made up" }
  var-deny: deny
limits: { tasks: 40, ${limits.join(", ")} }
secrets:
  key: { file: ${owner()}/key }
  handed: { file: ${owner()}/handed, as: descriptor }
`;
    }

    async function look(): Promise<void> {
      const names = ["neighbour", "owner", "agent.sock", "deployments"];
      const argument = JSON.stringify({ outside: `${trial.files}/neighbour`, names });
      const words = ["run", "--quiet", "app", "--", "-c", 'exec python3 -c "$@"', "look", PROGRAM, argument];
      const environment = { VAR_REAL: "of the session", VAR_DENY: "not granted", OTHER: "nobody asked" };
      const app = trial.begin(words, { environment });
      const ended = endOf(app, LIMIT_MS);
      let [stdout, took] = ["", 0];
      app.stdout?.on("data", (piece) => (stdout += String(piece)));
      app.stderr?.on("data", (piece) => (stderr += String(piece)));
      const line = async (what: string): Promise<string> => {
        const text = await until(
          () => `${what}: ${stderr}`,
          () => {
            if (app.exitCode !== null) throw new Error(`it ended with ${app.exitCode}: ${stderr}`);
            const at = stdout.indexOf("\n", took);
            return at >= 0 && stdout.slice(took, at);
          },
          LIMIT_MS,
        );
        took += text.length + 1;
        return text;
      };
      say = async (word) => {
        app.stdin?.write(`${word}\n`);
        return JSON.parse(await line(word));
      };
      close = async () => {
        app.stdin?.end("end\n");
        return (await ended).code;
      };
      // What the program prints is its own, and each test knows the shape of it.
      seen = JSON.parse(await line("its report"));
    }

    test("a folder holds what its answer says, and what is for reading cannot be changed in any way", () => {
      const project = ["one.txt", "sub", "two.txt"];
      const more = ["around", "away", "device", "listener", "shared", "theirs", "up"];
      assert.deepEqual(seen.folders, {
        "/mnt/real": [...more, ...project].toSorted(),
        "/mnt/reading": [...more, ...project].toSorted(),
        "/mnt/subset": project,
        "/mnt/chosen": ["one.txt", "sub"],
        "/mnt/nothing": [],
        "/mnt/shut": "EACCES",
      });
      assert.deepEqual([...new Set(Object.values(seen.read))], ["one.txt is here\n"]);
      assert.deepEqual(seen.chosen, ["sub/three.txt is here\n", "EROFS", "EROFS"]);
      assert.deepEqual(seen.nothing, ["EROFS", "EACCES"]);
      for (const [folder, answers] of Object.entries(seen.shut))
        for (const [how, said] of Object.entries(answers))
          assert.match(
            said,
            how === "hard link" ? /^(EROFS|EXDEV)$/ : /^(EROFS|EPERM|EOPNOTSUPP)$/,
            `${folder}: ${how}`,
          );
      for (const name of ["reading", "subset"])
        assert.equal(readFileSync(`${trial.files}/${name}/one.txt`, "utf8"), "one.txt is here\n");
    });

    test("nothing beside, above or linked from a granted folder is reached, and neither are devices in it", () => {
      for (const answers of Object.values(seen.others)) {
        assert.deepEqual([answers["up"], answers["away"], answers["around"]], ["ENOENT", "ENOENT", "ELOOP"]);
        assert.equal(answers["theirs"], IS_ROOT ? "EACCES" : "theirs\n");
        assert.equal(answers["shared"], "shared\n");
        if (IS_ROOT) assert.match(answers["device"] ?? "", /^E(ACCES|ROFS|PERM)$/);
        // The folder's owner has let it in, and a machine has no way to it.
        assert.equal(answers["listener"], wall === "vm" ? "ECONNREFUSED" : `${MARK}-listener`);
      }
      const [above, neighbour, climbed, outside] = seen.up;
      assert.deepEqual(above, FOLDERS);
      assert.deepEqual([neighbour, outside], ["ENOENT", "ENOENT"]);
      assert.ok(Array.isArray(climbed) && !climbed.includes("neighbour") && climbed.includes("mnt"), String(climbed));
      assert.deepEqual(seen.found, []);
      assert.deepEqual(seen.nodes, ["EPERM", "EPERM"]);
      if (wall === "vm") assert.ok(!seen.mounts.includes(trial.files), "a machine knows no path of the host");
    });

    test("what is written in a folder is the owner's, with no right but his, and files do what files do", () => {
      assert.deepEqual([seen.added, seen.owned, seen.mapped], ["done", "done", "done"]);
      assert.equal(readFileSync(`${real}/one.txt`, "utf8"), "one.txt is here\nmore\n");
      assert.match(readFileSync(`${real}/two.txt`, "utf8"), /^MAPS/);
      assert.equal(seen.lock, "EAGAIN");
      assert.deepEqual(seen.work, [["away", "large"], 500_000, `${trial.files}/neighbour`]);
      const large = lstatSync(`${real}/made/large`);
      assert.deepEqual(
        [large.size, large.mode & 0o7777, large.mtimeMs, large.uid],
        [500_000, 0o640, 1e12, process.getuid?.()],
      );
      assert.equal(readlinkSync(`${real}/made/away`), `${trial.files}/neighbour`);
      assert.equal(readFileSync(`${trial.files}/neighbour`, "utf8"), `${MARK}-neighbour`);
      assert.equal(seen["set-id"].at(-1), 0);
      assert.equal(lstatSync(`${real}/lent`).mode & 0o6000, 0);
      for (const name of ["hard", "node", "new"]) assert.ok(!existsSync(`${real}/${name}`), name);
    });

    test("volumes keep what they are for", () => {
      assert.deepEqual(seen.volumes, ["done", "done"]);
      assert.equal(readFileSync(`${trial.home}/data/volumes/app/data/kept`, "utf8"), "kept\n");
      assert.deepEqual(readdirSync(`${trial.home}/data/volumes/app`), ["data"]);
    });

    test("variables are those that were granted", () => {
      const { VAR_REAL, VAR_EMPTY, VAR_FAKE, VAR_DENY, OTHER } = seen.environment;
      assert.deepEqual([VAR_REAL, VAR_EMPTY, VAR_FAKE], ["of the session", "", "made up"]);
      assert.deepEqual([VAR_DENY, OTHER], [undefined, undefined]);
    });

    test("a secret is the app's to read, and in no environment, process, log, plan or file on a disk", async () => {
      assert.deepEqual(seen.secrets, {
        ...{ listed: ["key"], key: `${MARK}-key`, handed: `${MARK}-handed`, mode: "0o400", own: true },
        tried: seen.secrets.tried,
      });
      for (const said of seen.secrets.tried) assert.match(said, /^E(ACCES|ROFS|BUSY|PERM)$/);
      assert.ok(!JSON.stringify(seen.environment).includes(MARK));
      assert.deepEqual(processesSaying(MARK).map(commandOf), []);
      const [row] = await listed(trial);
      for (const pid of familyOf(row?.pid ?? 0))
        assert.ok(!readFileSync(`/proc/${pid}/environ`, "latin1").includes(MARK), commandOf(pid));
      for (const words of ["plan app", "describe app --effective", "audit --json", "ps --json"]) {
        const said = await trial.skerry(words.split(" "));
        assert.ok(said.stdout.length > 0 && !`${said.stdout}${said.stderr}`.includes(MARK), words);
      }
      for (const name of ["config", "data/volumes", "state", "cache", "run"]) {
        const { stdout } = spawnSync("/usr/bin/grep", ["-rlsFD", "skip", MARK, `${trial.home}/${name}`], {
          encoding: "utf8",
        });
        for (const path of stdout.split("\n").filter((one) => one !== ""))
          assert.equal(
            spawnSync("/usr/bin/stat", ["-fc", "%T", path], { encoding: "utf8" }).stdout.trim(),
            "tmpfs",
            path,
          );
      }
    });

    test("a program beside the app has the same doors, and not what was handed to the app alone", async () => {
      const line = `cat /mnt/reading/one.txt; echo x 2>/dev/null >/mnt/reading/new || echo shut; cat /run/secrets/key; echo
        ls /mnt; echo "\${SECRET_HANDED_FD-none} \${VAR_DENY-none}"; ls /proc/self/fd | grep -c 10`;
      const { stdout } = await trial.skerry(["exec", "app", "--", "bash", "-c", line], { timeoutMs: LIMIT_MS });
      assert.deepEqual(stdout.trim().split("\n"), [
        "one.txt is here",
        "shut",
        `${MARK}-key`,
        ...FOLDERS,
        "none none",
        "0",
      ]);
    });

    test("processes are counted, and the processor's time is shared out", async (context) => {
      const [made = 0, why] = Object.values(Object(await say("bomb")));
      assert.ok(Number(made) > 5 && Number(made) <= 40, String(made));
      assert.equal(why, "EAGAIN");
      if (!enforces("cpu")) return context.diagnostic("this host cannot share out its processor");
      const [row] = await listed(trial);
      assert.equal(await say("spin"), "spins");
      // Seconds of the wall's own use, by the clock of who measures: a loaded host only makes it less.
      const began = { at: performance.now(), used: processorSecondsOf(row?.pid ?? 0) };
      const used = () => processorSecondsOf(row?.pid ?? 0) - began.used;
      await until("some time of it", () => performance.now() - began.at > 3000 && used() > 0.5, LIMIT_MS);
      const share = (used() * 1000) / (performance.now() - began.at);
      assert.equal(await say(""), "rests");
      assert.ok(share > 0 && share < 0.75, String(share));
    });

    test("what wants more memory than there is ends, and the host goes on", async (context) => {
      if (wall === "container") {
        if (!enforces("memory")) return context.diagnostic("this host cannot limit memory");
        assert.equal(await close(), 0);
        // There the whole app ends, as tests/journeys/doors-limits.test.ts shows.
        return;
      }
      assert.deepEqual(await say("memory"), [0, -9]);
      assert.equal(await close(), 0, stderr);
      assert.deepEqual(await json(trial, ["ps"]), []);
    });
  });
