// Which button does what, as the reader is used to; remembered by the browser, for each reader.

export const MOUSE = {
  right: { left: "move", right: "window", text: "left button moves, right button windows" },
  left: { left: "window", right: "zoom", text: "left button windows, right button zooms, as in OHIF, Weasis and 3D Slicer" },
};

const keyOfReader = (reader) => `ho_imaging.mouse.${reader}`;

export function mouseOf(reader) {
  try {
    return MOUSE[localStorage.getItem(keyOfReader(reader))] ?? MOUSE.right;
  } catch {
    return MOUSE.right; // a page that may keep nothing
  }
}

export function otherMouse(mouse, reader) {
  const name = mouse === MOUSE.left ? "right" : "left";
  try {
    localStorage.setItem(keyOfReader(reader), name);
  } catch {
    // It holds until the page is left.
  }
  return MOUSE[name];
}
