/** Pictures: how much of a PNG image has a colour, as far as screens make such images (8 bits, RGB or RGBA, in one piece). */
import assert from "node:assert/strict";
import { inflateSync } from "node:zlib";

export type Colour = readonly [red: number, green: number, blue: number];

/** The part of all pixels that has exactly this colour, from 0 to 1. Source: PNG Specification, sections 7 to 11. */
export function partOf(image: Buffer, colour: Colour): number {
  const [width, height, depth, type] = [
    image.readUInt32BE(16),
    image.readUInt32BE(20),
    image[24],
    image[25] === 2 ? 3 : 4,
  ];
  assert.ok(
    depth === 8 && (image[25] === 2 || image[25] === 6) && image[28] === 0,
    "a kind of PNG that we do not read",
  );
  const lines = linesOf(inflateSync(dataOf(image)), width * type, type);
  assert.equal(lines.length, height);
  let met = 0;
  for (const line of lines)
    for (let at = 0; at < line.length; at += type)
      if (colour.every((part, index) => line[at + index] === part)) met += 1;
  return met / (width * height);
}

function dataOf(image: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 8; at < image.length; ) {
    const length = image.readUInt32BE(at);
    if (image.toString("latin1", at + 4, at + 8) === "IDAT") pieces.push(image.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return Buffer.concat(pieces);
}

function linesOf(data: Buffer, bytes: number, pixel: number): readonly Buffer[] {
  const lines: Buffer[] = [];
  let above = Buffer.alloc(bytes);
  for (let from = 0; from < data.length; from += bytes + 1) {
    const line = Buffer.from(data.subarray(from + 1, from + 1 + bytes));
    for (let at = 0; at < bytes; at += 1) {
      const [left, up] = [at < pixel ? 0 : (line[at - pixel] ?? 0), above[at] ?? 0];
      const corner = at < pixel ? 0 : (above[at - pixel] ?? 0);
      line[at] = ((line[at] ?? 0) + predicted(data[from] ?? 0, left, up, corner)) & 255;
    }
    lines.push(line);
    above = line;
  }
  return lines;
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter < 3) return [0, left, up][filter] ?? 0;
  if (filter === 3) return Math.floor((left + up) / 2);
  const guess = left + up - corner;
  const [toLeft, toUp, toCorner] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
