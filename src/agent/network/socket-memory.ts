/**
 * Socket memory: which Unix sockets were made for published ports, so that one that a killed agent has left can be told
 * from what its owner has put there. Kept beside the state, `published/NAME.json`: it outlives a restart of this host.
 */
import { listenAtOwnerSocket, removeOwnerSocket, type SocketId } from "../../host/index.ts";
import type { CompartmentSpec } from "../../model/index.ts";
import { type AgentContext, QUIET } from "../context.ts";
import { ownFoldersOf } from "../launch/launch.ts";
import { Turns } from "../turns.ts";

interface Made extends SocketId {
  readonly path: string;
  /** Of the start that it was made for. */
  readonly id: string;
}

export class SocketMemory {
  readonly #context: AgentContext;
  readonly #turns = new Turns(1);

  constructor(context: AgentContext) {
    this.#context = context;
  }

  async wantedAt(
    path: string,
    { name, id }: CompartmentSpec,
  ): Promise<Omit<Parameters<typeof listenAtOwnerSocket>[1], "path">> {
    const made = await this.#read(name);
    return {
      before: made.find((one) => one.path === path),
      ownFolders: ownFoldersOf(this.#context).ownFolders,
      remember: async (socket) =>
        await this.#change(name, (all) => [...all.filter((one) => one.path !== path), { path, id, ...socket }]),
    };
  }

  /** Takes away what was made for a start: all, or what is at some paths. */
  async drop(name: string, id: string, goes: (path: string) => boolean = () => true): Promise<void> {
    await this.#change(name, (all) => {
      const going = all.filter((one) => one.id === id && goes(one.path));
      for (const one of going) removeOwnerSocket(one.path, one);
      return all.filter((one) => !going.includes(one));
    });
  }

  /** Takes away what earlier starts of an instance have left behind, of which one runs at a time. */
  async dropAllBut(id: string | undefined, name: string): Promise<void> {
    await this.#change(name, (all) => {
      for (const one of all) if (one.id !== id) removeOwnerSocket(one.path, one);
      return all.filter((one) => one.id === id);
    });
  }

  async #change(name: string, change: (all: readonly Made[]) => readonly Made[]): Promise<void> {
    await this.#turns.take(async () => {
      const before = await this.#read(name);
      const after = change(before);
      if (JSON.stringify(before) === JSON.stringify(after)) return;
      const path = this.#file(name);
      const content = JSON.stringify(after);
      const { performer } = this.#context;
      const done = await performer.perform(
        after.length === 0 ? { kind: "remove-tree", path } : { kind: "write-file", path, mode: 0o600, content },
        QUIET,
      );
      if (!done.ok) throw new Error(`${path} could not be written`);
    });
  }

  async #read(name: string): Promise<readonly Made[]> {
    const text = await this.#context.performer.readText(this.#file(name));
    if (text === undefined) return [];
    const made: readonly Made[] = JSON.parse(text);
    return made;
  }

  #file(name: string): string {
    return `${this.#context.places.state}/published/${name}.json`;
  }
}
