// The review of one study: what the kernel says is shown, what the reader does is sent; nothing is shown as kept
// before the kernel has said that it is.

import { boxOf } from "./geometry.js";
import { Film, inflated } from "./film.js";
import { draggedWindow } from "./tones.js";
import { commandOf, keyOf } from "./keys.js";
import { DRAWING, Pane } from "./pane.js";
import { button, choices, dialog, findingRow, helpDialog, make, measureRow, nameSystems, sideCard, systemTitle, words } from "./panel.js";

const PATIENCE_MS = 2500;
const IDLE_MS = 60000;
const MOST_FILMS = 4; // kept in the browser, 50 MB each at 4,000 x 5,000 pixels

const ONCE = new Set(["accept", "reject", "new-nodule", "side-by-side", "sync", "full-screen", "invert"]);

const HINTS = {
  move: "drag: move  ·  click: choose a nodule  ·  right drag: window  ·  wheel: zoom",
  window: "drag right: wider, up: brighter  ·  R: as the maker set it  ·  I: invert",
  brush: "drag: add  ·  , and . change the size  ·  N: a new nodule  ·  Z: undo",
  eraser: "drag: take away  ·  , and . change the size  ·  Z: undo",
  polygon: "click corners, double click or Enter closes  ·  Backspace: one corner back  ·  Esc: leave it",
  cut: "click corners around what is too much, double click or Enter closes  ·  Esc: leave it",
  measure: "drag from one end to the other",
};

class Review {
  constructor(model, el) {
    this.model = model;
    this.id = `view-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
    this.sequence = 0;
    this.waiting = new Map();
    this.study = null;
    this.state = null;
    this.tool = "move";
    this.chosen = null;
    this.newNodule = false;
    this.brush = 12;
    this.synced = true;
    this.beside = false;
    this.overlay = { fill: true, contours: true, opacity: 0.25, anatomy: false, probability: false };
    this.receiving = new Map();
    this.films = new Map();
    this.activeMs = 0;
    this.lastAct = performance.now();
    this.ending = new AbortController();
    this.build(el);
    this.onMessage = (content, buffers) => this.receive(content, buffers ?? []);
    model.on("msg:custom", this.onMessage);
    this.ask({ type: "hello" });
    window.addEventListener("pagehide", () => this.leave(), { signal: this.ending.signal });
  }

  dispose() {
    this.leave();
    this.ending.abort();
    this.model.off("msg:custom", this.onMessage);
    for (const { timer } of this.waiting.values()) clearTimeout(timer);
    for (const pane of Object.values(this.panes)) pane.dispose();
    this.films.clear();
    this.root.remove();
  }

  leave() {
    if (this.left || !this.study) return;
    this.left = true;
    try {
      this.model.send({ type: "close", view: this.id, seconds: this.activeMs / 1000 });
    } catch {
      // Without a kernel the session ends at its last decision.
    }
  }

  build(el) {
    this.panes = { current: new Pane("current", this), previous: new Pane("previous", this) };
    this.active = this.panes.current;
    this.title = make("span", { className: "ho-title" }, "Review");
    this.saved = make("span", { className: "ho-saved", role: "status" }, "loading …");
    this.research = make("span", { className: "ho-research" }, "RESEARCH USE ONLY");
    this.banner = make("div", { className: "ho-banner", hidden: true, role: "alert" });
    this.blind = make("div", { className: "ho-blind", hidden: true });
    this.stale = make("div", { className: "ho-stale", hidden: true, role: "status" });
    this.tools = make("div", { className: "ho-tools", role: "toolbar" });
    this.sides = make("div", { className: "ho-sides" });
    this.list = make("div", { className: "ho-list", role: "listbox", "aria-label": "nodules" });
    this.measures = make("div");
    this.notes = make("div");
    this.filmList = make("div", { className: "ho-films" });
    this.hint = make("span", { className: "ho-hint" });
    this.undoHint = make("span", { className: "ho-undo" });
    this.cover = make("div", { className: "ho-cover", hidden: true });
    this.aside = make("div", { className: "ho-aside" },
      this.filmList, this.sides,
      make("h4", {}, "Nodules", make("span", { className: "ho-quiet" }, " J next, K back")), this.list,
      make("h4", { className: "ho-measures-title", hidden: true }, "Measures"), this.measures, this.notes,
      button(this, "note", "Write a note", { className: "ho-note-button" }),
      button(this, "commit", "Finish reading", { className: "ho-primary ho-commit" }));
    this.stage = make("div", { className: "ho-stage" }, this.panes.previous.root, this.panes.current.root);
    this.panes.previous.root.hidden = true;
    this.root = make(
      "div",
      { className: "ho-review", tabIndex: 0, role: "application", "aria-label": "review of a study", "data-lm-suppress-shortcuts": "true" },
      make("div", { className: "ho-head" }, this.title, this.saved, this.research),
      this.banner, this.blind, this.stale, this.tools,
      make("div", { className: "ho-main" }, this.stage, this.aside),
      make("div", { className: "ho-foot" }, this.hint, this.undoHint, button(this, "help", "Keys")),
      this.cover,
    );
    const height = this.model.get("height_px");
    this.root.style.height = `${height}px`;
    this.root.addEventListener("keydown", (event) => this.key(event));
    // The notebook's own keys rest while the reader is here.
    for (const kind of ["keyup", "keypress", "mousedown", "dblclick", "contextmenu", "paste"]) {
      this.root.addEventListener(kind, (event) => event.stopPropagation());
    }
    for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) {
      this.root.addEventListener(kind, () => this.act(), { passive: true });
    }
    this.buildTools();
    this.pick("move");
    el.append(this.root);
  }

  buildTools() {
    const groups = [
      [["move", "Move"], ["window", "Window"], ["brush", "Brush"], ["eraser", "Eraser"], ["polygon", "Polygon"], ["measure", "Measure"], ["new-nodule", "New nodule"]],
      [["fit", "Fit"], ["one-to-one", "1:1"], ["invert", "Invert"], ["reset-window", "Reset"]],
      [["overlay", "Fill"], ["contours", "Outlines"], ["anatomy", "Bones"], ["probability", "Map"]],
      [["undo", "Undo"], ["redo", "Redo"]],
      [["side-by-side", "Previous"], ["sync", "Together"]],
    ];
    for (const group of groups) {
      this.tools.append(make("span", { className: "ho-group" }, ...group.map(([command, text]) => button(this, command, text))));
    }
    const opacity = make("input", {
      type: "range", min: 0, max: 100, value: 100 * this.overlay.opacity, title: "How strong the fill is (9, 0)", "aria-label": "opacity",
      oninput: () => {
        this.overlay.opacity = opacity.value / 100;
        this.redraw();
      },
    });
    this.opacity = opacity;
    this.tools.children[2].append(opacity);
  }

  // Time at the film: as long as something is done, with pauses up to a minute.
  act() {
    const now = performance.now();
    this.activeMs += Math.min(now - this.lastAct, IDLE_MS);
    this.lastAct = now;
  }

  // The kernel

  ask(message, done = null) {
    this.sequence += 1;
    const seq = this.sequence;
    const timer = setTimeout(() => this.unanswered(), PATIENCE_MS);
    this.waiting.set(seq, { timer, done, since: performance.now(), writes: ["decide", "stroke", "undo", "redo"].includes(message.type) });
    if (this.waiting.get(seq).writes) this.saved.textContent = "saving …";
    try {
      this.model.send({ ...message, view: this.id, seq });
    } catch {
      this.unanswered();
    }
    return seq;
  }

  unanswered() {
    const lost = [...this.waiting.values()].filter(({ writes }) => writes).length;
    this.banner.textContent = lost
      ? "NOT SAVED: the kernel does not answer. What was kept before is safe. If the kernel is busy, wait; if it has ended, run the cell again and repeat the last step."
      : "The kernel does not answer yet. If it has ended, run the cell again: everything kept is there.";
    this.banner.hidden = false;
    this.banner.dataset.lost = String(lost);
    if (lost) this.saved.textContent = "NOT SAVED";
  }

  answered(seq) {
    const waited = this.waiting.get(seq);
    if (!waited) return;
    clearTimeout(waited.timer);
    this.waiting.delete(seq);
    if (!this.waiting.size) this.banner.hidden = true;
    waited.done?.();
  }

  receive(content, buffers) {
    const mine = content.view === this.id;
    if (content.type === "state") this.takeState(content);
    if (!mine) return;
    if (content.type === "study") this.takeStudy(content);
    else if (content.type === "film") this.takeFilm(content);
    else if (content.type === "strip") this.takeStrip(content, buffers[0]);
    else if (content.type === "anatomy") this.takeOverlay(content, (pane) => {
      pane.anatomy = content.outlines;
    });
    else if (content.type === "probability") this.takeMap(content, buffers[0]);
    else if (content.type === "problem") this.takeProblem(content);
    if (content.type !== "study") this.answered(content.ack);
  }

  takeStudy(study) {
    this.study = study;
    nameSystems(study.system_titles);
    this.title.textContent = `Reader ${study.reader}${study.model ? `  ·  model ${study.model}` : ""}`;
    this.title.title = `Study ${study.study_uid}\nDecisions are kept in ${study.store}`;
    this.research.title = study.research_use;
    this.research.textContent = "RESEARCH USE ONLY: not a medical device, not for diagnosis";
    this.command("side-by-side").parentElement.hidden = !study.previous;
    if (study.warnings.length) this.tell(study.warnings[0]);
    this.showFilm(this.panes.current, study.films[0]);
    if (study.previous) {
      this.showFilm(this.panes.previous, study.previous[0], false);
      this.setBeside(true);
    }
  }

  takeState(state) {
    if (this.state?.hidden && !state.hidden) this.tell("The model's findings are shown now.");
    this.state = state;
    this.panes.current.settled();
    if (this.newNodule === "sent") {
      this.newNodule = false;
      this.chosen = state.findings.at(-1)?.id ?? null;
    }
    if (!state.findings.some(({ id }) => id === this.chosen)) this.chosen = null;
    const when = new Date(state.saved);
    this.saved.textContent = `saved ${when.toLocaleTimeString()}  ·  ${state.count} ${state.count === 1 ? "entry" : "entries"}`;
    this.saved.dataset.count = state.count;
    this.blind.hidden = !state.hidden;
    this.blind.textContent = "Blinded reading: the model's findings and grades are hidden until you finish (Q). Draw nodules (N), grade each side (G).";
    this.stale.hidden = !state.left_out;
    this.stale.textContent = state.left_out ? `Look again and finish (Q): ${state.left_out}. All of it is kept.` : "";
    this.refresh();
    this.redraw();
  }

  takeFilm(content) {
    const pane = this.panes[content.pane];
    if (pane.about?.uid === content.uid) this.receiving.set(content.pane, { uid: content.uid, film: new Film(content), queue: Promise.resolve() });
  }

  takeStrip(content, buffer) {
    const got = this.receiving.get(content.pane);
    if (!got || got.uid !== content.uid) return;
    got.queue = got.queue.then(async () => {
      const bytes = new Uint8Array(buffer.buffer ?? buffer, buffer.byteOffset ?? 0, buffer.byteLength);
      const whole = got.film.take(content.first, content.rows, await inflated(bytes));
      const pane = this.panes[content.pane];
      if (pane.about?.uid !== content.uid) return;
      pane.say(whole ? "" : `loading ${Math.round((100 * got.film.arrived) / got.film.rows)} %`);
      if (!whole) return;
      this.keepFilm(`${pane.name}/${content.uid}`, got.film);
      pane.film = got.film;
      this.receiving.delete(content.pane);
      pane.root.dataset.loaded = content.uid;
      if (pane.name === "previous") this.sameScale();
      pane.draw();
    }).catch((error) => this.panes[content.pane].say(`The film could not be shown: ${error.message}`));
  }

  keepFilm(key, film) {
    for (const other of this.films.values()) other.tiles.clear();
    if (this.films.size >= MOST_FILMS) this.films.delete(this.films.keys().next().value);
    this.films.set(key, film);
  }

  takeOverlay({ pane: name, uid }, set) {
    const pane = this.panes[name];
    if (pane.about?.uid !== uid) return;
    set(pane);
    this.tell("");
    pane.draw();
  }

  async takeMap(content, buffer) {
    const bytes = new Uint8Array(buffer.buffer ?? buffer, buffer.byteOffset ?? 0, buffer.byteLength);
    const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = document.createElement("canvas");
    const scale = Math.min(1, 1536 / Math.max(picture.width, picture.height));
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const image = context.getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < image.data.length; i += 4) {
      const p = image.data[i];
      image.data[i] = 255;
      image.data[i + 1] = 200 - (p >> 1);
      image.data[i + 2] = 0;
      image.data[i + 3] = p;
    }
    context.putImageData(image, 0, 0);
    this.takeOverlay(content, (pane) => {
      pane.map = canvas;
    });
  }

  takeProblem({ text, about, ack }) {
    this.tell(text, true);
    if (about === "film") this.panes[this.filmAsked.get(ack) ?? "current"].say(text);
    if (about === "anatomy" || about === "probability") this.overlay[about] = false;
    if (this.newNodule === "sent") this.newNodule = true;
    if (this.state) this.saved.textContent = `${this.state.count} entries kept`;
    this.panes.current.settled();
    this.refresh();
  }

  // Films and panes

  showFilm(pane, about, ask = true) {
    pane.show(about);
    this.sameScale(); // another film was fitted
    if (pane === this.panes.previous && !this.beside && !ask) return;
    pane.film ??= this.films.get(`${pane.name}/${about.uid}`) ?? null;
    for (const kind of ["anatomy", "probability"]) if (this.overlay[kind]) this.wantOverlay(kind, pane);
    if (pane.film) {
      pane.say("");
      pane.draw();
      this.refresh();
      return;
    }
    pane.say("loading …");
    this.filmAsked ??= new Map();
    this.filmAsked.set(this.ask({ type: "film", pane: pane.name, uid: about.uid }), pane.name);
    this.refresh();
  }

  setBeside(on) {
    if (!this.study.previous) {
      this.tell("There is no previous study: give previous= to review().");
      return;
    }
    this.beside = on;
    const { previous } = this.panes;
    previous.root.hidden = !on;
    if (on && !previous.film && !this.receiving.has("previous")) this.showFilm(previous, previous.about);
    if (!on && this.active === previous) this.focus(this.panes.current);
    this.stage.classList.toggle("ho-two", on);
    this.sameScale();
    this.refresh();
  }

  // One millimetre is as long on both films, where both know it.
  sameScale() {
    const { current, previous } = this.panes;
    if (!this.synced || !this.beside || !current.about?.spacing || !previous.about?.spacing || !previous.width) return;
    const wanted = (current.view.zoom / current.about.spacing[1]) * previous.about.spacing[1];
    previous.view.zoomBy(wanted / previous.view.zoom, previous.width / 2, previous.height / 2);
    previous.draw();
  }

  moved(pane, { dx = 0, dy = 0, zoom = 1, at = [pane.width / 2, pane.height / 2] }) {
    const both = this.synced && this.beside ? Object.values(this.panes) : [pane];
    for (const one of both) {
      if (zoom !== 1) one.view.zoomBy(zoom, ...at);
      if (dx || dy) one.view.pan(dx, dy);
      one.draw();
    }
  }

  focus(pane) {
    this.active = pane;
    for (const one of Object.values(this.panes)) one.root.classList.toggle("ho-active", one === pane);
    if (!this.root.contains(document.activeElement) || document.activeElement?.closest?.(".ho-tools, .ho-aside")) this.root.focus({ preventScroll: true });
  }

  redraw() {
    for (const pane of Object.values(this.panes)) pane.draw();
  }

  findingsOn(pane) {
    if (!this.state) return [];
    if (pane.name === "previous") return this.state.previous_findings.filter(({ image_uid: uid }) => uid === pane.about?.uid).map((f) => Object.assign(f, { status: "unseen" }));
    return this.state.findings.filter(({ image_uid: uid }) => uid === pane.about?.uid);
  }

  linesOn(pane) {
    if (!this.state || pane.name !== "current") return [];
    const uid = pane.about?.uid;
    const gaps = this.overlay.contours
      ? this.state.sides.filter(({ gap, image_uid: on }) => gap && on === uid).map(({ gap, gap_text: text }) => ({ from: gap[0], to: gap[1], text, kind: "gap" }))
      : [];
    const measures = this.state.measures.filter(({ image_uid: on }) => on === uid).map((m) => ({ ...m, text: m.text.split(" (")[0], kind: "measure" }));
    return [...gaps, ...measures];
  }

  showGap(side) {
    const about = this.study.films.find(({ uid }) => uid === side.image_uid);
    if (about && this.panes.current.about.uid !== about.uid) this.showFilm(this.panes.current, about);
    this.panes.current.view.show(boxOf([side.gap]), this.panes.current.width, this.panes.current.height);
    this.sameScale();
    this.overlay.contours = true;
    this.redraw();
    this.refresh();
  }

  // Nodules

  choose(id, jump) {
    this.chosen = id;
    this.newNodule = false;
    const finding = this.state.findings.find((f) => f.id === id);
    if (finding && jump) {
      const about = this.study.films.find(({ uid }) => uid === finding.image_uid);
      const { current } = this.panes;
      if (about && current.about.uid !== about.uid) this.showFilm(current, about);
      current.view.show(boxOf(finding.outline), current.width, current.height);
      this.sameScale();
    }
    this.refresh();
    this.redraw();
  }

  step(by) {
    const ids = this.state.findings.map(({ id }) => id);
    if (!ids.length) {
      this.tell(this.state.hidden ? "No nodules drawn yet: N draws one." : "There are no nodules.");
      return;
    }
    const at = ids.indexOf(this.chosen);
    this.choose(ids[at < 0 ? (by > 0 ? 0 : ids.length - 1) : (at + by + ids.length) % ids.length], true);
  }

  decide(action, value = {}, reason = null, more = {}) {
    this.ask({ type: "decide", action, value, reason, ...more });
  }

  onChosen(action) {
    if (this.chosen === null) this.tell("Choose a nodule first: J, or click it.");
    else this.decide(action, {}, null, { target: this.chosen });
  }

  // Which nodule a stroke changes; null: it makes a new one.
  drawnOn() {
    return this.newNodule ? null : this.chosen;
  }

  mayDraw(tool) {
    if (tool === "measure") return true;
    if (this.drawnOn() !== null) {
      const finding = this.state.findings.find(({ id }) => id === this.chosen);
      if (finding.image_uid === this.panes.current.about.uid) return true;
      this.tell(`${this.chosen} lies on another film: choose a nodule on this one, or N for a new one.`);
      return false;
    }
    if (this.newNodule && tool !== "eraser" && tool !== "cut") return true;
    this.tell("Choose a nodule first (J, or click it with V), or N for a new one.");
    return false;
  }

  drawn(pane, { tool, points }) {
    const uid = pane.about.uid;
    if (tool === "measure") {
      this.decide("measure", { from_xy_px: points[0], to_xy_px: points[1] }, null, { image_uid: uid });
      return;
    }
    const target = this.drawnOn();
    if (target === null) this.newNodule = "sent";
    this.ask({ type: "stroke", image_uid: uid, target, tool, points, radius: this.brush });
  }

  undo(id = null) {
    this.ask({ type: "undo", id });
  }

  // Forms

  openDialog(form) {
    this.cover.replaceChildren(form);
    this.cover.hidden = false;
    (form.querySelector("input:checked, textarea, input, select, button.ho-primary") ?? form.querySelector("button")).focus();
  }

  closeDialog() {
    this.cover.hidden = true;
    this.cover.replaceChildren();
    this.root.focus({ preventScroll: true });
  }

  // `proposed`: the grade that the outlines give, with the reason it then has.
  openGrade(name = null, proposed = null) {
    const sides = this.state.sides.map(({ side }) => side);
    const first = name ?? this.state.sides.find(({ grade, changed }) => grade === null && !changed)?.side ?? sides[0];
    const side = choices("side", sides, first, words);
    const grades = make("div");
    const fill = () => {
      const about = this.state.sides.find(({ side: which }) => which === side.querySelector(":checked").value);
      const classes = this.study.grades[about.system] ?? [];
      grades.replaceChildren(make("div", { className: "ho-quiet" }, `${systemTitle(about.system)}${about.model_grade ? `, model: ${about.model_grade}` : ""}`), choices("grade", classes, proposed !== null && about.side === name ? proposed : about.grade));
    };
    side.addEventListener("change", fill);
    fill();
    const reason = make("textarea", { name: "reason", rows: 2, maxLength: 2000, placeholder: this.state.hidden ? "why (may stay empty in a blinded reading)" : "why (needed)" });
    if (proposed !== null) reason.value = "follows from the outlines as I left them";
    const form = dialog(this, "Grade a side", [side, grades, reason], "Keep", () => {
      const to = grades.querySelector(":checked")?.value;
      if (to === undefined) return "Choose a class.";
      if (!this.state.hidden && !reason.value.trim()) {
        reason.focus();
        return "Say why: the reason is kept with the grade.";
      }
      this.decide("regrade", { side: side.querySelector(":checked").value, to }, reason.value);
      return null;
    });
    this.openDialog(form);
    if (name) grades.querySelector("input:checked, input")?.focus();
  }

  openClassify() {
    if (this.chosen === null) {
      this.tell("Choose a nodule first: J, or click it.");
      return;
    }
    const kinds = make("select", { name: "mimic", size: 10 }, ...this.study.mimics.map((kind) => make("option", { value: kind }, words(kind))));
    kinds.value = this.state.findings.find(({ id }) => id === this.chosen).mimic ?? this.study.mimics[0];
    const reason = make("input", { name: "reason", maxLength: 2000, placeholder: "a note (may stay empty)" });
    kinds.addEventListener("dblclick", () => form.requestSubmit());
    const form = dialog(this, `${this.chosen} is no ectopic bone but …`, [kinds, reason], "Keep", () => {
      this.decide("reclassify", { mimic: kinds.value }, reason.value, { target: this.chosen });
      return null;
    });
    this.openDialog(form);
  }

  openNote() {
    const text = make("textarea", { name: "note", rows: 4, maxLength: 5000 });
    this.openDialog(dialog(this, "A note on the study", [text], "Keep", () => {
      if (!text.value.trim()) return "The note is empty.";
      this.decide("note", {}, text.value, { image_uid: this.panes.current.about.uid });
      return null;
    }));
  }

  openCommit() {
    const open = this.state.findings.filter(({ status }) => status === "unseen").map(({ id }) => id);
    const ungraded = this.state.sides.filter(({ grade }) => grade === null).map(({ side }) => side);
    const lines = [];
    if (open.length) lines.push(`Not looked at: ${open.join(", ")}.`);
    if (ungraded.length) lines.push(`Without a grade: ${ungraded.join(", ")}.`);
    const contradictions = this.state.contradictions ?? [];
    for (const { text } of contradictions) lines.push(`${text}. Finish only if both are meant: your confirmation is kept.`);
    lines.push(this.state.hidden ? "The model's findings are shown after this. It cannot be undone." : "The reading is marked as finished. It cannot be undone; later changes are kept as such.");
    const title = contradictions.length ? "Grade and nodules contradict each other. Finish all the same?" : "Finish the reading?";
    const form = dialog(this, title, lines.map((line) => make("p", {}, line)), contradictions.length ? "Confirm and finish" : "Finish", () => {
      this.decide("commit", contradictions.length ? { confirmed: contradictions.map(({ side }) => side) } : {});
      return null;
    });
    this.openDialog(form);
  }

  // What is shown beside the film

  command(name) {
    return this.root.querySelector(`.ho-tools [data-command="${name}"]`);
  }

  pick(tool) {
    this.tool = tool;
    this.panes.current.cancel();
    this.stage.dataset.tool = tool;
    this.tell("");
    this.refresh();
  }

  tell(text, isProblem = false) {
    this.told = Boolean(text);
    this.hint.textContent = text || HINTS[this.tool];
    this.hint.classList.toggle("ho-problem", isProblem);
    clearTimeout(this.hintTimer);
    if (text) this.hintTimer = setTimeout(() => this.tell(""), isProblem ? 12000 : 6000);
  }

  refresh() {
    const on = {
      overlay: this.overlay.fill, contours: this.overlay.contours, anatomy: this.overlay.anatomy, probability: this.overlay.probability,
      "side-by-side": this.beside, sync: this.synced, invert: this.active.film?.look.invert, "new-nodule": Boolean(this.newNodule),
    };
    for (const tool of Object.keys(HINTS)) on[tool] = this.tool === tool;
    for (const element of this.tools.querySelectorAll("[data-command]")) {
      element.setAttribute("aria-pressed", String(Boolean(on[element.dataset.command])));
    }
    if (!this.told) this.tell("");
    if (!this.state || !this.study) return;
    const { state } = this;
    const held = this.aside.contains(document.activeElement);
    this.sides.replaceChildren(...state.sides.map((side) => sideCard(this, side)));
    this.list.replaceChildren(...state.findings.map((finding) => findingRow(this, finding)));
    if (!state.findings.length) this.list.append(make("div", { className: "ho-quiet" }, state.hidden ? "none drawn yet" : "none"));
    this.list.querySelector(".ho-chosen")?.scrollIntoView({ block: "nearest" });
    this.measures.replaceChildren(...state.measures.map((measure) => measureRow(this, measure)));
    this.notes.replaceChildren(...state.notes.map((text) => make("div", { className: "ho-note" }, text)));
    this.aside.querySelector(".ho-measures-title").hidden = !state.measures.length;
    this.undoHint.textContent = [state.undo ? `Z takes back: ${state.undo}` : "", state.redo ? `Shift+Z again: ${state.redo}` : ""].filter(Boolean).join("   ");
    this.command("undo").disabled = !state.undo;
    this.command("redo").disabled = !state.redo;
    const commit = this.aside.querySelector(".ho-commit");
    commit.disabled = state.committed;
    commit.firstChild.textContent = state.committed ? "Reading finished" : "Finish reading";
    const films = this.study.films.length > 1 ? this.study.films : [];
    this.filmList.replaceChildren(...films.map((about, number) =>
      make("button", { type: "button", "aria-pressed": String(about.uid === this.panes.current.about?.uid), title: about.flags.join("\n"), onclick: () => this.showFilm(this.panes.current, about) }, `${number + 1} ${about.label}`)));
    // What had the keys may be gone.
    if (held && !this.root.contains(document.activeElement)) this.root.focus({ preventScroll: true });
  }

  wantOverlay(kind, pane) {
    const has = kind === "anatomy" ? pane.anatomy : pane.map;
    if (has || !pane.about) return;
    this.tell(kind === "anatomy" ? "Bones are being outlined …" : "The map is being fetched …");
    this.ask({ type: kind, pane: pane.name, uid: pane.about.uid });
  }

  toggleOverlay(kind) {
    if (this.state.hidden) {
      this.tell("Blinded: shown after you finish the reading.");
      return;
    }
    this.overlay[kind] = !this.overlay[kind];
    if (this.overlay[kind]) for (const pane of this.beside ? Object.values(this.panes) : [this.panes.current]) this.wantOverlay(kind, pane);
  }

  stepFilm(by) {
    const films = this.active.name === "previous" ? this.study.previous : this.study.films;
    const at = films.findIndex(({ uid }) => uid === this.active.about.uid);
    const next = films[at + by];
    if (next) this.showFilm(this.active, next);
    else this.tell(by > 0 ? "This is the last film." : "This is the first film.");
  }

  look(change) {
    this.active.film?.setLook(change);
  }

  // Everything a key or a button can ask for.
  run(command) {
    if (!this.state || !this.study) return;
    const { active } = this;
    const middle = [active.width / 2, active.height / 2];
    if (command in HINTS) {
      this.newNodule = false;
      this.pick(command);
    }
    const does = {
      "new-nodule": () => {
        this.chosen = null;
        this.newNodule = true;
        this.pick(this.tool === "polygon" ? "polygon" : "brush");
        this.tell("Draw the nodule that was missed: brush (B) or polygon (P).");
      },
      fit: () => {
        active.fit();
        if (this.synced && this.beside) for (const pane of Object.values(this.panes)) pane.fit();
        this.sameScale();
      },
      "one-to-one": () => this.moved(active, { zoom: 1 / active.ratio / active.view.zoom, at: middle }),
      "zoom-in": () => this.moved(active, { zoom: 1.25, at: middle }),
      "zoom-out": () => this.moved(active, { zoom: 0.8, at: middle }),
      invert: () => {
        const invert = !active.film?.look.invert;
        for (const pane of this.beside && this.synced ? Object.values(this.panes) : [active]) pane.film?.setLook({ invert });
      },
      "reset-window": () => this.look({ ...active.film?.maker, invert: false }),
      "next-film": () => this.stepFilm(1),
      "previous-film": () => this.stepFilm(-1),
      "next-nodule": () => this.step(1),
      "previous-nodule": () => this.step(-1),
      accept: () => this.onChosen("accept"),
      reject: () => this.onChosen("reject"),
      classify: () => this.openClassify(),
      grade: () => this.openGrade(),
      note: () => this.openNote(),
      commit: () => (this.state.committed ? this.tell("The reading is finished.") : this.openCommit()),
      undo: () => (this.panes.current.back() ? null : this.undo()),
      redo: () => this.ask({ type: "redo" }),
      "smaller-brush": () => this.resizeBrush(0.8),
      "larger-brush": () => this.resizeBrush(1.25),
      overlay: () => {
        this.overlay.fill = !this.overlay.fill;
      },
      contours: () => {
        this.overlay.contours = !this.overlay.contours;
      },
      fainter: () => this.setOpacity(-0.1),
      stronger: () => this.setOpacity(0.1),
      anatomy: () => this.toggleOverlay("anatomy"),
      probability: () => this.toggleOverlay("probability"),
      "side-by-side": () => this.setBeside(!this.beside),
      "other-pane": () => (this.beside ? this.focus(active === this.panes.current ? this.panes.previous : this.panes.current) : null),
      sync: () => {
        this.synced = !this.synced;
        this.sameScale();
      },
      "full-screen": () => (document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen?.().catch(() => this.tell("Full screen is not allowed here."))),
      help: () => this.openDialog(helpDialog(this)),
      cancel: () => {
        if (!this.panes.current.cancel()) {
          this.newNodule = false;
          this.chosen = null;
        }
      },
    };
    does[command]?.();
    if (command !== "new-nodule") this.refresh();
    this.redraw();
  }

  resizeBrush(factor) {
    this.brush = Math.min(Math.max(this.brush * factor, 0.5), 400);
    this.tell(`brush ${(2 * this.brush).toFixed(0)} px across`);
  }

  setOpacity(by) {
    this.overlay.opacity = Math.min(Math.max(this.overlay.opacity + by, 0), 1);
    this.opacity.value = 100 * this.overlay.opacity;
  }

  key(event) {
    event.stopPropagation();
    if (!this.cover.hidden) {
      if (event.key === "Escape") this.closeDialog();
      return;
    }
    if (event.target.matches?.("input, textarea, select") && event.key !== "Escape") return;
    const { current } = this.panes;
    const drawing = DRAWING.has(this.tool);
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const onButton = event.target.matches?.("button");
    if (arrows) {
      const [dx, dy] = arrows;
      if (drawing) current.moveCross(dx * (event.shiftKey ? 20 : 2), dy * (event.shiftKey ? 20 : 2));
      else if (this.tool === "window" && this.active.film) {
        this.look(draggedWindow(this.active.film.look, dx * 12, dy * 12, this.active.height));
        this.active.draw();
      } else this.moved(this.active, { dx: -dx * (event.shiftKey ? 200 : 40), dy: -dy * (event.shiftKey ? 200 : 40) });
    } else if (event.key === " " && drawing && !onButton) current.pressByKey();
    else if (event.key === "Enter" && drawing && !onButton) current.finish();
    else if (event.key === "Backspace" && drawing) current.back();
    else {
      const command = commandOf(event);
      if (!command) return;
      // A key held down says a thing once; undo and the like go on.
      if (!(event.repeat && ONCE.has(command))) this.run(command);
    }
    event.preventDefault();
  }
}

function render({ model, el }) {
  const review = new Review(model, el);
  el.hoReview = review; // for measurements in a browser's console
  return () => review.dispose();
}

export default { render };
