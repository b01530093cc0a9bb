// One film on the screen: two canvases, what is laid over it, and what a pointer does there.

import { View, boxOf, isInside, lengthText } from "./geometry.js";
import { draggedWindow } from "./tones.js";

export const COLOURS = {
  unseen: "#ffb000", accepted: "#35d07f", added: "#f0e442", mimic: "#e08fc0", rejected: "#8a8f98",
  gap: "#64c8ff", measure: "#ffffff", pen: "#f0e442", cut: "#ff6b5e",
  implant: "#d0d0d0",
};
// Of a region's bones, in the order in which they come.
const BONES = ["#7fb2ff", "#9be8c4", "#c9b6ff", "#ffc4a3", "#a3e7f0", "#f0b6d8", "#d8e59b"];
export const DRAWING = new Set(["brush", "eraser", "polygon", "cut", "measure"]);

export class Pane {
  // host: what the pane belongs to; gives `overlay`, `findingsOn`, `linesOn` and takes what the reader does.
  constructor(name, host) {
    this.name = name;
    this.host = host;
    this.view = new View();
    this.film = null;
    this.about = null;
    this.anatomy = null;
    this.map = null;
    this.stroke = null; // {tool, points: [[x, y], ...] source pixels}
    this.pending = false; // a stroke was sent and is not kept yet
    this.pointer = null; // [sx, sy]
    this.cross = null;
    this.drag = null;
    this.frames = null; // times between frames, when somebody measures
    this.dirty = false;
    this.root = document.createElement("div");
    this.root.className = `ho-pane ho-pane-${name}`;
    this.base = this.root.appendChild(document.createElement("canvas"));
    this.top = this.root.appendChild(document.createElement("canvas"));
    this.layer = document.createElement("canvas");
    this.label = this.root.appendChild(document.createElement("div"));
    this.label.className = "ho-pane-label";
    this.note = this.root.appendChild(document.createElement("div"));
    this.note.className = "ho-pane-note";
    this.top.className = "ho-top";
    this.width = 0;
    this.height = 0;
    this.ratio = 1;
    this.whole = true; // the film is shown whole, and stays so in a pane of another size
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.root);
    this.listen();
  }

  dispose() {
    this.watcher.disconnect();
    this.film = null;
  }

  // Forget a study.
  clear() {
    this.cancel();
    this.settled();
    this.about = null;
    this.film = null;
    this.label.textContent = "";
    delete this.root.dataset.loaded;
    for (const canvas of [this.base, this.top]) {
      const context = canvas.getContext("2d", canvas === this.base ? { alpha: false } : {});
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
    }
  }

  show(about) {
    const other = this.about?.uid !== about.uid;
    this.about = about;
    if (other) {
      this.film = null;
      this.anatomy = null;
      this.map = null;
      this.stroke = null;
      this.view = new View(about.aspect);
      this.fit();
    }
    this.label.textContent = this.title();
    this.draw();
  }

  title() {
    const which = this.name === "previous" ? "PREVIOUS  " : "";
    return `${which}${this.about.label}${this.film?.acquired ? `  ${this.film.acquired}` : ""}`;
  }

  say(text) {
    this.note.textContent = text ?? "";
    this.note.hidden = !text;
  }

  resize() {
    const { clientWidth, clientHeight } = this.root;
    if (!clientWidth || !clientHeight) return;
    const centre = this.width ? this.view.toSource([this.width / 2, this.height / 2]) : null;
    this.width = clientWidth;
    this.height = clientHeight;
    this.ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.base, this.top, this.layer]) {
      canvas.width = Math.round(clientWidth * this.ratio);
      canvas.height = Math.round(clientHeight * this.ratio);
    }
    if (this.whole || !centre) this.fit();
    else this.view.centre(centre, this.width, this.height);
    this.host.sameScale();
    this.paint();
  }

  fit() {
    this.whole = true;
    if (!this.about || !this.width) return;
    this.view.fit(this.about.columns, this.about.rows, this.width, this.height);
    this.draw();
  }

  // Ask for a new picture with the next frame.
  draw() {
    if (this.dirty) return;
    this.dirty = true;
    requestAnimationFrame(() => {
      this.dirty = false;
      this.paint();
    });
  }

  paint() {
    if (!this.about || !this.width) return;
    const began = performance.now();
    const base = this.base.getContext("2d", { alpha: false });
    if (this.film) this.film.draw(base, this.view, this.width, this.height, this.ratio, this.drag?.kind === "window");
    else {
      base.setTransform(1, 0, 0, 1, 0, 0);
      base.fillRect(0, 0, this.base.width, this.base.height);
    }
    this.paintOver();
    this.frames?.push([began, performance.now()]);
  }

  // What lies over the film

  paintOver() {
    const context = this.top.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (!this.film?.levels) return;
    const { overlay } = this.host;
    const matrix = new DOMMatrix(this.view.matrix());
    if (this.map && overlay.probability) this.paintMap(context);
    if (this.anatomy && overlay.anatomy) this.paintAnatomy(context, matrix);
    const drawnOn = this.stroke || this.pending ? this.host.drawnOn() : null;
    for (const finding of this.host.findingsOn(this)) {
      if (finding.id !== drawnOn || this.stroke?.tool === "measure") this.paintFinding(context, finding, matrix);
    }
    for (const line of this.host.linesOn(this)) this.paintLine(context, line);
    if (this.stroke || this.pending) this.paintStroke(context);
    this.paintCursor(context);
    this.paintScale(context);
    const { low, high } = this.film.look;
    const percent = (value) => `${((100 * value) / 65535).toFixed(0)} %`;
    this.label.textContent =
      `${this.title()}\nwindow ${percent(high - low)}  level ${percent(0.5 * (low + high))}` +
      `${this.film.look.invert ? "  inverted" : ""}\nzoom ${(100 * this.view.zoom * this.ratio).toFixed(0)} %`;
  }

  pathOf(owner, rings) {
    if (owner.path) return owner.path;
    const path = new Path2D();
    for (const ring of rings) {
      ring.forEach(([x, y], number) => (number ? path.lineTo(x, y) : path.moveTo(x, y)));
      path.closePath();
    }
    Object.defineProperty(owner, "path", { value: path, enumerable: false });
    return path;
  }

  onScreen(path, matrix) {
    const placed = new Path2D();
    placed.addPath(path, matrix);
    return placed;
  }

  paintFinding(context, finding, matrix) {
    const { overlay } = this.host;
    const chosen = this.host.chosen === finding.id && this.name === "current";
    const colour = COLOURS[finding.status] ?? COLOURS.unseen;
    const path = this.onScreen(this.pathOf(finding, finding.outline), matrix);
    const faded = finding.status === "rejected" || finding.status === "mimic";
    if (overlay.fill && !faded) {
      context.globalAlpha = overlay.opacity;
      context.fillStyle = colour;
      context.fill(path, "evenodd");
      context.globalAlpha = 1;
    }
    if (overlay.contours || chosen) {
      if (chosen) {
        context.strokeStyle = "rgba(0, 0, 0, 0.7)";
        context.lineWidth = 4.5;
        context.stroke(path);
      }
      context.setLineDash(faded ? [3, 4] : finding.status === "unseen" ? [8, 4] : []);
      context.strokeStyle = colour;
      context.lineWidth = chosen ? 2.5 : 1.5;
      context.stroke(path);
      context.setLineDash([]);
      if (finding.model_outline && chosen) {
        finding.modelPath ??= {};
        context.strokeStyle = COLOURS.unseen;
        context.lineWidth = 1;
        context.setLineDash([2, 4]);
        context.stroke(this.onScreen(this.pathOf(finding.modelPath, finding.model_outline), matrix));
        context.setLineDash([]);
      }
      finding.box ??= boxOf(finding.outline);
      const [x, y] = this.view.toScreen([finding.box[2], finding.box[1]]);
      this.paintText(context, finding.id, x + 4, y, colour);
    }
  }

  paintText(context, text, x, y, colour) {
    context.font = "600 13px system-ui, sans-serif";
    context.lineWidth = 3;
    context.strokeStyle = "rgba(0, 0, 0, 0.75)";
    context.strokeText(text, x, y);
    context.fillStyle = colour;
    context.fillText(text, x, y);
  }

  paintLine(context, { from, to, text, kind }) {
    const [x0, y0] = this.view.toScreen(from);
    const [x1, y1] = this.view.toScreen(to);
    const colour = COLOURS[kind];
    const length = Math.max(Math.hypot(x1 - x0, y1 - y0), 1e-6);
    const [nx, ny] = [(-(y1 - y0) / length) * 7, ((x1 - x0) / length) * 7];
    const draw = () => {
      context.beginPath();
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
      for (const [x, y] of [[x0, y0], [x1, y1]]) {
        context.moveTo(x - nx, y - ny);
        context.lineTo(x + nx, y + ny);
      }
      context.stroke();
    };
    context.strokeStyle = "rgba(0, 0, 0, 0.75)";
    context.lineWidth = 4;
    draw();
    context.strokeStyle = colour;
    context.lineWidth = 2;
    draw();
    this.paintText(context, text, Math.max(x0, x1) + 10, 0.5 * (y0 + y1), colour);
  }

  paintAnatomy(context, matrix) {
    context.lineWidth = 1.5;
    let bones = 0;
    for (const [structure, rings] of Object.entries(this.anatomy)) {
      if (structure === "paths") continue;
      this.anatomy.paths ??= {};
      this.anatomy.paths[structure] ??= {};
      context.strokeStyle = COLOURS[structure] ?? BONES[bones++ % BONES.length];
      context.stroke(this.onScreen(this.pathOf(this.anatomy.paths[structure], rings), matrix));
    }
  }

  paintMap(context) {
    const { zoom, aspect, x, y } = this.view;
    context.globalAlpha = 0.5;
    context.imageSmoothingEnabled = true;
    context.drawImage(this.map, x, y, this.about.columns * zoom, this.about.rows * zoom * aspect);
    context.globalAlpha = 1;
  }

  paintStroke(context) {
    const stroke = this.stroke ?? this.sent;
    if (!stroke) return;
    const { tool, points } = stroke;
    if (tool === "measure") {
      if (points.length > 1) {
        const text = lengthText(points[0], points[1], this.about.spacing);
        this.paintLine(context, { from: points[0], to: points[1], text, kind: "measure" });
      }
      return;
    }
    const finding = this.host.findingsOn(this).find(({ id }) => id === this.host.drawnOn());
    const layer = this.layer.getContext("2d");
    layer.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    layer.globalCompositeOperation = "source-over";
    layer.clearRect(0, 0, this.width, this.height);
    layer.fillStyle = finding ? COLOURS[finding.status] : COLOURS.pen;
    if (finding) layer.fill(this.onScreen(this.pathOf(finding, finding.outline), new DOMMatrix(this.view.matrix())), "evenodd");
    if (points.length) {
      layer.globalCompositeOperation = tool === "eraser" || (tool === "cut" && stroke.closed) ? "destination-out" : "source-over";
      const line = new Path2D();
      points.forEach((point, number) => (number ? line.lineTo(...this.view.toScreen(point)) : line.moveTo(...this.view.toScreen(point))));
      if (tool === "brush" || tool === "eraser") {
        if (points.length === 1) line.lineTo(...this.view.toScreen([points[0][0] + 1e-3, points[0][1]]));
        layer.lineWidth = 2 * this.host.brush * this.view.zoom;
        layer.lineCap = "round";
        layer.lineJoin = "round";
        layer.strokeStyle = layer.fillStyle;
        layer.stroke(line);
      } else if (stroke.closed) layer.fill(line);
    }
    context.globalAlpha = 0.45;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.layer, 0, 0);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.globalAlpha = 1;
    if ((tool === "polygon" || tool === "cut") && !stroke.closed) {
      const corners = points.map((point) => this.view.toScreen(point));
      const ahead = this.cross ?? this.pointer;
      context.strokeStyle = tool === "cut" ? COLOURS.cut : COLOURS.pen;
      context.lineWidth = 2;
      context.beginPath();
      [...corners, ...(ahead ? [ahead] : [])].forEach(([x, y], number) => (number ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.stroke();
      context.fillStyle = context.strokeStyle;
      for (const [x, y] of corners) context.fillRect(x - 3, y - 3, 6, 6);
    }
  }

  paintCursor(context) {
    const { tool } = this.host;
    const at = this.cross ?? this.pointer;
    if (!at || this.name !== "current") return;
    if (tool === "brush" || tool === "eraser") {
      for (const [colour, width] of [["rgba(0, 0, 0, 0.7)", 3], [tool === "eraser" ? COLOURS.cut : COLOURS.pen, 1.5]]) {
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.beginPath();
        context.arc(...at, Math.max(this.host.brush * this.view.zoom, 2), 0, 2 * Math.PI);
        context.stroke();
      }
    }
    if (this.cross) {
      context.strokeStyle = COLOURS.pen;
      context.lineWidth = 1.5;
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [0, 1]]) {
        context.moveTo(at[0] - 12 * dx, at[1] - 12 * dy);
        context.lineTo(at[0] + 12 * dx, at[1] + 12 * dy);
      }
      context.stroke();
    }
  }

  // A bar of a round length, with what its millimetres rest on.
  paintScale(context) {
    const { spacing, basis, sides } = this.about;
    const names = { left: "L", right: "R" };
    if (sides.length === 2) {
      this.paintText(context, names[sides[0]] ?? "", 12, this.height / 2, "#ffffff");
      this.paintText(context, names[sides[1]] ?? "", this.width - 22, this.height / 2, "#ffffff");
    }
    if (!spacing) {
      this.paintText(context, basis, 12, this.height - 14, "#ffffff");
      return;
    }
    const pixelsPerMm = this.view.zoom / spacing[1];
    const length = [1, 2, 5, 10, 20, 50, 100, 200].find((mm) => mm * pixelsPerMm > 60) ?? 200;
    const y = this.height - 14;
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(12, y - 5);
    context.lineTo(12, y);
    context.lineTo(12 + length * pixelsPerMm, y);
    context.lineTo(12 + length * pixelsPerMm, y - 5);
    context.stroke();
    this.paintText(context, `${length} mm  (${basis})`, 18 + length * pixelsPerMm, y, "#ffffff");
  }

  // What a pointer does

  listen() {
    const { top } = this;
    top.addEventListener("contextmenu", (event) => event.preventDefault());
    top.addEventListener("pointerdown", (event) => this.down(event));
    top.addEventListener("pointermove", (event) => this.move(event));
    top.addEventListener("pointerup", (event) => this.up(event));
    top.addEventListener("pointercancel", () => this.cancel());
    top.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.draw();
    });
    top.addEventListener("dblclick", () => this.finish());
    top.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  at(event) {
    const box = this.top.getBoundingClientRect();
    // A notebook may be shown scaled.
    const scale = box.width / this.width || 1;
    return [(event.clientX - box.left) / scale, (event.clientY - box.top) / scale];
  }

  wheel(event) {
    event.preventDefault();
    if (!this.about) return;
    const step = Math.exp(-Math.min(Math.max(event.deltaY, -120), 120) / 400);
    this.host.moved(this, { zoom: step, at: this.at(event) });
  }

  down(event) {
    this.host.focus(this);
    if (!this.film?.levels) return;
    event.preventDefault();
    this.cross = null;
    this.pointer = this.at(event);
    this.top.setPointerCapture(event.pointerId);
    const { tool } = this.host;
    const kind = event.button === 1 ? "move" : event.button === 2 ? this.host.mouse.right : tool;
    if (event.button === 0 && DRAWING.has(tool)) {
      this.press();
      if (tool !== "polygon" && tool !== "cut") this.drag = { kind: "draw" };
    } else this.drag = { kind, start: this.pointer, last: this.pointer, look: { ...this.film.look }, still: true };
    this.draw();
  }

  move(event) {
    const events = this.drag?.kind === "draw" ? (event.getCoalescedEvents?.() ?? []) : [];
    for (const part of events.length ? events : [event]) this.moveTo(this.at(part));
  }

  moveTo(at) {
    this.pointer = at;
    const { drag } = this;
    if (drag?.kind === "draw") this.trail(at);
    else if (drag) {
      const dx = at[0] - drag.last[0];
      const dy = at[1] - drag.last[1];
      drag.last = at;
      if (Math.hypot(at[0] - drag.start[0], at[1] - drag.start[1]) > 3) drag.still = false;
      if (drag.kind === "move") this.host.moved(this, { dx, dy });
      else if (drag.kind === "zoom") this.host.moved(this, { zoom: Math.exp(-dy / 200), at: drag.start });
      else if (drag.kind === "window") {
        this.film.setLook(draggedWindow(drag.look, at[0] - drag.start[0], at[1] - drag.start[1], this.height));
      }
    }
    this.draw();
  }

  up(event) {
    const { drag } = this;
    this.drag = null;
    if (drag?.kind === "draw") this.release();
    else if (drag?.still && event.button === 0) {
      const point = this.view.toSource(drag.start);
      const hits = this.host.findingsOn(this).filter(({ outline }) => isInside(outline, point));
      if (this.name === "current") this.host.choose(hits[0]?.id ?? null, false);
    }
    this.draw();
  }

  // Drawing, by pointer or by keys: press, trail, release

  press() {
    const { tool } = this.host;
    if (this.name !== "current") {
      this.host.tell("Draw on the current study, not on the previous one.");
      return;
    }
    if (this.pending) return; // the stroke before is not kept yet
    const point = this.view.toSource(this.cross ?? this.pointer);
    if ((tool === "polygon" || tool === "cut") && this.stroke?.tool === tool) this.stroke.points.push(point);
    else if (tool === "measure" && this.stroke?.tool === tool) this.stroke.points[1] = point;
    else {
      if (!this.host.mayDraw(tool)) return;
      this.stroke = { tool, points: [point] };
    }
    this.draw();
  }

  trail(at) {
    if (!this.stroke) return;
    const point = this.view.toSource(at);
    const { tool, points } = this.stroke;
    if (tool === "measure") points[1] = point;
    else if (tool === "brush" || tool === "eraser") {
      const last = points.at(-1);
      if (Math.hypot(point[0] - last[0], point[1] - last[1]) * this.view.zoom > 1 && points.length < 19000) points.push(point);
    }
  }

  release() {
    const { stroke } = this;
    if (!stroke || stroke.tool === "polygon" || stroke.tool === "cut") return;
    const length = stroke.points.length > 1 ? Math.hypot(stroke.points[1][0] - stroke.points[0][0], stroke.points[1][1] - stroke.points[0][1]) : 0;
    if (stroke.tool === "measure" && length * this.view.zoom < 2) return; // wait for the other end
    this.send(stroke);
  }

  // Close a polygon.
  finish() {
    if (this.stroke?.tool !== "polygon" && this.stroke?.tool !== "cut") return;
    const points = this.stroke.points.filter(([x, y], i, all) => !i || Math.hypot(x - all[i - 1][0], y - all[i - 1][1]) > 0.01);
    if (points.length < 3) {
      this.host.tell("A polygon has at least three corners.");
      return;
    }
    this.send({ ...this.stroke, points, closed: true });
  }

  send(stroke) {
    this.stroke = null;
    this.sent = stroke;
    this.pending = true;
    this.draw();
    this.host.drawn(this, stroke);
  }

  settled() {
    this.pending = false;
    this.sent = null;
    this.draw();
  }

  back() {
    if (!this.stroke) return false;
    this.stroke.points.pop();
    if (!this.stroke.points.length) this.stroke = null;
    this.draw();
    return true;
  }

  cancel() {
    const something = Boolean(this.stroke || this.drag || this.cross);
    this.stroke = null;
    this.drag = null;
    this.cross = null;
    this.draw();
    return something;
  }

  // The cross that keys move.
  moveCross(dx, dy) {
    this.cross ??= this.pointer ?? [this.width / 2, this.height / 2];
    this.cross = [
      Math.min(Math.max(this.cross[0] + dx, 0), this.width),
      Math.min(Math.max(this.cross[1] + dy, 0), this.height),
    ];
    this.trail(this.cross);
    this.draw();
  }

  pressByKey() {
    this.cross ??= [this.width / 2, this.height / 2];
    const { tool } = this.host;
    const wasDown = this.stroke && (tool === "brush" || tool === "eraser" || tool === "measure");
    if (wasDown) {
      if (tool === "measure") this.trail(this.cross);
      this.release();
    } else this.press();
    this.draw();
  }
}
