// A screen of thumbnails: everything on it is accepted at once, but what was marked. The next screen is loaded behind it.

export class Grid {
  #box;
  #size;
  #tiles = new Map(); // photo id -> tile; those of the next screen are hidden and already load
  #shown = [];
  #marks = new Map(); // photo id -> {verdict, words}
  #anchor = null; // where a range of marks began

  /** `onPress(photo)` is called when a tile is clicked, or pressed by Space or Enter. */
  constructor(box, size, onPress) {
    this.#box = box;
    this.#size = size;
    this.#box.addEventListener("click", (event) => {
      const tile = event.target.closest(".tile");
      const photo = tile && this.#shown.find((each) => each.id === tile.dataset.photo);
      if (photo) onPress(photo);
    });
  }

  get photos() {
    return this.#shown;
  }

  get focused() {
    const id = document.activeElement?.closest?.(".tile")?.dataset.photo;
    return this.#shown.find((photo) => photo.id === id) ?? null;
  }

  get marks() {
    return this.#marks;
  }

  /** Whether every thumbnail on the screen is painted. */
  get isPainted() {
    return this.#shown.every((photo) => isPainted(this.#tiles.get(photo.id)));
  }

  show(photos, upcoming) {
    const hadFocus = this.#box.contains(document.activeElement) ? this.focused?.id ?? "gone" : null;
    this.#shown = photos;
    const wanted = new Set([...photos, ...upcoming].map((photo) => photo.id));
    for (const [id, tile] of this.#tiles) {
      if (wanted.has(id)) continue;
      tile.remove();
      this.#tiles.delete(id);
      this.#marks.delete(id);
    }
    this.#arrange([...photos, ...upcoming]);
    const shown = new Set(photos.map((photo) => photo.id));
    for (const [id, tile] of this.#tiles) tile.hidden = !shown.has(id);
    if (!hadFocus) return;
    if (shown.has(hadFocus)) this.#tiles.get(hadFocus).focus();
    else this.focusFirst();
  }

  /** Bring the tiles into this order. A tile in its place stays there untouched: one that is moved loses the focus. */
  #arrange(photos) {
    let next = this.#box.firstElementChild;
    for (const photo of photos) {
      const tile = this.#tile(photo);
      if (tile === next) next = next.nextElementSibling;
      else this.#box.insertBefore(tile, next);
    }
  }

  /** The element that shows a photo; null where it is not on the screen. */
  tile(photo) {
    return (photo && this.#tiles.get(photo.id)) ?? null;
  }

  focusFirst() {
    const first = this.#shown[0];
    if (first) this.#tiles.get(first.id).focus();
  }

  /** Mark a photo with `verdict`, or take the mark away where it is the same or there is none. */
  mark(photo, verdict, words) {
    const before = this.#marks.get(photo.id);
    if (!verdict || (before && sameVerdict(before.verdict, verdict))) this.#marks.delete(photo.id);
    else this.#marks.set(photo.id, { verdict, words });
    this.#paintMark(photo);
  }

  /** Move the focus; with `extend`, mark what lies between like where it began. */
  move({ to, extend }) {
    const at = Math.max(0, this.#shown.indexOf(this.focused));
    const next = this.#target(at, to);
    const photo = this.#shown[next];
    if (!photo) return;
    if (extend) this.#extend(at, next);
    else this.#anchor = null;
    this.#tiles.get(photo.id).focus();
  }

  #extend(from, to) {
    this.#anchor ??= from;
    const like = this.#marks.get(this.#shown[this.#anchor].id);
    if (!like) return;
    const [low, high] = [Math.min(this.#anchor, to), Math.max(this.#anchor, to)];
    for (const photo of this.#shown.slice(low, high + 1)) {
      this.#marks.set(photo.id, like);
      this.#paintMark(photo);
    }
  }

  #target(at, to) {
    const columns = this.#columns();
    const steps = { left: -1, right: 1, up: -columns, down: columns };
    if (to === "first") return 0;
    if (to === "last") return this.#shown.length - 1;
    const next = at + steps[to];
    return next < 0 || next >= this.#shown.length ? at : next;
  }

  #columns() {
    const tops = this.#shown.map((photo) => this.#tiles.get(photo.id).offsetTop);
    const second = tops.findIndex((top) => top !== tops[0]);
    return second < 0 ? Math.max(1, tops.length) : second;
  }

  #tile(photo) {
    const known = this.#tiles.get(photo.id);
    if (known) return known;
    const tile = make("button", { type: "button", className: "tile" });
    tile.dataset.photo = photo.id;
    const img = make("img", { src: photo.thumbnail, alt: "" });
    img.decode().catch(() => {});
    const label = make("span", { className: photo.label ? "tile-label" : "tile-label unknown", textContent: photo.label?.name ?? "not named" });
    tile.append(img, label, make("span", { className: "tile-mark" }));
    if (photo.also.length) tile.append(make("span", { className: "tile-count", textContent: `+${photo.also.length}`, title: "photos that look alike" }));
    this.#tiles.set(photo.id, tile);
    this.#paintMark(photo);
    return tile;
  }

  #paintMark(photo) {
    const tile = this.#tiles.get(photo.id);
    const mark = this.#marks.get(photo.id);
    if (!tile) return;
    tile.dataset.mark = mark?.verdict.action ?? "";
    tile.setAttribute("aria-pressed", String(Boolean(mark)));
    tile.querySelector(".tile-mark").textContent = mark?.words ?? "";
  }
}

function isPainted(tile) {
  const img = tile.querySelector("img");
  return img.complete && img.naturalWidth > 0;
}

function sameVerdict(one, other) {
  return one.action === other.action && one.reason === other.reason && one.label === other.label;
}

function make(name, values) {
  return Object.assign(document.createElement(name), values);
}
