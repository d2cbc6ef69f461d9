// The other photos of the moment: small, under the photo. One decision is about all of them, but those taken out.

export class Stack {
  #box;
  #photo = null;
  #out = new Set();

  constructor(box) {
    this.#box = box;
    box.addEventListener("click", (event) => {
      const button = event.target.closest("[data-photo]");
      if (button) this.#toggle(button);
    });
  }

  show(photo) {
    if (this.#photo === photo.id) return;
    this.#photo = photo.id;
    this.#out.clear();
    this.#box.querySelector("[data-words]").textContent =
      `${photo.also.length} more that look alike are decided with it. Press one to leave it out.`;
    this.#box.querySelector("[data-photos]").replaceChildren(...photo.also.map(thumbnail));
  }

  /** The ids that are decided together with the photo. */
  chosen(photo) {
    return photo.also.map((each) => each.id).filter((id) => !(this.#photo === photo.id && this.#out.has(id)));
  }

  #toggle(button) {
    const id = button.dataset.photo;
    if (!this.#out.delete(id)) this.#out.add(id);
    button.setAttribute("aria-pressed", String(!this.#out.has(id)));
  }
}

function thumbnail(each, at) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "stack-photo" });
  button.dataset.photo = each.id;
  button.setAttribute("aria-pressed", "true");
  button.append(Object.assign(document.createElement("img"), { src: each.thumbnail, alt: `Alike photo ${at + 1}` }));
  return button;
}
