// Decisions on their way to the server: one after the other, in the order they were made, none lost.
//
// What is not yet confirmed is also kept in sessionStorage, so that a reload or a crash loses nothing, and two tabs do not
// send for each other. The server takes the same decision twice without harm (it answers as it did the first time), which
// is what makes resending safe.

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const UNSURE = {
  detail: "The server could not be reached, so it is not known whether your last decision was taken back.",
  do: "Reload the page to see.",
};

export class Outbox {
  #url;
  #store;
  #report;
  #waiting = [];
  #busy = false;
  #timer = null;
  #wait = FIRST_WAIT_MS;

  /** `report` is told {state: "idle"|"sending"|"retrying"|"signed-out", count, seconds} and, for each answer,
   *  `report.saved(decision, answer)` or `report.refused(decision, problem, status)` is called. */
  constructor(url, storeKey, report) {
    this.#url = url;
    this.#store = storeKey;
    this.#report = report;
    this.#waiting = this.#load();
  }

  get count() {
    return this.#waiting.length;
  }

  get photoIds() {
    return this.#waiting.filter((decision) => decision.action !== "undo").map((decision) => decision.photo);
  }

  add(decision) {
    this.#waiting.push(decision);
    this.#save();
    this.flush();
  }

  /** Take back a decision that has not left yet. Answers whether there was one. */
  recall(photoId) {
    const last = this.#waiting.at(-1);
    if (!last || last.attempted || last.photo !== photoId) return false;
    this.#waiting.pop();
    this.#save();
    this.#say("sending");
    return true;
  }

  /** Forget what was to follow on a photo whose decision was refused. */
  forget(photoId) {
    this.#waiting = this.#waiting.filter((decision) => decision.photo !== photoId);
    this.#save();
  }

  async flush() {
    clearTimeout(this.#timer);
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#waiting.length > 0) {
        this.#say("sending");
        if (!(await this.#sendFirst())) return;
      }
      this.#say("idle");
    } finally {
      this.#busy = false;
    }
  }

  async #sendFirst() {
    const decision = this.#waiting[0];
    decision.attempted = true; // from here on the server may know it, so it can only be undone, not recalled
    this.#save();
    let response;
    try {
      response = await this.#post(decision);
    } catch {
      response = null; // no network
    }
    if (response?.status === 401) return this.#later("signed-out");
    if (!response || response.status >= 500 || response.status === 429) {
      // An undo that names no photo must not be sent twice: the second would take back one more.
      if (!isRepeatable(decision)) return this.#settle(decision, { ok: false }, UNSURE);
      return this.#later("retrying", Number(response?.headers.get("Retry-After")) * 1000);
    }
    const answer = await response.json().catch(() => ({ detail: `The server answered ${response.status} without words.` }));
    return this.#settle(decision, response, answer);
  }

  #settle(decision, { ok, status }, answer) {
    this.#waiting.shift();
    this.#save();
    this.#wait = FIRST_WAIT_MS;
    if (ok) this.#report.saved(decision, answer);
    else this.#report.refused(decision, answer, status);
    return true;
  }

  #post({ photo, action, reason, label }) {
    return fetch(this.#url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrfToken() },
      body: JSON.stringify({ photo, action, reason, label }),
    });
  }

  #later(state, atLeast = 0) {
    const wait = Math.max(this.#wait, atLeast || 0);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
    this.#timer = setTimeout(() => this.flush(), wait);
    this.#say(state, Math.round(wait / 1000));
    return false;
  }

  #say(state, seconds = 0) {
    this.#report.state({ state, count: this.#waiting.length, seconds });
  }

  #load() {
    try {
      return JSON.parse(sessionStorage.getItem(this.#store) ?? "[]");
    } catch {
      return []; // storage is blocked or was written by something else: start empty
    }
  }

  #save() {
    try {
      if (this.#waiting.length) sessionStorage.setItem(this.#store, JSON.stringify(this.#waiting));
      else sessionStorage.removeItem(this.#store);
    } catch {
      // Storage full or blocked: the decisions are still in memory and still sent.
    }
  }
}

function isRepeatable(decision) {
  return decision.action !== "undo" || Boolean(decision.photo);
}

// Read anew for each request: signing in again in another tab changes it.
function csrfToken() {
  return document.cookie.match(/(?:^|;\s*)csrftoken=([^;]+)/)?.[1] ?? "";
}
