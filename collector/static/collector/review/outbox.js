// Decisions on their way to the server: one after the other, in the order they were made, none lost.
//
// What is not yet confirmed is also kept in sessionStorage, so that a reload or a crash loses nothing, and two tabs do not
// send for each other. Every decision has an id of its own, by which the server takes it once however often it is sent.

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

export class Outbox {
  #urls;
  #store;
  #report;
  #waiting = [];
  #busy = false;
  #timer = null;
  #wait = FIRST_WAIT_MS;

  /** Entries are `{decision, verdicts, again}`, or `{decision, undo: true}`. `report` is told
   *  {state: "idle"|"sending"|"retrying"|"signed-out", count, seconds} and, for each answer,
   *  `report.saved(entry, answer)` or `report.refused(entry, problem, status)` is called. */
  constructor(urls, storeKey, report) {
    this.#urls = urls;
    this.#store = storeKey;
    this.#report = report;
    this.#waiting = this.#load();
  }

  get count() {
    return this.#waiting.length;
  }

  get photoIds() {
    return this.#waiting.flatMap((entry) => (entry.verdicts ?? []).map((verdict) => verdict.photo));
  }

  add(entry) {
    this.#waiting.push(entry);
    this.#save();
    this.flush();
  }

  /** Take back a decision that has not left yet. Answers whether there was one. */
  recall(decision) {
    const last = this.#waiting.at(-1);
    if (!last || last.attempted || last.undo || last.decision !== decision) return false;
    this.#waiting.pop();
    this.#save();
    this.#say("sending");
    return true;
  }

  /** Forget the undo of a decision that was refused. */
  forget(decision) {
    this.#waiting = this.#waiting.filter((entry) => !(entry.undo && entry.decision === decision));
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
    const entry = this.#waiting[0];
    entry.attempted = true; // from here on the server may know it, so it can only be undone, not recalled
    this.#save();
    let response;
    try {
      response = await this.#post(entry);
    } catch {
      response = null; // no network
    }
    if (response?.status === 401) return this.#later("signed-out");
    if (!response || response.status >= 500 || response.status === 429) {
      return this.#later("retrying", Number(response?.headers.get("Retry-After")) * 1000);
    }
    const answer = await response.json().catch(() => ({ detail: `The server answered ${response.status} without words.` }));
    return this.#settle(entry, response, answer);
  }

  #settle(entry, { ok, status }, answer) {
    this.#waiting.shift();
    this.#save();
    this.#wait = FIRST_WAIT_MS;
    if (ok) this.#report.saved(entry, answer);
    else this.#report.refused(entry, answer, status);
    return true;
  }

  #post({ decision, verdicts, again, undo }) {
    return fetch(undo ? this.#urls.undo : this.#urls.decisions, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrfToken() },
      body: JSON.stringify(undo ? { decision } : { decision, verdicts, again }),
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

// Read anew for each request: signing in again in another tab changes it.
export function csrfToken() {
  return document.cookie.match(/(?:^|;\s*)csrftoken=([^;]+)/)?.[1] ?? "";
}
