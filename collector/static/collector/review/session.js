// What is remembered for as long as this tab lives (the count), or on this device (single keys on or off).

export class Session {
  #key;

  constructor(slug) {
    this.#key = `daybreak.done.${slug}`;
  }

  get done() {
    return Number(read(sessionStorage, this.#key)) || 0;
  }

  set done(count) {
    write(sessionStorage, this.#key, String(Math.max(0, count)));
  }
}

export function singleKeys() {
  return read(localStorage, "daybreak.single-keys") !== "off";
}

export function setSingleKeys(on) {
  write(localStorage, "daybreak.single-keys", on ? "on" : "off");
}

function read(store, key) {
  try {
    return store.getItem(key);
  } catch {
    return null; // blocked by the browser: the page works, it only forgets
  }
}

function write(store, key, value) {
  try {
    store.setItem(key, value);
  } catch {
    // see read()
  }
}
