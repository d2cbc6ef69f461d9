// The photos still to decide, in the server's order, fetched before they are needed.

export class Queue {
  #url;
  #query;
  #most;
  #ahead;
  #skipped = [];
  #gone = new Set(); // decided here, perhaps not yet on the server: a refill must not bring them back
  #after; // where the server's next page starts; empty at the end
  #fetching = null;

  /** `start` is the first page, as the server put it into the document. */
  constructor(url, start, alreadyDecided) {
    this.#url = url;
    this.#query = start.query;
    this.#most = start.most;
    this.#gone = new Set(alreadyDecided);
    this.#ahead = start.photos.filter((photo) => !this.#gone.has(photo.id));
    this.#after = start.after;
    this.left = Math.max(0, start.left - this.#gone.size);
  }

  get current() {
    return this.#ahead[0] ?? null;
  }

  get skippedCount() {
    return this.#skipped.length;
  }

  get leftWords() {
    return this.left >= this.#most ? `${this.#most.toLocaleString("en")}+` : this.left.toLocaleString("en");
  }

  /** The first `count` photos. */
  screen(count) {
    return this.#ahead.slice(0, count);
  }

  /** Every photo that is here and undecided. */
  get ids() {
    return [...this.#ahead, ...this.#skipped].map((photo) => photo.id);
  }

  /** Take photos away: they are decided. */
  decide(photos) {
    const decided = new Set(photos.map((photo) => photo.id));
    this.#ahead = this.#ahead.filter((photo) => !decided.has(photo.id));
    for (const id of decided) this.#gone.add(id);
    this.left = Math.max(0, this.left - decided.size);
  }

  skip(photos) {
    const skipped = new Set(photos);
    this.#ahead = this.#ahead.filter((photo) => !skipped.has(photo));
    this.#skipped.push(...photos);
  }

  /** Bring the skipped photos back, in the order they were skipped. */
  resume() {
    this.#ahead.push(...this.#skipped.splice(0));
  }

  /** Put undone photos in front again. */
  putBack(photos) {
    for (const photo of photos) {
      this.drop(photo.id);
      this.#gone.delete(photo.id);
    }
    this.#ahead.unshift(...photos);
    this.left += photos.length;
  }

  /** Put one photo first: somebody wants to look at it closely. */
  bringForward(id) {
    const at = this.#ahead.findIndex((photo) => photo.id === id);
    if (at > 0) this.#ahead.unshift(...this.#ahead.splice(at, 1));
  }

  /** Take back a photo whose decision could not be taken, for the end: in front it would slip under a finger. */
  postpone(photo) {
    this.#gone.delete(photo.id);
    this.#skipped.push(photo);
    this.left += 1;
  }

  /** Forget a photo that turned out not to be ours to decide. */
  drop(id) {
    this.#ahead = this.#ahead.filter((photo) => photo.id !== id);
    this.#skipped = this.#skipped.filter((photo) => photo.id !== id);
    this.#gone.add(id);
  }

  /** Fetch `page` more when fewer than `below` are ahead. Answers whether anything came; never throws. */
  refill(below, page, unsent) {
    if (this.#ahead.length >= below || !this.#after) return Promise.resolve(false);
    return this.#fetch(page, unsent);
  }

  /** Start from the beginning: someone may have sent photos, or undone a decision. */
  lookAgain(page, unsent) {
    this.#after = "";
    return this.#fetch(page, unsent);
  }

  #fetch(page, unsent) {
    this.#fetching ??= this.#ask(page, unsent).finally(() => (this.#fetching = null));
    return this.#fetching;
  }

  async #ask(page, unsent) {
    const query = new URLSearchParams({ ...this.#query, limit: page });
    if (this.#after) query.set("after", this.#after);
    try {
      const response = await fetch(`${this.#url}?${query}`, { headers: { Accept: "application/json" } });
      if (!response.ok) return false;
      const batch = await response.json();
      this.#after = batch.after;
      this.left = batch.left >= batch.most ? batch.left : Math.max(0, batch.left - unsent());
      return this.#append(batch.photos);
    } catch {
      return false; // offline: the outbox says so, and the photos already here can still be decided
    }
  }

  #append(photos) {
    const known = new Set(this.ids);
    const fresh = photos.filter((photo) => !known.has(photo.id) && !this.#gone.has(photo.id));
    this.#ahead.push(...fresh);
    return fresh.length > 0;
  }
}
