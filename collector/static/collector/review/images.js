// One <img> for each photo around the current one. Photos are served "no-store", so a second element would fetch them
// a second time: each is loaded ahead, hidden, in the very element that shows it when its turn comes.

const KEEP_BEHIND = 5; // so that undo shows its photo at once

export class Images {
  #stage;
  #onChange;
  #elements = new Map(); // photo id -> <img>, oldest shown first

  constructor(stage, onChange) {
    this.#stage = stage;
    this.#onChange = onChange;
    for (const img of stage.querySelectorAll("img[data-photo]")) this.#adopt(img, img.dataset.photo);
  }

  /** Show `photo` and load `upcoming` behind it. */
  show(photo, upcoming) {
    for (const each of [photo, ...upcoming]) if (each) this.#element(each);
    for (const [id, img] of this.#elements) img.hidden = id !== photo?.id;
    if (photo) this.#element(photo).alt = describe(photo);
    this.#prune(new Set([photo, ...upcoming].filter(Boolean).map((each) => each.id)));
  }

  /** "shown" once its pixels are there, "loading" before, "broken" if they cannot come. */
  state(photo) {
    const img = this.#elements.get(photo.id);
    if (!img?.complete) return "loading";
    return img.naturalWidth > 0 ? "shown" : "broken";
  }

  reload(photo) {
    this.#elements.get(photo.id)?.remove();
    this.#elements.delete(photo.id);
    this.show(photo, []);
  }

  #element(photo) {
    const known = this.#elements.get(photo.id);
    if (known) return known;
    const img = document.createElement("img");
    img.dataset.photo = photo.id;
    img.hidden = true;
    img.alt = "";
    img.src = photo.image;
    this.#stage.append(img);
    return this.#adopt(img, photo.id);
  }

  #adopt(img, id) {
    this.#elements.set(id, img);
    for (const event of ["load", "error"]) img.addEventListener(event, () => this.#onChange());
    // Decoded ahead, so that the next photo is painted in the frame after the key.
    img.decode().catch(() => {});
    return img;
  }

  #prune(wanted) {
    const behind = [...this.#elements.keys()].filter((id) => !wanted.has(id));
    for (const id of behind.slice(0, Math.max(0, behind.length - KEEP_BEHIND))) {
      this.#elements.get(id).remove();
      this.#elements.delete(id);
    }
  }
}

function describe(photo) {
  return photo.label ? `Photo claimed to show ${photo.label.name}` : "Photo without a claimed label";
}
