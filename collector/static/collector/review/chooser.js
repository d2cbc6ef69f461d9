// A short list that takes the place of the actions: reasons to reject, or labels. By number, by name, or by touch.

export class Chooser {
  #box;
  #opener;
  #actions;
  #filter;
  #choices;
  #onChoose;

  constructor(box, { opener, actions, filter = null, onChoose }) {
    this.#box = box;
    this.#opener = opener;
    this.#actions = actions;
    this.#filter = filter;
    this.#choices = [...box.querySelectorAll("[data-value]")];
    this.#onChoose = onChoose;
    for (const choice of this.#choices) choice.addEventListener("click", () => this.#take(choice));
    box.querySelector("[data-close]").addEventListener("click", () => this.close());
    filter?.addEventListener("input", () => this.#narrow());
    filter?.addEventListener("keydown", (event) => this.#typed(event));
  }

  get isOpen() {
    return !this.#box.hidden;
  }

  open() {
    this.#toggle(true);
    if (this.#filter) {
      this.#filter.value = "";
      this.#narrow();
    }
    this.#choices[0]?.focus();
  }

  close() {
    if (!this.isOpen) return;
    this.#toggle(false);
    this.#opener().focus();
  }

  choose(digit) {
    const choice = this.#choices[digit - 1];
    if (choice) this.#take(choice);
  }

  /** Let the next characters narrow the list. */
  type() {
    this.#filter?.focus();
  }

  #take(choice) {
    this.close();
    this.#onChoose(choice.dataset.value, choice.querySelector("span").textContent);
  }

  #toggle(open) {
    this.#box.hidden = !open;
    this.#actions.hidden = open;
    this.#opener().setAttribute("aria-expanded", String(open));
  }

  #typed(event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const first = this.#choices.find((choice) => !choice.hidden);
    if (first) this.#take(first);
  }

  #narrow() {
    const wanted = this.#filter.value.trim().toLocaleLowerCase();
    let first = null;
    for (const choice of this.#choices) {
      choice.hidden = !choice.dataset.name.toLocaleLowerCase().includes(wanted);
      if (!choice.hidden) first ??= choice;
    }
    for (const choice of this.#choices) choice.classList.toggle("first-match", wanted !== "" && choice === first);
    this.#box.querySelector("#label-none").hidden = first !== null;
  }
}
