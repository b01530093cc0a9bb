// The viewer on a page of its own: what a notebook's kernel is there, the server that sent this page is here.

import widget from "./review.js";

const KEPT = "ho_imaging.token"; // for a reload; the address bar and the history do not hold it
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem(KEPT, given);
  history.replaceState(null, "", location.pathname);
}

const SLOW = new Set(["film", "anatomy", "probability", "ahead"]);
const listeners = new Set();
const server = { status: "idle", connectionStatus: "connected" };
const lanes = { quick: Promise.resolve(), slow: Promise.resolve() };
let pending = 0;

function unpacked(buffer) {
  const answers = [];
  const view = new DataView(buffer);
  for (let at = 0; at < buffer.byteLength;) {
    const length = view.getUint32(at, true);
    const { content, sizes } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, at + 4, length)));
    at += 4 + length;
    const buffers = sizes.map((size) => {
      at += size;
      return new DataView(buffer, at - size, size);
    });
    answers.push([content, buffers]);
  }
  return answers;
}

const post = (message, keepalive = false) => fetch("message", {
  method: "POST", keepalive, body: JSON.stringify(message), headers: { Authorization: `Bearer ${sessionStorage.getItem(KEPT)}` },
});

async function exchange(message) {
  pending += 1;
  server.status = "busy";
  try {
    const response = await post(message);
    if (response.status === 403 && !window.review.study) {
      window.review.tell("This address lacks its token, or is of an earlier start: open the one that ho-imaging review printed last.", true);
      window.review.saved.textContent = "not open";
    }
    if (!response.ok) throw new Error(await response.text());
    server.connectionStatus = "connected";
    for (const [content, buffers] of unpacked(await response.arrayBuffer())) {
      for (const listener of listeners) listener(content, buffers);
    }
  } catch {
    server.connectionStatus = "disconnected";
  }
  pending -= 1;
  if (!pending) server.status = "idle";
}

const model = {
  widget_manager: { kernel: server },
  get: () => null,
  on: (_, listener) => listeners.add(listener),
  off: (_, listener) => listeners.delete(listener),
  // One after the other, so that decisions are kept in their order; a film does not hold them up.
  send: (message) => {
    if (message.type === "close") {
      post(message, true).catch(() => null);
      return;
    }
    const lane = SLOW.has(message.type) ? "slow" : "quick";
    lanes[lane] = lanes[lane].then(() => exchange(message));
  },
};

const room = document.getElementById("room");
widget.render({ model, el: room });
window.review = room.hoReview;
