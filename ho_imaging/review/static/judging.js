// What a reader decides on nodules and sides, and in which order one comes after the other.

import { systemTitle, words } from "./panel.js";
import { openCommit, openReason } from "./forms.js";

const ALL_SEEN = "All nodules are looked at: Q finishes.";

// On to the next nodule that was not looked at.
export function toUnseen(host, text = "") {
  const { findings } = host.state;
  const at = findings.findIndex(({ id }) => id === host.chosen) + 1;
  const next = [...findings.slice(at), ...findings.slice(0, at)].find(({ id, status }) => status === "unseen" && !host.judging.has(id));
  if (next) host.choose(next.id, true);
  host.tell(text || (next ? "" : ALL_SEEN));
}

// Nothing is decided on a nodule that is not chosen, and seen.
export function chooseFirst(host) {
  const { findings } = host.state;
  if (findings.some(({ status }) => status === "unseen")) toUnseen(host, "A accepts it, X rejects it, C says that it is something else.");
  else host.tell(findings.length ? "All nodules are looked at. J goes through them." : "There are no nodules. N draws one.");
}

const SAYS = { accept: ["accepted", "added"], reject: ["rejected"] };

export function judgeChosen(host, action) {
  const id = host.chosen;
  if (id === null) {
    chooseFirst(host);
    return;
  }
  if (host.judging.has(id)) return;
  const { status } = host.state.findings.find((finding) => finding.id === id);
  if (SAYS[action].includes(status)) toUnseen(host, `${id} is ${status} already.`);
  else host.judge(action, id);
}

export function acceptAll(host) {
  if (host.state.hidden) host.tell("Blinded: there is nothing of the model's to accept.");
  else if (!host.state.findings.some(({ status }) => status === "unseen")) host.tell(ALL_SEEN);
  else host.ask({ type: "accept-all" });
}

// The side that digits grade: at first one without a grade, else the worst; after its first grade the next without one.
export function sideToGrade(host, before) {
  const { sides } = host.state;
  const gradeOf = (state) => state?.sides.find(({ side }) => side === host.side)?.grade ?? null;
  const graded = gradeOf(before) === null && gradeOf(host.state) !== null;
  const ungraded = sides.find(({ grade }) => grade === null);
  if (sides.some(({ side }) => side === host.side) && !(graded && ungraded)) return host.side;
  const rank = ({ grade, system }) => (host.study.grades[system] ?? []).findIndex((one) => one.grade === grade);
  return (ungraded ?? sides.reduce((worst, side) => (rank(side) > rank(worst) ? side : worst), sides[0]))?.side ?? null;
}

export function otherSide(host) {
  const names = host.state.sides.map(({ side }) => side);
  host.gradeSide(names[(names.indexOf(host.side) + 1) % names.length]);
}

export function giveGrade(host, name, key) {
  const side = host.state.sides.find((one) => one.side === name);
  const to = (host.study.grades[side?.system] ?? []).find((one) => one.key === key)?.grade;
  if (to === undefined) host.tell(`No class has the key ${key}.`);
  else if (to === side.grade) host.tell(`${words(name)}: ${systemTitle(side.system)} ${to} already.`);
  else if (host.state.hidden) host.decide("regrade", { side: name, to });
  else openReason(host, side, to);
}

export function showGap(host) {
  const side = host.state.sides.find((one) => one.side === host.side);
  if (side?.gap) host.showGap(side);
  else host.tell("The grade of this side rests on no gap.");
}

export function commit(host) {
  if (host.unsaved()) host.afterwards = "commit"; // what was decided just now is not open any more
  else if (host.state.committed) host.go({ type: "next" });
  else openCommit(host);
}
