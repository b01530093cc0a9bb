// Every key and what it does; the help is made from the same table.

export const KEYS = [
  ["Look", [
    ["V", "move", "move the film; click a nodule to choose it"],
    ["W", "window", "window: drag right for wider, up for brighter"],
    ["F", "fit", "whole film"],
    ["D", "one-to-one", "one pixel of the film a pixel of the screen"],
    ["+", "zoom-in", "larger"],
    ["-", "zoom-out", "smaller"],
    ["I", "invert", "black for white"],
    ["R", "reset-window", "the window as the maker set it"],
    ["PageDown", "next-film", "next film of the study"],
    ["PageUp", "previous-film", "film before"],
    ["Shift+F", "full-screen", "full screen"],
    ["U", "mouse", "mouse buttons: window on the right one, or on the left as in OHIF, Weasis and 3D Slicer"],
  ]],
  ["Read", [
    ["J", "next-nodule", "next nodule"],
    ["K", "previous-nodule", "nodule before"],
    ["A", "accept", "accept it, and on to the next not looked at"],
    ["X", "reject", "reject it, likewise"],
    ["C", "classify", "it is something else: say what"],
    ["Shift+A", "accept-all", "accept all that are not looked at"],
    ["0 to 4", "", "grade the side: the classes beside the film have these keys"],
    ["G", "other-side", "grade the other side"],
    ["Shift+G", "gap", "show the gap that the grade rests on"],
    ["Q", "commit", "finish, and on to the next study"],
  ]],
  ["Studies", [
    ["Shift+J", "next-study", "next study of the list, without finishing"],
    ["Shift+K", "previous-study", "study before"],
    ["Shift+L", "studies", "list of the studies"],
    ["Shift+N", "note", "write a note on the study"],
  ]],
  ["Draw", [
    ["B", "brush", "brush: add to the chosen nodule"],
    ["E", "eraser", "eraser: take from it"],
    ["P", "polygon", "polygon: add what it surrounds (Enter closes, Backspace takes a corner back)"],
    ["Shift+P", "cut", "polygon: take away what it surrounds"],
    ["N", "new-nodule", "draw a nodule that was missed"],
    [",", "smaller-brush", "smaller brush"],
    [".", "larger-brush", "larger brush"],
    ["M", "measure", "measure a distance"],
    ["Z", "undo", "undo (also Ctrl+Z), without end"],
    ["Shift+Z", "redo", "redo (also Ctrl+Y)"],
  ]],
  ["Lay over", [
    ["O", "overlay", "fill of nodules: faint, strong, none"],
    ["L", "contours", "outlines on and off"],
    ["T", "anatomy", "outlines of bones and implants"],
    ["H", "probability", "the model's map of ectopic bone"],
    ["S", "side-by-side", "previous study beside"],
    ["Shift+S", "other-pane", "keys go to the other film"],
    ["Y", "sync", "both films move together, or each alone"],
  ]],
  ["Without a mouse", [
    ["Arrows", "", "move the film; with W: window; with a drawing tool: move the cross (Shift: farther)"],
    ["Space", "", "with a drawing tool: pen down and up, set a corner"],
    ["Escape", "cancel", "leave what was begun"],
    ["?", "help", "this help"],
  ]],
];

const ALSO = { "Ctrl+Z": "undo", "Ctrl+Y": "redo", "Ctrl+Shift+Z": "redo", "=": "zoom-in" };

const COMMANDS = new Map(KEYS.flatMap(([, rows]) => rows.filter((row) => row[1]).map(([key, name]) => [key, name])));

// The digit of a key event, wherever it lies on the keyboard; undefined for any other key.
export function digitOf({ key, code, ctrlKey, metaKey, altKey }) {
  if (ctrlKey || metaKey || altKey) return undefined;
  return /^[0-9]$/.test(key) ? key : /^Digit([0-9])$/.exec(code ?? "")?.[1];
}

// The command of a key event, or undefined. Only letters are told apart by Shift: signs lie elsewhere on each keyboard.
export function commandOf({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  if (altKey) return undefined;
  const isLetter = /^[a-z]$/i.test(key);
  const name = isLetter ? key.toUpperCase() : key;
  const full = `${ctrlKey || metaKey ? "Ctrl+" : ""}${shiftKey && isLetter ? "Shift+" : ""}${name}`;
  return ALSO[full] ?? COMMANDS.get(full);
}

export function keyOf(command) {
  for (const [key, name] of COMMANDS) if (name === command) return key;
  return "";
}
