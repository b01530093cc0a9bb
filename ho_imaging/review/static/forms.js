// The forms over the film. Each can be filled in without a mouse, and none scrolls more than its list.

import { KEYS } from "./keys.js";
import { make, systemTitle, words } from "./panel.js";

// `fields` come first; `done` is called with nothing when it is to be kept, and says what is wrong, if anything.
export function dialog(host, title, fields, action, done, key = "Enter") {
  const error = make("div", { className: "ho-error", role: "alert" });
  const keep = () => {
    const problem = done();
    if (problem) error.textContent = problem;
    else host.closeDialog();
  };
  return make(
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
      ...(action ? [make("button", { type: "submit", className: "ho-primary" }, action, make("kbd", {}, key))] : []),
      make("button", { type: "button", onclick: () => host.closeDialog() }, action ? "Cancel" : "Close", make("kbd", {}, "Esc"))),
  );
}

// A list to choose from: typing narrows it, arrows move, Enter takes; with `digits` a digit takes at once.
// `other`: what Enter takes of typed text that is none of the list, or where `digits` stand for the list.
export function picker(host, { title, hint, options, chosen = 0, digits = false, other = null, className = "" }, pick) {
  let shown = options;
  let at = chosen;
  const list = make("div", { className: `ho-picker ${className}`, role: "listbox" });
  const typed = make("input", { name: "typed", maxLength: 2000, placeholder: hint, autocomplete: "off", "aria-label": hint });
  const take = (option) => {
    host.closeDialog();
    pick(option.value);
  };
  const show = () => {
    list.replaceChildren(...shown.map((option, number) =>
      make("div", { className: `ho-option${number === at ? " ho-chosen" : ""}`, role: "option", "aria-selected": String(number === at), onclick: () => take(option) },
        digits ? make("kbd", {}, String(number + 1)) : null, option.label)));
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  typed.addEventListener("input", () => {
    if (digits) return;
    const wanted = typed.value.trim().toLowerCase();
    shown = options.filter(({ label }) => label.toLowerCase().includes(wanted));
    at = 0;
    show();
  });
  typed.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const digit = digits && !typed.value && /^[1-9]$/.test(event.key) ? options[Number(event.key) - 1] : undefined;
    if (step) at = Math.min(Math.max(at + step, 0), shown.length - 1);
    else if (digit) take(digit);
    else return;
    event.preventDefault();
    if (step) show();
  });
  const form = dialog(host, title, [typed, list], "Take", () => {
    const text = typed.value.trim();
    if (other && text && (digits || !shown.length)) pick(other(text));
    else if (shown[at]) pick(shown[at].value);
    else return "Nothing in the list is called so.";
    return null;
  });
  form.classList.add("ho-picking");
  show();
  host.openDialog(form);
}

// Why a grade is another one than the model's: it is kept with the grade.
export function openReason(host, side, to) {
  const reasons = [...host.study.reasons];
  if (side.proposal?.grade === to) reasons.unshift("follows from the outlines as I left them");
  else if (side.grade === null) reasons.unshift("the program gave no grade");
  picker(host, {
    title: `${words(side.side)}: ${systemTitle(side.system)} ${side.grade ?? "not graded"} → ${to}. Why?`,
    hint: "a digit, or your own words and Enter", options: reasons.slice(0, 9).map((text) => ({ value: text, label: text })),
    digits: true, other: (text) => text,
  }, (reason) => host.decide("regrade", { side: side.side, to }, reason));
}

export function openClassify(host, id) {
  const kinds = host.study.mimics;
  const now = host.state.findings.find((finding) => finding.id === id).mimic ?? host.lastMimic;
  picker(host, {
    title: `${id} is no ectopic bone but …`, hint: "type to narrow; what is not in the list is kept in your words", className: "ho-columns",
    options: kinds.map((kind) => ({ value: { mimic: kind, text: null }, label: words(kind) })),
    chosen: Math.max(kinds.indexOf(now), 0), other: (text) => ({ mimic: "other", text }),
  }, ({ mimic, text }) => {
    host.lastMimic = mimic;
    host.judge("reclassify", id, { mimic }, text);
  });
}

export function openNote(host) {
  const text = make("textarea", { name: "note", rows: 4, maxLength: 5000, placeholder: "in your words" });
  host.openDialog(dialog(host, "A note on the study", [text], "Keep", () => {
    if (!text.value.trim()) return "The note is empty.";
    host.decide("note", {}, text.value, { image_uid: host.panes.current.about.uid });
    return null;
  }, "Ctrl+Enter"));
}

// What is open is asked about; where nothing is, the reading is finished at once.
export function openCommit(host) {
  const { state } = host;
  const open = state.findings.filter(({ status }) => status === "unseen").map(({ id }) => id);
  const ungraded = state.sides.filter(({ grade }) => grade === null).map(({ side }) => side);
  const contradictions = state.contradictions ?? [];
  const lines = [];
  if (open.length) lines.push(`Not looked at: ${open.join(", ")}.`);
  if (ungraded.length) lines.push(`Without a grade: ${ungraded.map(words).join(", ")}.`);
  for (const { text } of contradictions) lines.push(`${text}. Finish only if both are meant: your confirmation is kept.`);
  if (state.hidden) lines.push("What you decided blinded stays apart from now on, and the model's findings may be seen. It cannot be undone.");
  const finish = () => host.finish(contradictions.length ? { confirmed: contradictions.map(({ side }) => side) } : {});
  if (!lines.length) {
    finish();
    return;
  }
  const title = contradictions.length ? "Grade and nodules contradict each other. Finish all the same?" : "Finish the reading?";
  host.openDialog(dialog(host, title, lines.map((line) => make("p", {}, line)), contradictions.length ? "Confirm and finish" : "Finish", () => {
    finish();
    return null;
  }));
}

const MARKS = { unread: "○", open: "◐", committed: "●" };

export function openList(host, studies) {
  const line = (study, number) => [
    MARKS[study.state], number + 1, study.state === "committed" ? "finished" : study.state === "open" ? "begun" : "unread", words(study.region ?? ""),
    `${study.films} image${study.films === 1 ? "" : "s"}`, study.category ?? "", study.grade ?? "", `…${study.study_uid.slice(-10)}`, study.differs.join("; "),
  ].filter((part) => part !== "").join("   ");
  const here = studies.findIndex((study) => study.study_uid === host.study.study_uid);
  picker(host, {
    title: "Studies", hint: "type to narrow: unread, severe, III, the end of a UID", options: studies.map((study, number) => ({ value: study.study_uid, label: line(study, number) })),
    chosen: Math.max(here, 0), className: "ho-long",
  }, (uid) => host.go({ type: "go", to: uid }));
}

export function openHelp(host) {
  const row = ([key, text]) => make("div", { className: "ho-help-row" }, make("kbd", {}, key), make("span", {}, text));
  const groups = KEYS.map(([title, rows]) => make("section", {}, make("h4", {}, title), ...rows.map(([key, , text]) => row([key, text]))));
  const mouse = make("section", {}, make("h4", {}, "Mouse"), ...[
    ["wheel", "larger and smaller"], ["left", "the chosen tool; a click chooses a nodule"],
    ["right", `${host.mouse.right}, with any tool`], ["middle", "move, with any tool"],
  ].map(row));
  const form = dialog(host, "Keys", [make("div", { className: "ho-help" }, mouse, ...groups)], null, () => null);
  form.classList.add("ho-wide");
  host.openDialog(form);
}
