/** Commands that ask the agent to do one thing to one running compartment, and say that it is done. */
import { ask } from "./ask-agent.ts";
import { defineCommand, JSON_FLAG } from "./command.ts";
import { EXIT } from "./exit.ts";
import { RUNNING_NAMES } from "./names.ts";
import { print, printJson } from "./print.ts";

interface Act<Answer> {
  readonly method: string;
  readonly example: string;
  readonly done: (name: string, answer: Answer) => string;
}

export function actOn<Answer extends object>({ method, example, done }: Act<Answer>) {
  return defineCommand<{ readonly json: boolean }, string[]>({
    parameters: {
      flags: { json: JSON_FLAG },
      positional: RUNNING_NAMES,
    },
    examples: [example],
    async run(world, { json }, ...names) {
      let exit: number = EXIT.done;
      for (const name of names) {
        const answer = await ask<Answer>(world, method, { name });
        if (!answer.ok) exit = answer.problem.exit;
        else if (json) printJson(world, { name, ...answer.value });
        else print(world, done(name, answer.value));
      }
      return exit;
    },
  });
}
