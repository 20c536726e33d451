/** A claim by the whole command: the deployments are files, and the folders that they grant are there. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { AgentClient } from "../src/agent/client.ts";
import type { WiredApp } from "../src/grant/index.ts";
import { placesFrom } from "../src/model/index.ts";
import { ENVIRONMENT, HOME, ROOT, SKERRY } from "./home.ts";
import { command, type Figure, inTurn } from "./measure.ts";

/** Paths of the apps lie below. */
const OWNER = "/home/owner";

/** With as many folders as an app is granted at most. */
function recipeOf(folders: number): string {
  const requests = Array.from(
    { length: folders },
    (_, index) =>
      `  request-${index}: { service: folder, why: measured, need: optional, verbs: [read, write], inside: /mnt/${index} }\n`,
  );
  return [
    "skerry: recipe/1\nsummary: For measuring\npackages: [bash]\nprograms: { any: /bin/true }\n",
    "volumes: { data: { class: data, inside: /data } }\nrequests:\n",
    "  internet: { service: network, why: measured, need: optional }\n",
    ...requests,
  ].join("");
}

function deploymentOf({ tags, links, effective }: WiredApp, owner: string): string {
  const answers = effective.flatMap(({ request, contributions }) =>
    contributions.map((one) => {
      if (one.kind !== "bind") return "  internet: real\n";
      const folder = below(owner, one.source);
      mkdirSync(folder, { recursive: true });
      return `  ${request}: { answer: ${one.access === "write" ? "real" : "subset"}, folder: ${folder} }\n`;
    }),
  );
  const shown = links.map(({ to, port }) => `{ to: ${to}, port: ${port} }`).join(", ");
  return `skerry: deployment/1\nrecipe: bench\ntags: [${tags.join(", ")}]\nlinks: [${shown}]\nanswers:\n${answers.join("")}`;
}

const below = (owner: string, path: string) => path.replace(OWNER, owner);

export async function measureCommand(apps: readonly WiredApp[], rounds: number): Promise<Figure> {
  const home = `${HOME}/prove`;
  const owner = `${home}/owner`;
  const grants = apps.reduce((sum, { effective }) => sum + effective.length, 0);
  rmSync(home, { recursive: true, force: true });
  for (const folder of ["recipes", "deployments"]) mkdirSync(`${home}/config/${folder}`, { recursive: true });
  for (const folder of [home, `${home}/config`]) chmodSync(folder, 0o700);
  const most = Math.max(...apps.map(({ effective }) => effective.length));
  writeFileSync(`${home}/config/recipes/bench.yaml`, recipeOf(most));
  for (const app of apps) writeFileSync(`${home}/config/deployments/${app.name}.yaml`, deploymentOf(app, owner));
  const environment = { ...ENVIRONMENT, SKERRY_HOME: home };
  const agent = new AgentClient(placesFrom({ SKERRY_HOME: home }, process.getuid?.() ?? -1, ROOT), environment);
  try {
    const claim = `no app that writes folder ${owner}/shared can read folder ${owner}/taxes`;
    const [took] = await inTurn([command("prove", [SKERRY, "prove", claim], { environment })], rounds);
    if (took === undefined) throw new Error("nothing was measured");
    return {
      what: `\`prove\` with one claim about ${apps.length} deployments, ${grants} grants, from their files`,
      value: `${took.medianMs.toFixed(0)} ms`,
      against: "",
      ratio: undefined,
      goal: "under 1 s",
      reached: took.medianMs < 1000,
    };
  } finally {
    await agent.shutdown();
    rmSync(home, { recursive: true, force: true });
  }
}
