// From 16-bit values to grey on the screen: a table for all values, and ever smaller copies of a film.

export const TOP = 65535;

// look: {low, high, curve, invert}; gives one opaque grey pixel (little-endian RGBA) a value.
export function greyTable(look, into = new Uint32Array(TOP + 1)) {
  const { low, high, curve, invert } = look;
  const last = curve.length - 1;
  const scale = last / Math.max(high - low, 1);
  for (let value = 0; value <= TOP; value += 1) {
    const t = Math.min(Math.max((value - low) * scale, 0), last);
    const at = Math.min(Math.floor(t), last - 1);
    const shown = curve[at] + (curve[at + 1] - curve[at]) * (t - at);
    const grey = Math.round(255 * (invert ? 1 - shown : shown));
    into[value] = (0xff000000 | (grey << 16) | (grey << 8) | grey) >>> 0;
  }
  return into;
}

// A drag to the right widens, a drag up brightens: as on a reading station.
export function draggedWindow({ low, high }, dx, dy, extent) {
  const width = Math.max(high - low, 1);
  const centre = 0.5 * (low + high);
  const wider = Math.min(Math.max(width * Math.exp((2.5 * dx) / extent), 32), 4 * TOP);
  const moved = Math.min(Math.max(centre + (dy / extent) * width, -TOP), 2 * TOP);
  return { low: moved - 0.5 * wider, high: moved + 0.5 * wider };
}

// Half the size, each value the mean of four.
export function halved({ width, height, data }) {
  const w = (width + 1) >> 1;
  const h = (height + 1) >> 1;
  const out = new Uint16Array(w * h);
  for (let y = 0; y < h; y += 1) {
    const top = 2 * y * width;
    const bottom = Math.min(2 * y + 1, height - 1) * width;
    for (let x = 0; x < w; x += 1) {
      const left = 2 * x;
      const right = left + 1 < width ? left + 1 : left;
      out[y * w + x] = (data[top + left] + data[top + right] + data[bottom + left] + data[bottom + right] + 2) >> 2;
    }
  }
  return { width: w, height: h, data: out };
}

export function pyramid(base) {
  const levels = [base];
  while (Math.max(levels.at(-1).width, levels.at(-1).height) > 640) levels.push(halved(levels.at(-1)));
  return levels;
}

// The level to draw from: about one of its pixels a device pixel, coarser where that would be more than `budget`.
export function levelFor(devicePixelsPerPixel, visiblePixels, budget, count) {
  let level = Math.floor(Math.log2(1 / devicePixelsPerPixel) + 0.3);
  level = Math.min(Math.max(level, 0), count - 1);
  while (level < count - 1 && visiblePixels / 4 ** level > budget) level += 1;
  return level;
}
