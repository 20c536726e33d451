/** Queries as stub resolvers write them, for tests. */

export interface AskedFor {
  readonly name: string;
  readonly type?: number;
  readonly id?: number;
  /** Bytes that the asker can take; undefined: it does not speak of extensions. */
  readonly room?: number | undefined;
  readonly flags?: number;
}

export function queryBytes({ name, type = 1, id = 7, room, flags = 0x0100 }: AskedFor): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(room === undefined ? 0 : 1, 10);
  const labels = name === "" ? [] : name.split(".");
  const question = labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, "latin1")]);
  const end = Buffer.alloc(5);
  end.writeUInt16BE(type, 1);
  end.writeUInt16BE(1, 3);
  const opt = Buffer.from([0, 0, 41, (room ?? 0) >> 8, (room ?? 0) & 0xff, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...question, end, ...(room === undefined ? [] : [opt])]);
}
