// Where a source pixel lies on the screen and back, and lengths. Source points are [x, y] = [column, row] with pixel
// centres at whole numbers; screen points are CSS pixels from a pane's top left corner.

export const LEAST_ZOOM = 0.02;
export const MOST_ZOOM = 40;

export class View {
  constructor(aspect = 1) {
    this.zoom = 1; // CSS pixels a source column
    this.x = 0; // screen position of the film's left edge
    this.y = 0;
    this.aspect = aspect; // height of a pixel over its width
  }

  toScreen([x, y]) {
    return [(x + 0.5) * this.zoom + this.x, (y + 0.5) * this.zoom * this.aspect + this.y];
  }

  toSource([sx, sy]) {
    return [(sx - this.x) / this.zoom - 0.5, (sy - this.y) / (this.zoom * this.aspect) - 0.5];
  }

  matrix() {
    const down = this.zoom * this.aspect;
    return [this.zoom, 0, 0, down, this.x + 0.5 * this.zoom, this.y + 0.5 * down];
  }

  fit(columns, rows, width, height) {
    this.zoom = bounded(Math.min(width / columns, height / (rows * this.aspect)) * 0.98);
    this.x = 0.5 * (width - columns * this.zoom);
    this.y = 0.5 * (height - rows * this.zoom * this.aspect);
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
  }

  // The point under (sx, sy) stays there.
  zoomBy(factor, sx, sy) {
    const zoom = bounded(this.zoom * factor);
    const real = zoom / this.zoom;
    this.x = sx - (sx - this.x) * real;
    this.y = sy - (sy - this.y) * real;
    this.zoom = zoom;
  }

  centre([x, y], width, height) {
    this.x = 0.5 * width - (x + 0.5) * this.zoom;
    this.y = 0.5 * height - (y + 0.5) * this.zoom * this.aspect;
  }

  // Show a box of source pixels with room around it, but no larger than three times life.
  show([x0, y0, x1, y1], width, height) {
    const room = 3;
    const zoom = Math.min(width / (room * (x1 - x0 + 1)), height / (room * this.aspect * (y1 - y0 + 1)), 3);
    this.zoom = bounded(Math.max(zoom, Math.min(this.zoom, 3)));
    this.centre([0.5 * (x0 + x1), 0.5 * (y0 + y1)], width, height);
  }
}

function bounded(zoom) {
  return Math.min(Math.max(zoom, LEAST_ZOOM), MOST_ZOOM);
}

// spacing: [row mm, column mm] or null
export function lengthText([x0, y0], [x1, y1], spacing) {
  if (!spacing) return `${Math.hypot(x1 - x0, y1 - y0).toFixed(0)} px`;
  return `${Math.hypot((x1 - x0) * spacing[1], (y1 - y0) * spacing[0]).toFixed(1)} mm`;
}

export function boxOf(rings) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of rings) {
    for (const [x, y] of ring) {
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x);
      box[3] = Math.max(box[3], y);
    }
  }
  return box;
}

// Inside is what an odd number of rings surrounds.
export function isInside(rings, [x, y]) {
  let inside = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
      const [xi, yi] = ring[i];
      const [xj, yj] = ring[j];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
    }
  }
  return inside;
}
