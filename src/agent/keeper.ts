/**
 * Keeper: looks after what is built. What it does is in a file of its own for each verb; here is who may do what when.
 *
 * Invariant: nothing that a keeper does touches data. Volumes, instances and deployments are no part of the store.
 */
import type { Image } from "../image/index.ts";
import { nearest } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { findDeployment } from "./catalogue.ts";
import type { AgentContext, Work } from "./context.ts";
import type { AgentProblem } from "./explain.ts";
import { builtImages, imageSizes } from "./built-images.ts";
import type { Images } from "./images.ts";
import { type ImageCheck, verifyImages } from "./verify-images.ts";

type Answer<Value> = Promise<Result<Value, AgentProblem>>;

export class Keeper {
  readonly #context: AgentContext;
  readonly #images: Images;

  constructor(context: AgentContext, images: Images) {
    this.#context = context;
    this.#images = images;
  }

  async sizes(): ReturnType<typeof imageSizes> {
    return await imageSizes(this.#context);
  }

  /** @param names - recipes or instances; none means all images */
  async verify(names: readonly string[], work: Work): Answer<readonly ImageCheck[]> {
    const images = await this.#named(names);
    if (!images.ok) return images;
    return await this.#images.inTurn(async () => await verifyImages(images.value, this.#context, work));
  }

  /** The images that are meant; all where nothing is named. */
  async #named(names: readonly string[]): Answer<readonly Image[]> {
    const all = await builtImages(this.#context);
    if (names.length === 0) return success(all);
    const found: Image[] = [];
    for (const name of new Set(names)) {
      const deployment = await findDeployment(name, this.#context);
      const recipe = deployment.ok ? deployment.value.thing.recipe : name;
      const image = all.find((each) => each.recipe === recipe);
      if (image === undefined) {
        const meant = nearest(
          name,
          all.map((each) => each.recipe),
        );
        return refusal({ kind: "no-image", name, meant });
      }
      if (!found.includes(image)) found.push(image);
    }
    return success(found);
  }
}
