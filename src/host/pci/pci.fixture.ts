/** Made-up hosts for tests: a tree with the parts of /sys, /proc and /dev that tell of cards. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface MadeCard {
  readonly vendor?: string;
  readonly device?: string;
  readonly deviceClass?: string;
  readonly driver?: string;
  readonly group?: string;
  readonly resets?: string;
  readonly interfaces?: readonly string[];
}

export interface MadeHost {
  readonly cards?: Readonly<Record<string, MadeCard>>;
  readonly drivers?: readonly string[];
  /** Files by their path, besides those of the cards. */
  readonly files?: Readonly<Record<string, string>>;
}

/** @returns the folder that stands for `/`, and what removes it */
export function makeHost({ cards = {}, drivers = [], files = {} }: MadeHost): {
  readonly root: string;
  readonly remove: () => void;
} {
  const root = mkdtempSync(join(tmpdir(), "skerry-pci-"));
  const write = (path: string, content: string) => {
    mkdirSync(dirname(`${root}${path}`), { recursive: true });
    writeFileSync(`${root}${path}`, content);
  };
  const bus = "/sys/bus/pci";
  mkdirSync(`${root}${bus}/devices`, { recursive: true });
  for (const driver of [...drivers, ...Object.values(cards).flatMap((card) => card.driver ?? [])])
    mkdirSync(`${root}${bus}/drivers/${driver}`, { recursive: true });
  for (const [address, card] of Object.entries(cards)) {
    const folder = `/sys/devices/pci0000:00/${address}`;
    write(`${folder}/vendor`, `${card.vendor ?? "0x8086"}\n`);
    write(`${folder}/device`, `${card.device ?? "0x10d3"}\n`);
    write(`${folder}/class`, `${card.deviceClass ?? "0x020000"}\n`);
    write(`${folder}/reset_method`, `${card.resets ?? "flr bus"}\n`);
    write(`${folder}/driver_override`, "(null)\n");
    if (card.driver !== undefined) symlinkSync(`../../../bus/pci/drivers/${card.driver}`, `${root}${folder}/driver`);
    if (card.group !== undefined)
      symlinkSync(`../../../kernel/iommu_groups/${card.group}`, `${root}${folder}/iommu_group`);
    for (const name of card.interfaces ?? []) write(`${folder}/net/${name}/ifindex`, "2\n");
    symlinkSync(`../../../devices/pci0000:00/${address}`, `${root}${bus}/devices/${address}`);
  }
  for (const [path, content] of Object.entries(files)) write(path, content);
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) };
}
