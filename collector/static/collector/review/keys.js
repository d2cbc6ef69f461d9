// From keys to what they mean. Nothing happens while someone types, holds a key down, or uses a browser shortcut.

const KEYS = { a: "accept", r: "reject", l: "relabel", z: "undo", s: "skip", "?": "help" };

/** Call `act(name, digit)` for each key that means something in the mode `mode()` ("photo", "reasons" or "labels"). */
export function listen(mode, isOn, act) {
  document.addEventListener("keydown", (event) => {
    const meaning = read(event, mode(), isOn());
    if (!meaning) return;
    // A letter that starts a label's name must still reach the field that is about to take the focus.
    if (meaning.name !== "type") event.preventDefault();
    act(meaning.name, meaning.digit);
  });
}

function read(event, mode, isOn) {
  if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return null;
  if (event.key === "Escape" && mode !== "photo") return { name: "close" };
  if (event.repeat || isTyping(event.target)) return null;
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && key === "z") return { name: "undo" };
  if (!isOn || event.ctrlKey || event.metaKey || event.altKey) return null;
  if (mode === "photo") return KEYS[key] ? { name: KEYS[key] } : null;
  if (/^[1-9]$/.test(key)) return { name: "choose", digit: Number(key) };
  if (mode === "labels" && key === "/") return { name: "find" };
  if (mode === "labels" && /^\p{L}$/u.test(key)) return { name: "type" };
  return null;
}

function isTyping(target) {
  return target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;
}
