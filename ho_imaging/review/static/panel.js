// What stands beside the film: grades, nodules, measures.

import { keyOf } from "./keys.js";

export const make = (tag, props = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
};

export const words = (name) => String(name).replaceAll("_", " ");
const TITLES = {};
export const nameSystems = (titles) => Object.assign(TITLES, titles ?? {});
export const systemTitle = (name) => TITLES[name] ?? words(name);

export function button(host, command, text, props = {}) {
  const key = keyOf(command);
  return make(
    "button",
    { type: "button", title: props.title ?? `${text}${key ? ` (${key})` : ""}`, onclick: () => host.run(command), "data-command": command, ...props },
    text,
    key ? make("kbd", {}, key) : null,
  );
}

// A side: the one to be graded shows its classes with their keys and meanings.
export function sideCard(host, side) {
  const graded = host.side === side.side;
  const shown = side.grade ?? (host.state.hidden ? "not graded yet" : "no grade");
  const share = side.probability === undefined || side.probability === null ? "" : ` ${(100 * side.probability).toFixed(0)} %`;
  const lines = [];
  if (side.changed) {
    lines.push(make("div", { className: "ho-changed" }, `Your grade${side.model_grade === null ? "" : `; the model's is ${side.model_grade}`}. ${side.reason ?? ""}`));
  }
  if (side.statement) lines.push(make("div", { className: "ho-statement" }, side.statement));
  if (side.alternatives?.length) lines.push(make("div", { className: "ho-quiet" }, `or ${side.alternatives.join(", ")}`));
  if (side.changes?.length) lines.push(make("div", { className: "ho-changes" }, `You changed: ${side.changes.join(", ")}.`));
  const classes = host.study.grades[side.system] ?? [];
  const { proposal } = side;
  if (proposal && proposal.grade === null) {
    lines.push(make("div", { className: "ho-proposal" }, `Choose the grade yourself: ${proposal.why_not}.`));
  } else if (proposal && proposal.grade !== side.grade) {
    const key = classes.find(({ grade }) => grade === proposal.grade)?.key;
    lines.push(make("div", { className: "ho-proposal" }, `The outlines now give ${systemTitle(side.system)} ${proposal.grade} (${graded ? "" : "G, "}${key}). ${proposal.statement}`));
  } else if (proposal) {
    lines.push(make("div", { className: "ho-quiet" }, "The outlines now give this grade."));
  }
  for (const { text } of (host.state.contradictions ?? []).filter((one) => one.side === side.side)) {
    lines.push(make("div", { className: "ho-contradiction", role: "alert" }, `${text}.`));
  }
  const rungs = classes.map(({ key, grade, meaning }) =>
    make("button", { type: "button", className: "ho-rung", "aria-pressed": String(grade === side.grade), "data-grade": grade, onclick: () => host.grade(side.side, key) },
      make("kbd", {}, key), make("b", {}, grade), make("span", {}, meaning)));
  return make(
    "div",
    { className: `ho-side${graded ? " ho-graded" : ""}`, "data-side": side.side, onclick: () => host.gradeSide(side.side) },
    make("div", { className: "ho-grade" },
      make("span", { className: "ho-side-name" }, words(side.side).toUpperCase()),
      make("span", { className: "ho-class" }, `${systemTitle(side.system)} ${shown}`),
      make("span", { className: "ho-quiet" }, side.changed ? "" : share),
      graded || host.state.sides.length < 2 ? null : make("kbd", {}, "G")),
    graded ? make("div", { className: "ho-ladder" }, ...rungs) : null,
    ...lines,
    side.gap
      ? make("button", { type: "button", "data-gap": side.side, onclick: () => host.showGap(side) }, `Show ${side.gap_text}`, graded ? make("kbd", {}, "Shift+G") : null)
      : null,
  );
}

const STATUS = {
  unseen: "not looked at", accepted: "accepted", rejected: "rejected", mimic: "mimic", added: "added by you",
};

export function findingRow(host, finding) {
  const status = finding.status === "mimic" ? words(finding.mimic) : STATUS[finding.status];
  const about = [
    finding.side && finding.side !== "unknown" ? finding.side : null,
    finding.size,
    finding.confidence === null ? null : `${(100 * finding.confidence).toFixed(0)} %`,
    finding.same_as ? `also ${finding.same_as}` : null,
  ].filter(Boolean);
  const small = (command, label, title) =>
    make("button", {
      type: "button", title, "data-do": command, "aria-label": `${title} ${finding.id}`,
      onclick: (event) => {
        event.stopPropagation();
        host.choose(finding.id, true);
        host.run(command);
      },
    }, label);
  return make(
    "div",
    {
      className: `ho-finding ho-${finding.status}${host.chosen === finding.id ? " ho-chosen" : ""}`,
      "data-finding": finding.id, role: "option", "aria-selected": String(host.chosen === finding.id),
      onclick: () => host.choose(finding.id, true),
    },
    make("div", { className: "ho-finding-head" },
      make("b", {}, finding.id),
      make("span", { className: "ho-status" }, `${status}${finding.reshaped ? ", reshaped" : ""}`, make("span", { className: "ho-quiet" }, `  ${about.join("  ·  ")}`)),
      small("accept", "✓", "Accept"), small("reject", "✕", "Reject"), small("classify", "≈", "Something else")),
    make("div", { className: "ho-quiet ho-size" }, about.join("  ·  ")),
  );
}

export function measureRow(host, measure) {
  return make("div", { className: "ho-measure" }, make("span", {}, measure.text),
    make("button", { type: "button", title: "Take it back", onclick: () => host.undo(measure.id) }, "✕"));
}
