/**
 * `cp`: files into and out of a running compartment, as a tar stream through a program inside.
 *
 * What comes out is an app's word: host/unpack.ts takes files, folders and links that stay below the target, and
 * nothing else.
 */
import { basename, resolve } from "node:path";
import type { EnterResponseJson } from "../../contract/index.ts";
import { copyIn, copyOut, type CopyProblem } from "../../host/copy.ts";
import { findPath } from "../../host/findings.ts";
import { isCleanAbsolutePath } from "../../model/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, type NoFlags } from "../command.ts";
import { EXIT } from "../exit.ts";
import { complain, print } from "../print.ts";
import type { World } from "../world.ts";

export default defineCommand<NoFlags, [string, string]>({
  parameters: {
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Host path, or NAME:/path inside.", placeholder: "FROM" },
        { parse: String, brief: "The other one.", placeholder: "TO" },
      ],
    },
  },
  examples: ["cp radicale:/var/lib/radicale-data ./backup", "cp notes.txt dev-shell:/home/app/data"],
  async run(world, _flags, from, to) {
    const [outOf, into] = [inside(from), inside(to)];
    if ((outOf === undefined) === (into === undefined)) {
      complain(world, "one of the two is NAME:/path, the other a path of this host");
      return EXIT.usage;
    }
    return outOf === undefined ? await copyInto(world, from, into) : await copyFrom(world, outOf, to);
  },
});

interface Inside {
  readonly name: string;
  readonly path: string;
}

function inside(word: string): Inside | undefined {
  const found = /^([a-z][a-z0-9-]*):(\/.*)$/.exec(word);
  const [, name, path] = found ?? [];
  return name === undefined || path === undefined ? undefined : { name, path: path.replace(/(?<=.)\/+$/, "") };
}

async function copyInto(world: World, from: string, into: Inside | undefined): Promise<number> {
  const source = resolve(from);
  const { type } = await findPath(source);
  if (into === undefined || !isCleanAbsolutePath(into.path) || (type !== "file" && type !== "folder")) {
    complain(
      world,
      into === undefined || isCleanAbsolutePath(into.path)
        ? `${source} is no file or folder`
        : `${into.path} is no plain path`,
    );
    return EXIT.usage;
  }
  const argv = await enter(world, into.name, ["/usr/bin/tar", "-x", "-f", "-", "--no-same-owner", "-C", into.path]);
  if (argv === undefined) return EXIT.refused;
  return report(world, await copyIn(argv, source, world.signal), `${source} is in ${into.name}:${into.path}`);
}

async function copyFrom(world: World, { name, path }: Inside, to: string): Promise<number> {
  if (!isCleanAbsolutePath(path) || path === "/") {
    complain(world, `${path} is no plain path of a file or folder`);
    return EXIT.usage;
  }
  const target = resolve(to);
  const cut = path.lastIndexOf("/");
  const argv = await enter(world, name, [
    "/usr/bin/tar",
    "-c",
    "-f",
    "-",
    "-C",
    path.slice(0, cut) || "/",
    "--",
    basename(path),
  ]);
  if (argv === undefined) return EXIT.refused;
  return report(world, await copyOut(argv, target, basename(path), world.signal), `${name}:${path} is in ${target}`);
}

async function enter(world: World, name: string, command: readonly string[]): Promise<readonly string[] | undefined> {
  const answer = await ask<EnterResponseJson>(world, "Enter", {
    name,
    command: [...command],
    directory: "/",
    terminal: "",
    purpose: "cp",
  });
  return answer.ok ? (answer.value.argv ?? []) : undefined;
}

function report(world: World, problem: CopyProblem | undefined, done: string): number {
  if (problem === undefined) {
    print(world, done);
    return EXIT.done;
  }
  complain(world, problem.text);
  return EXIT.refused;
}
