// The review of studies, one after the other: what the kernel says is shown, what the reader does is sent; nothing is
// shown as kept before the kernel has said that it is.

import { boxOf } from "./geometry.js";
import { Film, inflated } from "./film.js";
import { draggedWindow } from "./tones.js";
import { commandOf, digitOf } from "./keys.js";
import { MOUSE, mouseOf, otherMouse } from "./mouse.js";
import { kernelOf, verdict } from "./kernel.js";
import { DRAWING, Pane } from "./pane.js";
import { button, findingRow, make, measureRow, nameSystems, sideCard } from "./panel.js";
import { openClassify, openHelp, openList, openNote } from "./forms.js";
import { acceptAll, chooseFirst, commit, giveGrade, judgeChosen, otherSide, showGap, sideToGrade, toUnseen } from "./judging.js";

const WATCH_MS = 500;
const IDLE_MS = 60000;
const LOOK_MS = 400; // a study that has just opened is not finished by a key meant for the one before
const AHEAD_MS = 250;
const FILLS = [0.25, 0.5, 0];
const WRITES = new Set(["decide", "accept-all", "stroke", "undo", "redo"]);
const PANES = ".ho-fill, .jp-WindowedPanel-outer, .jp-Notebook"; // what a page shows a viewer in
const MOST_FILMS = 4; // kept in the browser, 50 MB each at 4,000 x 5,000 pixels

const ONCE = new Set([
  "accept", "accept-all", "reject", "commit", "next-study", "previous-study", "new-nodule", "side-by-side", "sync", "full-screen", "invert", "mouse", "other-side",
]);

const HINTS = {
  move: "J: nodules  ·  Shift+A: accept all  ·  digits: grade  ·  Q: finish  ·  click: choose a nodule  ·  wheel: zoom  ·  ?: all keys",
  window: "drag right: wider, up: brighter  ·  R: as the maker set it  ·  I: invert",
  brush: "drag: add  ·  , and . change the size  ·  N: a new nodule  ·  Z: undo",
  eraser: "drag: take away  ·  , and . change the size  ·  Z: undo",
  polygon: "click corners, double click or Enter closes  ·  Backspace: one corner back  ·  Esc: leave it",
  cut: "click corners around what is too much, double click or Enter closes  ·  Esc: leave it",
  measure: "drag from one end to the other",
};

const JUDGES = new Set(["commit", "accept-all"]);

const filmKey = ({ study_uid: study, pane, uid }) => `${study}/${pane}/${uid}`;

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
    this.overlay = { fill: true, contours: true, opacity: FILLS[0], anatomy: false, probability: false };
    this.mouse = MOUSE.right;
    this.side = null; // the side that a digit grades
    this.judging = new Set(); // nodules with a decision that is not kept yet
    this.shownAt = 0; // since when the study's film is on the screen; null before
    this.moving = false; // another study was asked for
    this.lastMimic = null;
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
    clearInterval(this.watch);
    clearTimeout(this.aheadTimer);
    this.holder.disconnect();
    for (const pane of Object.values(this.panes)) pane.dispose();
    this.films.clear();
    this.root.remove();
  }

  leave() {
    if (this.left || !this.study) return;
    this.left = true;
    try {
      this.model.send({ type: "close", view: this.id, study: this.study.study_uid, seconds: this.activeMs / 1000 });
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
    this.place = make("span", { className: "ho-place" });
    this.banner = make("div", { className: "ho-banner", hidden: true, role: "alert" });
    this.busy = make("div", { className: "ho-busy", hidden: true, role: "status" });
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
      make("h4", {}, "Nodules", make("span", { className: "ho-quiet" }, " J K go, A accept, X reject, C else")), this.list,
      make("h4", { className: "ho-measures-title", hidden: true }, "Measures"), this.measures, this.notes,
      make("div", { className: "ho-row ho-last" }, button(this, "accept-all", "Accept all"), button(this, "commit", "Finish", { className: "ho-primary ho-commit" })));
    this.stage = make("div", { className: "ho-stage" }, this.panes.previous.root, this.panes.current.root);
    this.panes.previous.root.hidden = true;
    this.root = make(
      "div",
      { className: "ho-review", tabIndex: 0, role: "application", "aria-label": "review of a study", "data-lm-suppress-shortcuts": "true" },
      make("div", { className: "ho-head" }, this.title, this.place, this.saved, this.research),
      this.banner, this.busy, this.blind, this.stale, this.tools,
      make("div", { className: "ho-main" }, this.stage, this.aside),
      make("div", { className: "ho-foot" }, this.hint, this.undoHint, ...[["note", "Note"], ["mouse", "Mouse"], ["full-screen", "Full screen"], ["studies", "Studies"], ["help", "Keys"]].map(([command, text]) => button(this, command, text))),
      this.cover,
    );
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
    this.fillPane();
  }

  // As high as the pane of the page that it is in, so that nothing has to be scrolled to. A notebook may put the viewer
  // into its page only later, and then it is laid out anew.
  fillPane() {
    const given = this.model.get("height_px");
    let watched = null;
    const fill = () => {
      const pane = given ? null : this.root.closest(PANES);
      if (pane && pane !== watched) this.holder.observe(pane);
      watched = pane;
      if (pane?.clientHeight === 0) return;
      this.root.style.height = pane ? `${pane.clientHeight - (pane.classList.contains("ho-fill") ? 0 : 24)}px` : `${given || 760}px`;
    };
    this.holder = new ResizeObserver(fill);
    this.holder.observe(this.root);
    fill();
  }

  // The keys are the viewer's from the start, unless somebody types elsewhere.
  takeKeys() {
    if (document.activeElement?.closest?.("input, textarea, select, [contenteditable=true]")) return;
    this.root.focus({ preventScroll: true });
    this.root.scrollIntoView({ block: "nearest" });
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
  }

  // Time at the film: as long as something is done, with pauses up to a minute.
  act() {
    const now = performance.now();
    this.activeMs += Math.min(now - this.lastAct, IDLE_MS);
    this.lastAct = now;
  }

  // The kernel

  ask(message) {
    this.sequence += 1;
    const seq = this.sequence;
    const writes = WRITES.has(message.type);
    this.waiting.set(seq, { since: performance.now(), idleSince: null, writes });
    this.watch ??= setInterval(() => this.lookAfter(), WATCH_MS);
    if (writes) this.saved.textContent = "saving …";
    try {
      this.model.send({ ...message, view: this.id, seq, study: this.study?.study_uid });
    } catch {
      this.alarm();
    }
    return seq;
  }

  // Say that the kernel is busy, or raise the alarm where it is lost.
  lookAfter() {
    const now = performance.now();
    const kernel = kernelOf(this.model);
    let worst = "fine";
    for (const waited of this.waiting.values()) {
      if (kernel && kernel.status === "idle") waited.idleSince ??= now;
      else waited.idleSince = null;
      const found = verdict(kernel, now - waited.since, waited.idleSince === null ? 0 : now - waited.idleSince);
      if (found === "lost" || worst === "fine") worst = found;
    }
    this.busy.hidden = worst !== "busy";
    if (worst === "lost") this.alarm();
    else if (worst === "busy") {
      this.busy.textContent = this.unsaved() ? "Busy: your last step is kept when its turn comes. Go on looking." : "Busy: this may take a moment.";
    }
  }

  unsaved() {
    return [...this.waiting.values()].filter(({ writes }) => writes).length;
  }

  alarm() {
    const lost = this.unsaved();
    this.busy.hidden = true;
    this.banner.textContent = lost
      ? "NOT SAVED: the program has ended or lost your last step. What was kept before is safe. Run the cell, or the command, again and repeat the last step."
      : "The program does not answer. Run the cell, or the command, again: everything kept is there.";
    this.banner.hidden = false;
    this.banner.dataset.lost = String(lost);
    if (lost) this.saved.textContent = "NOT SAVED";
  }

  answered(seq) {
    if (!this.waiting.delete(seq)) return;
    if (!this.waiting.size) {
      this.banner.hidden = true;
      this.busy.hidden = true;
      clearInterval(this.watch);
      this.watch = null;
    }
    if (this.afterwards && !this.unsaved()) {
      const then = this.afterwards;
      this.afterwards = null;
      this.run(then);
    }
  }

  receive(content, buffers) {
    const mine = content.view === this.id;
    if (content.type === "state" && content.study_uid === this.study?.study_uid) this.takeState(content);
    if (!mine) return;
    if (content.type === "study") this.takeStudy(content);
    else if (content.type === "film") this.takeFilm(content);
    else if (content.type === "strip") this.takeStrip(content, buffers[0]);
    else if (content.type === "anatomy") this.takeOverlay(content, (pane) => {
      pane.anatomy = content.outlines;
    });
    else if (content.type === "probability") this.takeMap(content, buffers[0]);
    else if (content.type === "ahead") this.takeAhead(content);
    else if (content.type === "list") openList(this, content.studies);
    else if (content.type === "all-read") this.takeEnd(content);
    else if (content.type === "problem") this.takeProblem(content);
    if (content.type !== "study") this.answered(content.ack);
  }

  takeStudy(study) {
    const first = this.study === null;
    this.study = study;
    this.state = null;
    this.chosen = null;
    this.newNodule = false;
    this.side = null;
    this.judging.clear();
    this.receiving.clear();
    this.left = false;
    this.moving = false;
    this.activeMs = 0;
    this.lastAct = performance.now();
    this.shownAt = null;
    this.lookMs = first ? 0 : LOOK_MS;
    this.closeDialog();
    for (const pane of Object.values(this.panes)) pane.clear();
    this.activate(this.panes.current);
    if (study.blinded) Object.assign(this.overlay, { anatomy: false, probability: false });
    this.mouse = mouseOf(study.reader);
    this.pick(this.mouse.left);
    nameSystems(study.system_titles);
    this.title.textContent = `Reader ${study.reader}${study.model ? `  ·  model ${study.model}` : ""}`;
    this.title.title = `Study ${study.study_uid}\nDecisions are kept in ${study.store}`;
    this.research.title = study.research_use;
    this.research.textContent = "RESEARCH USE ONLY: not a medical device, not for diagnosis";
    this.command("side-by-side").parentElement.hidden = !study.previous;
    if (study.warnings.length) this.tell(study.warnings[0]);
    this.beside = false;
    this.showFilm(this.panes.current, study.films[0]);
    if (study.previous) this.showFilm(this.panes.previous, study.previous[0], false);
    this.setBeside(Boolean(study.previous));
    if (first) this.takeKeys();
  }

  // The next study's film comes while this one is read.
  lookAhead() {
    clearTimeout(this.aheadTimer);
    if (this.state?.place) this.aheadTimer = setTimeout(() => this.ask({ type: "ahead" }), AHEAD_MS);
  }

  takeAhead({ state, study_uid: uid }) {
    if (state === "busy" && uid === this.study.study_uid) this.lookAhead();
  }

  takeEnd({ count }) {
    this.moving = false;
    this.tell(count > 1 ? `All ${count} studies are finished. Shift+L lists them.` : "The reading is finished.");
  }

  // To another study; the time at this one is kept.
  go(message) {
    this.moving = true;
    clearTimeout(this.aheadTimer);
    this.ask({ ...message, seconds: this.activeMs / 1000 });
  }

  takeState(state) {
    const before = this.state;
    if (this.state?.hidden && !state.hidden) this.tell("The model's findings are shown now.");
    this.state = state;
    this.judging.clear();
    this.panes.current.settled();
    this.side = sideToGrade(this, before);
    if (state.place) this.place.textContent = `study ${state.place.number} of ${state.place.of}  ·  ${state.place.finished} finished`;
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
    if (before === null && this.panes.current.film) this.lookAhead();
    if (this.finishing && state.committed) {
      this.finishing = false;
      this.go({ type: "next" });
    }
  }

  takeFilm(content) {
    this.receiving.set(filmKey(content), { film: new Film(content), queue: Promise.resolve() });
  }

  takeStrip(content, buffer) {
    const key = filmKey(content);
    const got = this.receiving.get(key);
    if (!got) return;
    const pane = this.panes[content.pane];
    const shown = () => pane.about?.uid === content.uid && this.study.study_uid === content.study_uid;
    got.queue = got.queue.then(async () => {
      const bytes = new Uint8Array(buffer.buffer ?? buffer, buffer.byteOffset ?? 0, buffer.byteLength);
      const whole = got.film.take(content.first, content.rows, await inflated(bytes));
      if (shown()) pane.say(whole ? "" : `loading ${Math.round((100 * got.film.arrived) / got.film.rows)} %`);
      if (!whole) return;
      this.receiving.delete(key);
      this.keepFilm(key, got.film);
      if (shown()) this.showPixels(pane, got.film);
    }).catch((error) => (shown() ? pane.say(`The film could not be shown: ${error.message}`) : null));
  }

  showPixels(pane, film) {
    pane.film = film;
    pane.say("");
    pane.root.dataset.loaded = pane.about.uid;
    pane.label.textContent = pane.title();
    this.sameScale();
    pane.draw();
    requestAnimationFrame(() => {
      if (pane === this.panes.current) this.shownAt ??= performance.now();
    });
    if (this.state) this.lookAhead();
  }

  keepFilm(key, film) {
    const seen = Object.values(this.panes).map((pane) => pane.film);
    for (const other of this.films.values()) if (!seen.includes(other)) other.tiles.clear();
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
    this.judging.clear();
    this.moving = false;
    this.finishing = false;
    this.afterwards = null; // a step that was not kept is not finished upon
    if (this.state) this.saved.textContent = `${this.state.count} entries kept`;
    this.panes.current.settled();
    this.refresh();
  }

  // Films and panes

  showFilm(pane, about, ask = true) {
    pane.show(about);
    this.sameScale();
    if (pane === this.panes.previous && !this.beside && !ask) return;
    const film = pane.film ?? this.films.get(filmKey({ study_uid: this.study.study_uid, pane: pane.name, uid: about.uid }));
    for (const kind of ["anatomy", "probability"]) if (this.overlay[kind]) this.wantOverlay(kind, pane);
    if (film) {
      this.showPixels(pane, film);
      this.refresh();
      return;
    }
    pane.say("loading …");
    this.filmAsked ??= new Map();
    this.filmAsked.set(this.ask({ type: "film", pane: pane.name, uid: about.uid }), pane.name);
    this.refresh();
  }

  setBeside(on) {
    if (on && !this.study.previous) {
      this.tell("There is no previous study: give previous= to review().");
      return;
    }
    this.beside = on;
    const { previous } = this.panes;
    previous.root.hidden = !on;
    if (on && !previous.film) this.showFilm(previous, previous.about);
    if (!on && this.active === previous) this.focus(this.panes.current);
    this.stage.classList.toggle("ho-two", on);
    this.sameScale();
    this.refresh();
  }

  // One millimetre is as long on both films, where both know it; films that are shown whole stay whole.
  sameScale() {
    const { current, previous } = this.panes;
    if (!this.synced || !this.beside || !current.about?.spacing || !previous.about?.spacing || !previous.width) return;
    const scale = (pane) => pane.view.zoom / pane.about.spacing[1];
    const both = [current, previous];
    const whole = both.every((pane) => pane.whole);
    if (whole) for (const pane of both) pane.fit();
    else previous.whole = false;
    const wanted = whole ? Math.min(...both.map(scale)) : scale(current);
    for (const pane of both) {
      pane.view.zoomBy(wanted / scale(pane), pane.width / 2, pane.height / 2);
      pane.draw();
    }
  }

  moved(pane, { dx = 0, dy = 0, zoom = 1, at = [pane.width / 2, pane.height / 2] }) {
    const both = this.synced && this.beside ? Object.values(this.panes) : [pane];
    for (const one of both) {
      one.whole = false;
      if (zoom !== 1) one.view.zoomBy(zoom, ...at);
      if (dx || dy) one.view.pan(dx, dy);
      one.draw();
    }
  }

  activate(pane) {
    this.active = pane;
    for (const one of Object.values(this.panes)) one.root.classList.toggle("ho-active", one === pane);
  }

  focus(pane) {
    this.activate(pane);
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
    this.zoomTo(boxOf([side.gap]));
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
      this.zoomTo(boxOf(finding.outline));
    }
    if (finding && this.state.sides.some(({ side }) => side === finding.side)) this.side = finding.side;
    this.refresh();
    this.redraw();
  }

  zoomTo(box) {
    const { current } = this.panes;
    current.view.show(box, current.width, current.height);
    current.whole = false;
    this.sameScale();
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

  judge(action, id, value = {}, reason = null) {
    this.judging.add(id);
    this.decide(action, value, reason, { target: id });
    toUnseen(this);
  }

  gradeSide(name) {
    this.side = name;
    this.refresh();
  }

  grade(name, key) {
    giveGrade(this, name, key);
  }

  finish(value) {
    this.finishing = true;
    this.decide("commit", value);
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
    if (this.cover.hidden) return;
    this.cover.hidden = true;
    this.cover.replaceChildren();
    this.root.focus({ preventScroll: true });
  }

  // What is shown beside the film

  command(name) {
    return this.root.querySelector(`:is(.ho-tools, .ho-foot) [data-command="${name}"]`);
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
    this.command("studies").hidden = !this.state?.place;
    this.command("mouse").title = `Mouse: ${this.mouse.text}`;
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
    commit.firstChild.textContent = state.committed ? "Finished: next" : "Finish";
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

  // A study is judged by who has seen it.
  looked() {
    if (this.shownAt !== null && performance.now() - this.shownAt >= this.lookMs) return true;
    this.tell(this.shownAt === null ? "The image is not on the screen yet. Shift+J goes on without it." : "This is another study: look at it first.");
    return false;
  }

  // Everything a key or a button can ask for.
  run(command) {
    if (!this.state || !this.study || this.moving) return;
    if (JUDGES.has(command) && !this.looked()) return;
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
      accept: () => judgeChosen(this, "accept"),
      reject: () => judgeChosen(this, "reject"),
      classify: () => (this.chosen === null ? chooseFirst(this) : openClassify(this, this.chosen)),
      "accept-all": () => acceptAll(this),
      "other-side": () => otherSide(this),
      gap: () => showGap(this),
      note: () => openNote(this),
      commit: () => commit(this),
      "next-study": () => this.go({ type: "step", by: 1 }),
      "previous-study": () => this.go({ type: "step", by: -1 }),
      studies: () => (this.state.place ? this.ask({ type: "list" }) : this.tell("Only this study is open: open_worklist(DIR, reader) opens a list.")),
      mouse: () => {
        this.mouse = otherMouse(this.mouse, this.study.reader);
        this.pick(this.mouse.left);
        this.tell(`Mouse: ${this.mouse.text}.`);
      },
      undo: () => (this.panes.current.back() ? null : this.undo()),
      redo: () => this.ask({ type: "redo" }),
      "smaller-brush": () => this.resizeBrush(0.8),
      "larger-brush": () => this.resizeBrush(1.25),
      overlay: () => {
        this.overlay.opacity = FILLS[(FILLS.indexOf(this.overlay.opacity) + 1) % FILLS.length];
        this.overlay.fill = this.overlay.opacity > 0;
      },
      contours: () => {
        this.overlay.contours = !this.overlay.contours;
      },
      anatomy: () => this.toggleOverlay("anatomy"),
      probability: () => this.toggleOverlay("probability"),
      "side-by-side": () => this.setBeside(!this.beside),
      "other-pane": () => (this.beside ? this.focus(active === this.panes.current ? this.panes.previous : this.panes.current) : null),
      sync: () => {
        this.synced = !this.synced;
        this.sameScale();
      },
      "full-screen": () => (document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen?.().catch(() => this.tell("Full screen is not allowed here."))),
      help: () => openHelp(this),
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
    else if (digitOf(event) !== undefined) {
      if (this.state && !this.moving && !event.repeat && this.looked()) this.grade(this.side, digitOf(event));
    } else {
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
