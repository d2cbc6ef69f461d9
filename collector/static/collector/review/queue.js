// The photos still to decide, in the server's order, fetched before they are needed.

const REFILL_BELOW = 12; // two batches of preloaded photos stay ahead even on a slow line

export class Queue {
  #url;
  #ahead;
  #skipped = [];
  #gone = new Set(); // decided here, perhaps not yet on the server: a refill must not bring them back
  #last = null; // where the server's next batch starts
  #fetching = null;
  #atEnd;

  constructor(url, start, alreadyDecided) {
    this.#url = url;
    this.#gone = new Set(alreadyDecided);
    this.#ahead = start.photos.filter((photo) => !this.#gone.has(photo.id));
    this.#last = start.photos.at(-1)?.id ?? null;
    this.#atEnd = start.end;
    this.left = Math.max(0, start.left - this.#gone.size);
  }

  get current() {
    return this.#ahead[0] ?? null;
  }

  get skippedCount() {
    return this.#skipped.length;
  }

  next(count) {
    return this.#ahead.slice(1, 1 + count);
  }

  /** Take the current photo away: it is decided. */
  decide() {
    const photo = this.#ahead.shift();
    this.#gone.add(photo.id);
    this.left = Math.max(0, this.left - 1);
    return photo;
  }

  skip() {
    this.#skipped.push(this.#ahead.shift());
  }

  /** Bring the skipped photos back, in the order they were skipped. */
  resume() {
    this.#ahead.push(...this.#skipped.splice(0));
  }

  /** Put an undone photo in front again. */
  putBack(photo) {
    this.drop(photo.id);
    this.#gone.delete(photo.id);
    this.#ahead.unshift(photo);
    this.left += 1;
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

  /** Fetch more when few are ahead. Answers whether anything new came; never throws, the caller asks again later. */
  refill(unsent) {
    if (this.#ahead.length >= REFILL_BELOW || this.#atEnd) return Promise.resolve(false);
    return this.#fetch(unsent);
  }

  /** Start from the beginning: someone may have sent photos, or undone a decision. */
  lookAgain(unsent) {
    this.#last = null;
    return this.#fetch(unsent);
  }

  #fetch(unsent) {
    this.#fetching ??= this.#ask(unsent).finally(() => (this.#fetching = null));
    return this.#fetching;
  }

  async #ask(unsent) {
    const query = this.#last ? `?after=${encodeURIComponent(this.#last)}` : "";
    try {
      const response = await fetch(this.#url + query, { headers: { Accept: "application/json" } });
      if (!response.ok) return false;
      const batch = await response.json();
      this.#last = batch.photos.at(-1)?.id ?? this.#last;
      this.#atEnd = batch.end;
      this.left = Math.max(0, batch.left - unsent());
      return this.#append(batch.photos);
    } catch {
      return false; // offline: the outbox says so, and the photos already here can still be decided
    }
  }

  #append(photos) {
    const known = new Set([...this.#ahead, ...this.#skipped].map((photo) => photo.id));
    const fresh = photos.filter((photo) => !known.has(photo.id) && !this.#gone.has(photo.id));
    this.#ahead.push(...fresh);
    return fresh.length > 0;
  }
}
