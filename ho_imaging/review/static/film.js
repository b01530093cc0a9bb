// A film in the browser: its values once, drawn in tiles that are coloured when they are seen.

import { greyTable, levelFor, pyramid } from "./tones.js";

const TILE = 512;
const MOST_TILES = 140;
const BUDGET = 8e6; // values coloured at most for one frame
const DRAG_BUDGET = 9e5; // likewise while the window is dragged

export async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export class Film {
  constructor({ rows, columns, acquired, window: [low, high], curve }) {
    this.acquired = acquired;
    this.rows = rows;
    this.columns = columns;
    this.data = new Uint16Array(rows * columns);
    this.arrived = 0;
    this.levels = null;
    this.maker = { low, high };
    this.look = { low, high, curve, invert: false };
    this.table = greyTable(this.look);
    this.version = 0;
    this.tiles = new Map();
  }

  // Gives whether the film is whole now.
  take(first, count, bytes) {
    const values = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1);
    this.data.set(values, first * this.columns);
    this.arrived += count;
    if (this.arrived < this.rows) return false;
    this.levels = pyramid({ width: this.columns, height: this.rows, data: this.data });
    return true;
  }

  setLook(change) {
    Object.assign(this.look, change);
    greyTable(this.look, this.table);
    this.version += 1;
  }

  // context: of a canvas of width x height CSS pixels at `ratio` device pixels each
  draw(context, view, width, height, ratio, dragging) {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, context.canvas.width, context.canvas.height);
    if (!this.levels) return;
    const down = view.zoom * view.aspect;
    const x0 = Math.max(0, -view.x / view.zoom);
    const x1 = Math.min(this.columns, (width - view.x) / view.zoom);
    const y0 = Math.max(0, -view.y / down);
    const y1 = Math.min(this.rows, (height - view.y) / down);
    if (x1 <= x0 || y1 <= y0) return;
    const seen = (x1 - x0) * (y1 - y0);
    const level = levelFor(view.zoom * ratio, seen, dragging ? DRAG_BUDGET : BUDGET, this.levels.length);
    const size = TILE * 2 ** level;
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "low";
    for (let ty = Math.floor(y0 / size); ty * size < y1; ty += 1) {
      for (let tx = Math.floor(x0 / size); tx * size < x1; tx += 1) {
        const tile = this.tile(level, tx, ty);
        const edge = (n, scale, from, most) => Math.round((Math.min(n * size, most) * scale + from) * ratio);
        const left = edge(tx, view.zoom, view.x, this.columns);
        const right = edge(tx + 1, view.zoom, view.x, this.columns);
        const top = edge(ty, down, view.y, this.rows);
        const bottom = edge(ty + 1, down, view.y, this.rows);
        if (right <= left || bottom <= top) continue;
        // A tile carries its neighbours' nearest values, so that nothing shows where two meet.
        const across = (right - left) / tile.width;
        const along = (bottom - top) / tile.height;
        context.save();
        context.beginPath();
        context.rect(left, top, right - left, bottom - top);
        context.clip();
        context.drawImage(
          tile.canvas,
          left - across,
          top - along,
          right - left + 2 * across,
          bottom - top + 2 * along,
        );
        context.restore();
      }
    }
  }

  tile(level, tx, ty) {
    const key = `${level}/${tx}/${ty}`;
    let tile = this.tiles.get(key);
    if (tile) {
      this.tiles.delete(key); // the map's order is that of use
    } else {
      const { width, height } = this.levels[level];
      const canvas = document.createElement("canvas");
      tile = { width: Math.min(TILE, width - tx * TILE), height: Math.min(TILE, height - ty * TILE), canvas, version: -1 };
      canvas.width = tile.width + 2;
      canvas.height = tile.height + 2;
      if (this.tiles.size >= MOST_TILES) this.tiles.delete(this.tiles.keys().next().value);
    }
    this.tiles.set(key, tile);
    if (tile.version !== this.version) this.colour(tile, this.levels[level], tx * TILE - 1, ty * TILE - 1);
    return tile;
  }

  colour(tile, { width, height, data }, left, top) {
    const context = tile.canvas.getContext("2d", { alpha: false });
    const image = context.createImageData(tile.canvas.width, tile.canvas.height);
    const out = new Uint32Array(image.data.buffer);
    const { table } = this;
    const last = left + tile.canvas.width - 1;
    let at = 0;
    for (let y = top; y < top + tile.canvas.height; y += 1) {
      const row = Math.min(Math.max(y, 0), height - 1) * width;
      out[at] = table[data[row + Math.max(left, 0)]];
      at += 1;
      for (let x = left + 1; x < last; x += 1) {
        out[at] = table[data[row + x]];
        at += 1;
      }
      out[at] = table[data[row + Math.min(last, width - 1)]];
      at += 1;
    }
    context.putImageData(image, 0, 0);
    tile.version = this.version;
  }
}
