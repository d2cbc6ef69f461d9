// What undo takes back, newest last: decisions taken here, and before them those of an earlier page.

export class History {
  #entries;
  #undoing = new Set(); // decisions of an earlier page: only the server knows their photos

  constructor(earlier) {
    this.#entries = earlier.map(({ decision, words }) => ({ decisions: [decision], photos: null, words }));
  }

  /** Whether photos are about to come back from the server. */
  get isBusy() {
    return this.#undoing.size > 0;
  }

  add(entry) {
    this.#entries.push(entry);
  }

  /** The newest entry, taken out; null where there is none. */
  take() {
    const entry = this.#entries.pop() ?? null;
    if (entry && !entry.photos) for (const decision of entry.decisions) this.#undoing.add(decision);
    return entry;
  }

  /** The server took a decision back. Answers whether its photos are still to be put on the screen. */
  undone(decision) {
    return this.#undoing.delete(decision);
  }

  /** Forget a photo whose verdict was refused, and return it; null where it is not known here. */
  remove(photoId) {
    for (const entry of this.#entries) {
      const at = entry.photos?.findIndex((photo) => photo.id === photoId) ?? -1;
      if (at < 0) continue;
      const [photo] = entry.photos.splice(at, 1);
      if (entry.photos.length === 0) this.#entries.splice(this.#entries.indexOf(entry), 1);
      return photo;
    }
    return null;
  }
}
