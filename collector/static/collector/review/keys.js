// From keys to what they mean. Nothing happens while someone types, holds a key down, or uses a browser shortcut.

const ANYWHERE = { z: "undo", p: "privacy", l: "relabel", g: "view", d: "details", "?": "help" };
const KEYS = {
  photo: { ...ANYWHERE, a: "accept", n: "notCondition", r: "reject", s: "skip", "+": "closer", "=": "closer", "-": "farther" },
  grid: { ...ANYWHERE, a: "acceptAll", x: "mark", r: "reject" },
};
const MOVES = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down", Home: "first", End: "last" };

/** Call `act(name, value)` for each key that means something in the mode `mode()`: photo, grid, reasons or labels. */
export function listen(mode, isOn, act) {
  document.addEventListener("keydown", (event) => {
    const meaning = read(event, mode(), isOn());
    if (!meaning) return;
    // A letter that starts a label's name must still reach the field that is about to take the focus.
    if (meaning.name !== "type") event.preventDefault();
    act(meaning.name, meaning.value);
  });
}

function read(event, mode, isOn) {
  if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return null;
  if (event.key === "Escape" && (mode === "reasons" || mode === "labels")) return { name: "close" };
  const isBare = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (mode === "grid" && MOVES[event.key] && isBare && !isTyping(event.target)) {
    return { name: "move", value: { to: MOVES[event.key], extend: event.shiftKey } }; // held down, it goes on
  }
  if (event.repeat || isTyping(event.target)) return null;
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && key === "z") return { name: "undo" };
  if (!isOn || !isBare) return null;
  const digit = /^[1-9]$/.test(key) ? Number(key) : 0;
  if (mode === "grid" && digit) return { name: "markAs", value: digit };
  if (KEYS[mode]) return KEYS[mode][key] ? { name: KEYS[mode][key] } : null;
  if (digit) return { name: "choose", value: digit };
  if (mode === "labels" && key === "/") return { name: "find" };
  if (mode === "labels" && /^\p{L}$/u.test(key)) return { name: "type" };
  return null;
}

function isTyping(target) {
  return target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;
}
