/** `exec` and `shell`: one more program in a running compartment, with this terminal. */
import type { EnterResponseJson } from "../contract/index.ts";
import { ask } from "./ask-agent.ts";
import { attachedBy, attachTo } from "../host/channel/attach-to.ts";
import { attach, streamsFit } from "./attach.ts";
import { APP_EXIT } from "./exit.ts";
import type { World } from "./world.ts";

export interface Entered {
  readonly name: string;
  readonly command: readonly string[];
  readonly directory: string;
  readonly purpose: "exec" | "shell";
}

export async function enterApp(world: World, entered: Entered): Promise<number> {
  const terminal = world.terminal.output ? (world.environment["TERM"] ?? "dumb") : "";
  const answer = await ask<EnterResponseJson>(world, "Enter", { ...entered, command: [...entered.command], terminal });
  if (!answer.ok) return APP_EXIT.skerryFailed;
  const argv = answer.value.argv ?? [];
  const attached = attachedBy(argv, world.places.program);
  if (attached !== undefined) return await enterMachine(world, attached);
  // The helper hands a signal on to what it has started inside.
  return await attach(world, argv, (child) => child("SIGTERM"));
}

/** A second Node would take longer than all else. */
async function enterMachine(
  world: World,
  { machine, command }: NonNullable<ReturnType<typeof attachedBy>>,
): Promise<number> {
  if (!streamsFit(world)) return APP_EXIT.skerryFailed;
  world.attached.now = true;
  try {
    return await attachTo(machine, command);
  } finally {
    world.attached.now = false;
  }
}
