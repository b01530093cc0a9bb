// What stands beside the film: grades, nodules, measures, films; and the forms.

import { KEYS, keyOf } from "./keys.js";

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

export function sideCard(host, side) {
  const shown = side.grade ?? (host.state.hidden ? "not graded yet" : "no grade");
  const share = side.probability === undefined || side.probability === null ? "" : ` ${(100 * side.probability).toFixed(0)} %`;
  const lines = [];
  if (side.changed) {
    lines.push(make("div", { className: "ho-changed" }, `Your grade${side.model_grade === null ? "" : `; the model's is ${side.model_grade}`}. ${side.reason ?? ""}`));
  }
  if (side.statement) lines.push(make("div", { className: "ho-statement" }, side.statement));
  if (side.changes?.length) lines.push(make("div", { className: "ho-changes" }, `You changed: ${side.changes.join(", ")}.`));
  const proposal = side.proposal;
  if (proposal && proposal.grade === null) {
    lines.push(make("div", { className: "ho-proposal" }, `Choose the grade yourself: ${proposal.why_not}.`));
  } else if (proposal && proposal.grade !== side.grade) {
    lines.push(make("div", { className: "ho-proposal" },
      make("div", {}, `The outlines now give ${systemTitle(side.system)} ${proposal.grade}. ${proposal.statement}`),
      make("button", { type: "button", "data-propose": side.side, onclick: () => host.openGrade(side.side, proposal.grade) },
        `Grade ${proposal.grade} …`)));
  } else if (proposal) {
    lines.push(make("div", { className: "ho-quiet" }, "The outlines now give this grade."));
  }
  for (const { text } of (host.state.contradictions ?? []).filter((one) => one.side === side.side)) {
    lines.push(make("div", { className: "ho-contradiction", role: "alert" }, `${text}.`));
  }
  if (side.alternatives?.length) lines.push(make("div", { className: "ho-quiet" }, `or ${side.alternatives.join(", ")}`));
  const buttons = make("div", { className: "ho-row" });
  if (side.gap) {
    buttons.append(make("button", { type: "button", onclick: () => host.showGap(side), "data-gap": side.side }, `Show ${side.gap_text}`));
  }
  buttons.append(
    make("button", { type: "button", onclick: () => host.openGrade(side.side), "data-grade": side.side },
      side.grade === null && host.state.hidden ? "Grade" : "Change", make("kbd", {}, "G")),
  );
  return make(
    "div",
    { className: "ho-side", "data-side": side.side },
    make("div", { className: "ho-grade" },
      make("span", { className: "ho-side-name" }, words(side.side).toUpperCase()),
      make("span", { className: "ho-class" }, `${systemTitle(side.system)} ${shown}`),
      make("span", { className: "ho-quiet" }, side.changed ? "" : share)),
    ...lines,
    buttons,
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
      make("span", { className: "ho-status" }, `${status}${finding.reshaped ? ", reshaped" : ""}`),
      small("accept", "✓", "Accept"), small("reject", "✕", "Reject"), small("classify", "≈", "Something else")),
    make("div", { className: "ho-quiet" }, about.join("  ·  ")),
  );
}

export function measureRow(host, measure) {
  return make("div", { className: "ho-measure" }, make("span", {}, measure.text),
    make("button", { type: "button", title: "Take it back", onclick: () => host.undo(measure.id) }, "✕"));
}

// A form over the film. `fields` come first; `done` is called with nothing when it is to be kept.
export function dialog(host, title, fields, action, done) {
  const error = make("div", { className: "ho-error", role: "alert" });
  const keep = () => {
    const problem = done();
    if (problem) error.textContent = problem;
    else host.closeDialog();
  };
  const form = make(
    "form",
    {
      className: "ho-dialog", role: "dialog", "aria-label": title,
      onsubmit: (event) => {
        event.preventDefault();
        keep();
      },
      onkeydown: (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          keep();
        }
      },
    },
    make("h3", {}, title),
    ...fields,
    error,
    make("div", { className: "ho-row" },
      ...(action ? [make("button", { type: "submit", className: "ho-primary" }, action, make("kbd", {}, "Ctrl+Enter"))] : []),
      make("button", { type: "button", onclick: () => host.closeDialog() }, action ? "Cancel" : "Close", make("kbd", {}, "Esc"))),
  );
  return form;
}

export function choices(name, values, chosen, label = (value) => value) {
  return make("div", { className: "ho-choices", role: "radiogroup", "aria-label": name },
    ...values.map((value) =>
      make("label", {}, make("input", { type: "radio", name, value, checked: value === chosen }), label(value))));
}

export function helpDialog(host) {
  const groups = KEYS.map(([title, rows]) =>
    make("section", {}, make("h4", {}, title),
      ...rows.map(([key, , text]) => make("div", { className: "ho-help-row" }, make("kbd", {}, key), make("span", {}, text)))));
  const mouse = make("section", {}, make("h4", {}, "Mouse"),
    ...[["wheel", "larger and smaller"], ["left", "the chosen tool"], ["right", "window, with any tool"], ["middle", "move, with any tool"]]
      .map(([key, text]) => make("div", { className: "ho-help-row" }, make("kbd", {}, key), make("span", {}, text))));
  const form = dialog(host, "Keys", [make("div", { className: "ho-help" }, mouse, ...groups)], null, () => null);
  form.classList.add("ho-wide");
  return form;
}
