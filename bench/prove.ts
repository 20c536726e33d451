/** Claims about many deployments: how long one takes, with files read anew and as values alone. */
import { buildGraph, evaluateClaim, parseClaim, type WiredApp } from "../src/grant/index.ts";
import type { Contribution } from "../src/model/index.ts";
import { type Figure, medianOf } from "./measure.ts";
import { measureCommand } from "./prove-files.ts";

const DEPLOYMENTS = 500;
const GRANTS_EACH = 10;

const CLAIMS = [
  "no app that reads folder /home/owner/taxes can reach network",
  "no app can read volume app-7/data or every tag:even can read folder /home/owner/shared",
  "app-1 can reach app app-499",
  "no tag:even can reach network example.org:443",
];

/** Of all rights half are shared, so that many ways lead from each to each. */
function manyApps(): readonly WiredApp[] {
  return Array.from({ length: DEPLOYMENTS }, (_, number): WiredApp => {
    const grants = Array.from({ length: GRANTS_EACH }, (_each, index) => contributionOf(number, index));
    return {
      name: `app-${number}`,
      recipe: "bench",
      tags: [number % 2 === 0 ? "even" : "odd"],
      volumes: ["data"],
      secretFiles: [],
      disks: [],
      publish: [],
      links: number % 5 === 0 ? [{ to: `app-${(number + 1) % DEPLOYMENTS}`, port: 80, as: undefined }] : [],
      blocked: undefined,
      effective: grants.map((contribution, index) => ({
        request: `request-${index}`,
        service: contribution.kind === "bind" ? "folder" : "network",
        answer: "real",
        gets: "",
        because: "answered",
        contributions: [contribution],
        warnings: [],
      })),
    };
  });
}

function contributionOf(number: number, index: number): Contribution {
  const own = `/home/owner/apps/${number}/${index}`;
  const shared = `/home/owner/shared/${(number * 7 + index) % 200}${index % 3 === 0 ? "/deep/er" : ""}`;
  if (index === 9 && number % 10 === 0) return { kind: "network", zones: [] };
  const source = index % 2 === 0 ? own : shared;
  return { kind: "bind", source, target: `/mnt/${index}`, access: index % 4 === 1 ? "write" : "read" };
}

export async function measureProve(rounds: number): Promise<readonly Figure[]> {
  return [byValues(rounds), await measureCommand(manyApps(), rounds)];
}

function byValues(rounds: number): Figure {
  const apps = manyApps();
  const times = Array.from({ length: rounds }, () => {
    const begun = performance.now();
    for (const text of CLAIMS) {
      const claim = parseClaim(text, { home: "/home/owner" });
      if (!claim.ok) throw new Error(claim.problem.message);
      const weighed = evaluateClaim(claim.value, apps, { real: (path) => path });
      if (!weighed.ok) throw new Error(weighed.problem.message);
    }
    return (performance.now() - begun) / CLAIMS.length;
  });
  const { rights, channels } = buildGraph(apps);
  const ways = [...channels.values()].reduce((sum, leaving) => sum + leaving.size, 0);
  const took = medianOf(times);
  return {
    what: `one claim about ${DEPLOYMENTS} deployments, ${rights.length} rights, ${ways} ways from one to another`,
    value: `${took.toFixed(0)} ms`,
    against: "",
    ratio: undefined,
    goal: "under 1 s",
    reached: took < 1000,
  };
}
